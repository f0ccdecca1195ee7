"""Exponentials, logarithms, their kin and powers, as formulas on float32 and float64 vectors.

Every function takes and returns a Vector of element type `float` or `double` with any number of lanes, has no
branches, and gives IEEE's values at 0, -0, inf, nan and denormals. Errors stated are measured, in units in the last
place of the result (float32 / float64).
"""

from __future__ import annotations

import math

from graphc.codegen.llvm.math import polynomials
from graphc.codegen.llvm.vector import INTEGER_OF, Vector, polynomial
from graphc.records import record


@record
class Format:
    """Facts of a float format. `log2_high` has so few bits that an exponent times it is exact."""

    mantissa: int
    bias: int
    log2_high: float
    log2_low: float
    exp_low: float
    exp_high: float


FORMATS = {
    "float": Format(23, 127, 0.693359375, -2.12194440054690583e-4, -105.0, 89.0),
    "double": Format(52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10, -746.0, 710.0),
}


def _power_of_two(n: Vector, element: str) -> Vector:
    """Return 2**n of integers n that are exponents of normal numbers."""
    form = FORMATS[element]
    return ((n + form.bias) << form.mantissa).convert("bitcast", element)


def scale(x: Vector, n: Vector) -> Vector:
    """Return x * 2**n for x near 1 and an integral float n, rounded once, with denormals and overflow."""
    target = x.arithmetic.target
    if x.element == "float" and x.lanes == 16 and target.lanes == 16:
        builder = x.arithmetic.builder
        kind = x.type
        operands = [(kind, x.name), (kind, n.name), (kind, "zeroinitializer"), ("i16", "-1"), ("i32", "4")]
        name = builder.call(kind, "llvm.x86.avx512.mask.scalef.ps.512", operands)
        return Vector(x.arithmetic, name, x.element, x.lanes)
    whole = n.convert("fptosi", INTEGER_OF[x.element])
    half = whole >> 1
    return x * _power_of_two(half, x.element) * _power_of_two(whole - half, x.element)


def _reduce_exponent(x: Vector) -> tuple[Vector, Vector]:
    """Return (r, n) with x = r + n log(2), |r| <= log(2) / 2 and n integral."""
    form = FORMATS[x.element]
    n = (x * (1 / math.log(2))).rounded()
    return n.fma(-form.log2_low, n.fma(-form.log2_high, x)), n


def _exp_polynomial(r: Vector) -> Vector:
    """Return e**r - 1 for |r| <= log(2) / 2."""
    return polynomial(r, polynomials.EXP[r.element]).fma(r * r, r)


def exp(x: Vector) -> Vector:
    """Return e**x. Error below 1 / 1."""
    form = FORMATS[x.element]
    r, n = _reduce_exponent(x.at_most(form.exp_high).at_least(form.exp_low))
    return scale(_exp_polynomial(r) + 1.0, n)


def expm1(x: Vector) -> Vector:
    """Return e**x - 1 without cancellation. Error below 1.5 / 1.5."""
    form = FORMATS[x.element]
    r, n = _reduce_exponent(x.at_most(form.exp_high).at_least(-0.75 * (form.mantissa + 4)))
    # Half of everything, so that 2**n does not overflow before the sum does.
    half = _power_of_two(n.convert("fptosi", INTEGER_OF[x.element]) - 1, x.element)
    result = _exp_polynomial(r).fma(half, half - 0.5) * 2.0
    return (x.absolute() < 2.0 ** -(form.mantissa + 2)).select(x, result)


def _split(x: Vector) -> tuple[Vector, Vector]:
    """Return (m, n) with x = m 2**n, m in [sqrt(1/2), sqrt(2)) and n integral, for positive finite x."""
    form, integer = FORMATS[x.element], INTEGER_OF[x.element]
    smallest = 2.0 ** (1 - form.bias)
    is_tiny = x < smallest
    lift = form.mantissa + 2
    lifted = is_tiny.select(x * 2.0**lift, x)
    bits = lifted.convert("bitcast", integer)
    # Moves the boundary between exponents to sqrt(1/2).
    root = int(math.sqrt(0.5) * 2 ** (form.mantissa + 1)) - (1 << form.mantissa) + ((form.bias - 1) << form.mantissa)
    exponent = (bits - root) >> form.mantissa
    m = (bits - (exponent << form.mantissa)).convert("bitcast", x.element)
    n = exponent.convert("sitofp", x.element)
    return m, is_tiny.select(n - float(lift), n)


