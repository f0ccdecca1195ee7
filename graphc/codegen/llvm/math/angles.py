"""Sines, tangents and their inverses, as formulas on float32 and float64 vectors (see `llvm_math_float`).

Arguments are reduced modulo pi/2 in float64 with a two-part constant and fused multiply-add, which is good for
|x| up to about 1e12; beyond 2**52 results are bounded but mean nothing. A target without fused multiply-add loses
absolute accuracy 2**-53 |x|.
"""

from __future__ import annotations

import math

from graphc.codegen.llvm.math import polynomials
from graphc.codegen.llvm.vector import INTEGER_OF, Vector, polynomial

_HALF_PI_LOW = 6.123233995736766e-17


def _reduce_angle(x: Vector) -> tuple[Vector, Vector]:
    """Return (r, quadrant) with x = r + (quadrant + 4 k) pi/2, |r| <= pi/4; the quadrant is an integer in 0..3."""
    wide = x if x.element == "double" else x.convert("fpext", "double")
    n = (wide * (2 / math.pi)).rounded()
    r = n.fma(-_HALF_PI_LOW, n.fma(-math.pi / 2, wide)).at_most(0.79).at_least(-0.79)
    quadrant = (n * 0.25).intrinsic("floor").fma(-4.0, n).saturate("i32", signed=True)
    if x.element == "float":
        return r.convert("fptrunc", "float"), quadrant
    return r, quadrant


def _sine(r: Vector, square: Vector) -> Vector:
    return polynomial(square, polynomials.SIN[r.element]).fma(square * r, r)


def _cosine(square: Vector) -> Vector:
    half = square * 0.5
    head = 1.0 - half
    tail = polynomial(square, polynomials.COS[square.element]).fma(square * square, (1.0 - head) - half)
    return head + tail


def sin(x: Vector) -> Vector:
    """Return the sine. Error below 1.5 / 1.5."""
    r, quadrant = _reduce_angle(x)
    result = _quadrants(r, quadrant)
    return x.equals(0.0).select(x, result)


def cos(x: Vector) -> Vector:
    """Return the cosine. Error below 1.5 / 1.5."""
    r, quadrant = _reduce_angle(x)
    return _quadrants(r, quadrant + 1)


def _quadrants(r: Vector, quadrant: Vector) -> Vector:
    square = r * r
    size = (quadrant & 1).equals(0).select(_sine(r, square), _cosine(square))
    return (quadrant & 2).equals(0).select(size, -size)


def tan(x: Vector) -> Vector:
    """Return the tangent. Error below 3 / 3."""
    r, quadrant = _reduce_angle(x)
    square = r * r
    sine, cosine = _sine(r, square), _cosine(square)
    is_even = (quadrant & 1).equals(0)
    result = is_even.select(sine, cosine) / is_even.select(cosine, -sine)
    return x.equals(0.0).select(x, result)


def _half_arcsin(a: Vector) -> tuple[Vector, Vector]:
    """Return (is_big, p): arcsin(a) is p, or where is_big pi/2 - 2 p, for a >= 0."""
    is_big = a > 0.5
    z = is_big.select((1.0 - a) * 0.5, a * a)
    s = is_big.select(z.sqrt(), a)
    return is_big, polynomial(z, polynomials.ARCSIN[a.element]).fma(s * z, s)


def arcsin(x: Vector) -> Vector:
    """Return the inverse sine; nan outside [-1, 1]. Error below 2.25 / 2.25."""
    is_big, p = _half_arcsin(x.absolute())
    high, low = _two_parts(math.pi / 2, _HALF_PI_LOW, x.element)
    return is_big.select(high - ((p + p) - low), p).with_sign_of(x)


def arccos(x: Vector) -> Vector:
    """Return the inverse cosine; nan outside [-1, 1]. Error below 2.25 / 2.25."""
    is_big, p = _half_arcsin(x.absolute())
    high, low = _two_parts(math.pi / 2, _HALF_PI_LOW, x.element)
    twice = p + p
    outer = (x < 0.0).select(high * 2.0 - (twice - low * 2.0), twice)
    inner = high - (p.with_sign_of(x) - low)
    return is_big.select(outer, inner)


def arctan(x: Vector) -> Vector:
    """Return the inverse tangent. Error below 2.25 / 2.25."""
    return _arctan(x.absolute()).with_sign_of(x)


def _arctan(a: Vector) -> Vector:
    """Return the inverse tangent of a >= 0."""
    is_far, is_middle = a > math.tan(3 * math.pi / 8), a > math.tan(math.pi / 8)
    above = is_far.select(-1.0, is_middle.select(a - 1.0, a))
    below = is_far.select(a, is_middle.select(a + 1.0, a.like(1.0)))
    t = above / below
    w = t * t
    high, low = _two_parts(math.pi / 2, _HALF_PI_LOW, a.element)
    zero = a.like(0.0)
    base = is_far.select(high, is_middle.select(high * 0.5, zero))
    base_low = is_far.select(low, is_middle.select(low * 0.5, zero))
    return base + (polynomial(w, polynomials.ARCTAN[a.element]).fma(w * t, t) + base_low)


def arctan2(y: Vector, x: Vector) -> Vector:
    """Return the angle of the point (x, y) in [-pi, pi]. Error below 3 / 3."""
    across, up = x.absolute(), y.absolute()
    is_steep = up > across
    shorter, longer = is_steep.select(across, up), is_steep.select(up, across)
    ratio = shorter.equals(longer).select(1.0, shorter / longer)
    angle = _arctan(longer.equals(0.0).select(0.0, ratio))
    high, low = _two_parts(math.pi / 2, _HALF_PI_LOW, x.element)
    angle = is_steep.select(high - (angle - low), angle)
    is_left = x.convert("bitcast", INTEGER_OF[x.element]) < 0
    angle = is_left.select(high * 2.0 - (angle - low * 2.0), angle).with_sign_of(y)
    return (x.is_nan() | y.is_nan()).select(x + y, angle)


def _two_parts(value: float, beyond: float, element: str) -> tuple[float, float]:
    """Return value + beyond as a number of the element type and the rest."""
    if element == "double":
        return value, beyond
    # 24 bits of the value, as float32 would round it.
    unit = 2.0 ** (math.frexp(value)[1] - 24)
    high = round(value / unit) * unit
    return high, value - high