def _log1p_core(f: Vector, n: Vector, correction: Vector | None) -> Vector:
    """Return log(1 + f) + n log(2) + correction, 1 + f in [sqrt(1/2), sqrt(2)]."""
    form = FORMATS[f.element]
    low = n * form.log2_low if correction is None else n.fma(form.log2_low, correction)
    square = f * f
    half_square = square * 0.5
    if f.element == "float":
        tail = polynomial(f, polynomials.LOG) * f * square + low
        rest = tail - half_square
    else:
        s = f / (f + 2.0)
        w = s * s
        ratio = polynomial(w, polynomials.LOG_RATIO) * w
        rest = s.fma(half_square + ratio, low) - half_square
    return n.fma(form.log2_high, f + rest)


def _log_limits(x: Vector, zero_at: float, result: Vector) -> Vector:
    """Return the result with log's values where x - zero_at is 0, negative, inf or nan."""
    result = x.equals(math.inf).select(x, result)
    result = x.equals(zero_at).select(-math.inf, result)
    return x.compare("ult", zero_at).select(math.nan, result)


def log(x: Vector) -> Vector:
    """Return the natural logarithm. Error below 1 / 1."""
    m, n = _split(x)
    return _log_limits(x, 0.0, _log1p_core(m - 1.0, n, None))


def log1p(x: Vector) -> Vector:
    """Return log(1 + x) without cancellation. Error below 1.5 / 1.5."""
    total = x + 1.0
    m, n = _split(total)
    # What was lost when 1 + x was rounded, relative to the total.
    lost = (total > 2.0).select(1.0 - (total - x), x - (total - 1.0))
    is_near = n.equals(0.0)
    correction = is_near.select(0.0, lost / total)
    f = is_near.select(x, m - 1.0)
    result = _log_limits(x, -1.0, _log1p_core(f, n, correction))
    return (x.absolute() < 2.0 ** -(FORMATS[x.element].mantissa + 2)).select(x, result)


def sigmoid(x: Vector) -> Vector:
    """Return 1 / (1 + e**-x), exact to the smallest results on both sides. Error below 2.25 / 2.25."""
    e = exp(-x.absolute())
    return (x >= 0.0).select(1.0, e) / (e + 1.0)


def tanh(x: Vector) -> Vector:
    """Return the hyperbolic tangent. Error below 1.5 / 1.5."""
    a = x.absolute().at_most(10.0 if x.element == "float" else 20.0)
    square = a * a
    centre = polynomial(square, polynomials.TANH[x.element]).fma(square * x, x)
    r, n = _reduce_exponent(a * 2.0)
    power = _power_of_two(n.convert("fptosi", INTEGER_OF[x.element]), x.element)
    far = 1.0 - 2.0 / (_exp_polynomial(r).fma(power, power + 1.0))
    return (a > 0.625).select(far, centre).with_sign_of(x)


def sinh(x: Vector) -> Vector:
    """Return the hyperbolic sine. Error below 2.5 / 2.5."""
    a = x.absolute()
    t = expm1(a.at_most(20.0))
    small = (t + t / (t + 1.0)) * 0.5
    return (a > 19.0).select(_half_exp(a), small).with_sign_of(x)


def cosh(x: Vector) -> Vector:
    """Return the hyperbolic cosine. Error below 2.5 / 2.5."""
    a = x.absolute()
    e = exp(a.at_most(20.0))
    return (a > 19.0).select(_half_exp(a), e * 0.5 + 0.5 / e)


def _half_exp(a: Vector) -> Vector:
    """Return e**a / 2 with no overflow before the result's, for a >= 0."""
    form = FORMATS[a.element]
    r, n = _reduce_exponent(a.at_most(form.exp_high + 1.0))
    return scale(_exp_polynomial(r) + 1.0, n - 1.0)


def erf(x: Vector) -> Vector:
    """Return the error function. Error below 1.5 / 1.5."""
    a = x.absolute()
    square = a * a
    centre = polynomial(square.at_most(1.0), polynomials.ERF[x.element]).fma(x, x)
    if x.element == "float":
        limit, t = 0.92, a.at_most(3.95)
        tail_log = polynomial(t, polynomials.ERF_TAIL)
    else:
        limit, t = 1.0, a.at_most(5.95)
        tail_log = t.fma(t, polynomial((t - 4.0) / (t + 4.0), polynomials.ERF_TAIL_DOUBLE))
    r, n = _reduce_exponent(-tail_log.at_least(0.0))
    power = _power_of_two(n.convert("fptosi", INTEGER_OF[x.element]), x.element)
    tail = (1.0 - (_exp_polynomial(r) + 1.0) * power).with_sign_of(x)
    return (a > limit).select(tail, centre)


def erfinv(x: Vector) -> Vector:
    """Return the inverse of erf; inf at 1, nan outside [-1, 1]. Error below 4 / 8."""
    w = -log((1.0 - x) * (x + 1.0))
    if x.element == "float":
        root = w.sqrt() - 3.0
        centre = polynomial(w - 2.5, polynomials.ERFINV_CENTRE)
        ratio = (w > 5.0).select(polynomial(root, polynomials.ERFINV_TAIL), centre)
    else:
        root = w.sqrt()
        tail = polynomial(root - 5.0, polynomials.ERFINV_TAIL_DOUBLE)
        middle = polynomial(root - 3.25, polynomials.ERFINV_MIDDLE_DOUBLE)
        centre = polynomial(w - 3.125, polynomials.ERFINV_CENTRE_DOUBLE)
        ratio = (w > 6.25).select((w > 16.0).select(tail, middle), centre)
    infinite = x.like(math.inf).with_sign_of(x)
    return x.absolute().equals(1.0).select(infinite, ratio * x)


def power(x: Vector, y: Vector) -> Vector:
    """Return x**y with C's special cases. Error below 1 / 8; float32 goes through float64."""
    if x.element == "float":
        wide = x.absolute().convert("fpext", "double")
        m, n = _split(wide)
        size = exp(y.convert("fpext", "double") * _log1p_core(m - 1.0, n, None))
        return _power_limits(x, y, x.absolute(), size.convert("fptrunc", "float"))
    a = x.absolute()
    high, low = _log_twice(a)
    product = y * high
    rest = y.fma(low, y.fma(high, -product))
    size = exp(product)
    # e**(product + rest); rest is nan where product is infinite.
    size = (size.absolute() < math.inf).select(size.fma(rest, size), size)
    return _power_limits(x, y, a, size)


def _power_limits(x: Vector, y: Vector, a: Vector, size: Vector) -> Vector:
    """Return |x|**y completed with signs and special cases."""
    is_whole = y.truncated().equals(y)
    half = y * 0.5
    is_odd = is_whole & ~half.truncated().equals(half) & (y.absolute() < math.inf)
    grows = y > 0.0
    size = (a.equals(0.0) | a.equals(math.inf)).select((grows ^ a.equals(0.0)).select(math.inf, size.like(0.0)), size)
    endless = y.absolute().equals(math.inf)
    size = endless.select((grows ^ (a < 1.0)).select(math.inf, size.like(0.0)), size)
    size = (x.is_nan() | y.is_nan()).select(math.nan, size)
    is_negative = x.convert("bitcast", INTEGER_OF[x.element]) < 0
    result = (is_negative & is_odd).select(-size, size)
    undefined = (x < 0.0) & ~is_whole & (a < math.inf)
    result = undefined.select(math.nan, result)
    is_one = x.equals(1.0) | y.equals(0.0) | (endless & a.equals(1.0))
    return is_one.select(1.0, result)


def _log_twice(a: Vector) -> tuple[Vector, Vector]:
    """Return log(a) of positive finite float64 a as a sum of two numbers."""
    form = FORMATS["double"]
    m, n = _split(a)
    f = m - 1.0
    divisor = f + 2.0
    divisor_low = f - (divisor - 2.0)
    s = f / divisor
    s_low = (s.fma(-divisor, f) - s * divisor_low) / divisor
    w = s * s
    cubic = polynomial(w, polynomials.LOG_RATIO) * w * s
    # n log2_high is exact; each sum below keeps what it rounds away.
    big = n * form.log2_high
    twice = s + s
    high = big + twice
    carried = high - big
    lost = (big - (high - carried)) + (twice - carried)
    low = lost + n.fma(form.log2_low, s_low + s_low)
    total = high + cubic
    rest = (high - total) + cubic + low
    result = total + rest
    return result, rest - (result - total)
