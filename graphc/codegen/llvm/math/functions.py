"""How the CPU spells each scalar primitive: `SPELLINGS`, complete by test.

A spelling takes the arguments as Vectors, all of one number of lanes, with their dtypes, and the dtype of the result.
Arguments of other dtypes than the formula wants are converted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from graphc import dtypes
from graphc.codegen.llvm.convert import convert, is_signed
from graphc.codegen.llvm.math import angles, floats, integers
from graphc.codegen.llvm.vector import Vector

# A constant power up to this one is multiplied out; its error stays below 1.5 units in the last place.
_LONGEST_PRODUCT = 4

# (arguments, their dtypes, dtype of the result) -> the result
Spelling = Callable[[Sequence[Vector], Sequence[str], str], Vector]
# (arguments converted to one dtype, that dtype) -> the result
Formula = Callable[[Sequence[Vector], str], Vector]


def _of_result(write: Formula) -> Spelling:
    """Return a spelling whose arguments are first converted to the result's dtype."""

    def spell(arguments: Sequence[Vector], sources: Sequence[str], dtype: str) -> Vector:
        return write(_converted(arguments, sources, dtype), dtype)

    return spell


def _of_common(write: Formula) -> Spelling:
    """Return a spelling whose arguments are first converted to their common dtype."""

    def spell(arguments: Sequence[Vector], sources: Sequence[str], _: str) -> Vector:
        common = dtypes.promote(*sources)
        return write(_converted(arguments, sources, common), common)

    return spell


def _of_truth(operation: str) -> Spelling:
    """Return the spelling of an LLVM instruction on truth values."""

    def spell(arguments: Sequence[Vector], sources: Sequence[str], _: str) -> Vector:
        a, b = _converted(arguments, sources, "bool")
        return a.operate(operation, b)

    return spell


def _converted(arguments: Sequence[Vector], sources: Sequence[str], dtype: str) -> list[Vector]:
    # Rounding to 16 bits is for casts and stores; arithmetic is done in `compute`.
    operand = dtypes.TABLE[dtype].compute
    return [convert(a, dtypes.TABLE[s].compute, operand) for a, s in zip(arguments, sources)]


def _real(write: Callable[[Vector], Vector]) -> Spelling:
    return _of_result(lambda x, _: write(x[0]))


def _compare(relation: str) -> Spelling:
    def write(x: Sequence[Vector], dtype: str) -> Vector:
        a, b = x
        if a.is_float:
            return a.compare({"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole"}[relation], b)
        if relation in ("eq", "ne"):
            return a.compare(relation, b)
        return a.compare(("s" if is_signed(dtype) else "u") + relation, b)

    return _of_common(write)


def _operate(on_floats: str, on_integers: str, on_bools: str) -> Spelling:
    def write(x: Sequence[Vector], dtype: str) -> Vector:
        a, b = x
        return a.operate(on_floats if a.is_float else on_bools if dtype == "bool" else on_integers, b)

    return _of_result(write)


def _bits(operation: str) -> Spelling:
    return _of_result(lambda x, _: x[0].operate(operation, x[1]))


def _rounding(function: str) -> Spelling:
    return _of_result(lambda x, _: x[0].intrinsic(function) if x[0].is_float else x[0])


def _logical_not(arguments: Sequence[Vector], sources: Sequence[str], _: str) -> Vector:
    return ~convert(arguments[0], sources[0], "bool")


def _where(arguments: Sequence[Vector], sources: Sequence[str], dtype: str) -> Vector:
    condition = convert(arguments[0], sources[0], "bool")
    return condition.select(*_converted(arguments[1:], sources[1:], dtype))


def _cast(arguments: Sequence[Vector], sources: Sequence[str], dtype: str) -> Vector:
    return convert(arguments[0], sources[0], dtype)


def _philox(arguments: Sequence[Vector], _: Sequence[str], __: str) -> Vector:
    word = arguments[0].constant
    assert word is not None, "the word of philox is a Const"
    return integers.philox(arguments[1:5], arguments[5:7])[int(word)]


def larger(a: Vector, b: Vector, dtype: str) -> Vector:
    """Return the larger of two; nan wins."""
    return _extremum(a, b, "gt", dtype)


def smaller(a: Vector, b: Vector, dtype: str) -> Vector:
    """Return the smaller of two; nan wins."""
    return _extremum(a, b, "lt", dtype)


def _extremum(a: Vector, b: Vector, relation: str, dtype: str) -> Vector:
    if not a.is_float:
        return a.compare(("s" if is_signed(dtype) else "u") + relation, b).select(a, b)
    if b.constant is not None and not math.isnan(b.constant):
        # One instruction of most processors, which gives its second operand where one is nan.
        return b.compare("o" + relation, a).select(b, a)
    # The comparison is false where b is nan; a nan in a has to be looked for.
    return a.is_nan().select(a, a.compare("o" + relation, b).select(a, b))


def _negative(x: Sequence[Vector], dtype: str) -> Vector:
    return ~x[0] if dtype == "bool" else -x[0]


def _absolute(x: Sequence[Vector], dtype: str) -> Vector:
    a = x[0]
    if a.is_float:
        return a.absolute()
    return (a < 0).select(-a, a) if is_signed(dtype) else a


def _sign(x: Sequence[Vector], dtype: str) -> Vector:
    a = x[0]
    if a.is_float:
        return a.equals(0.0).select(0.0, a.is_nan().select(a, a.like(1.0).with_sign_of(a)))
    if dtype == "bool":
        return a
    positive = a.equals(0).select(0, a.like(1))
    return (a < 0).select(-1, positive) if is_signed(dtype) else positive


def _divide(x: Sequence[Vector], dtype: str) -> Vector:
    return x[0] / x[1] if x[0].is_float else integers.floor_divide(x[0], x[1], dtype)


def _float_remainder(a: Vector, b: Vector) -> Vector:
    rest = a.operate("frem", b)
    is_zero = rest.equals(0.0)
    moved = (~is_zero & ((rest < 0.0) ^ (b < 0.0))).select(rest + b, rest)
    return is_zero.select(rest.with_sign_of(b), moved)


def _remainder(x: Sequence[Vector], dtype: str) -> Vector:
    a, b = x
    return _float_remainder(a, b) if a.is_float else integers.remainder(a, b, dtype)


def _floor_divide(x: Sequence[Vector], dtype: str) -> Vector:
    a, b = x
    if not a.is_float:
        return integers.floor_divide(a, b, dtype)
    rest = a.operate("frem", b)
    quotient = (a - rest) / b
    crosses = ~rest.equals(0.0) & ((rest < 0.0) ^ (b < 0.0))
    quotient = crosses.select(quotient - 1.0, quotient)
    whole = quotient.intrinsic("floor")
    # The division has rounded: the true quotient is the integer nearest to it.
    whole = (quotient - whole > 0.5).select(whole + 1.0, whole)
    ratio = a / b
    whole = quotient.equals(0.0).select(ratio.like(0.0).with_sign_of(ratio), whole)
    return b.equals(0.0).select(ratio, whole)


def _power(x: Sequence[Vector], dtype: str) -> Vector:
    base, exponent = x
    number = exponent.constant
    if number is not None and number == int(number) and 1 <= abs(number) <= _LONGEST_PRODUCT and base.is_float:
        product = _product(base, abs(int(number)))
        return product if number > 0 else 1.0 / product
    return floats.power(base, exponent) if base.is_float else integers.power(base, exponent, dtype)


def _product(base: Vector, count: int) -> Vector:
    """Return base multiplied with itself, by squaring."""
    if count == 1:
        return base
    half = _product(base, count // 2)
    return half * half if count % 2 == 0 else half * half * base


def _right_shift(x: Sequence[Vector], dtype: str) -> Vector:
    return integers.shift(x[0], x[1], "ashr" if is_signed(dtype) else "lshr")


SPELLINGS: dict[str, Spelling] = {
    "add": _operate("fadd", "add", "or"),
    "subtract": _operate("fsub", "sub", "xor"),
    "multiply": _operate("fmul", "mul", "and"),
    "divide": _of_result(_divide),
    "floor_divide": _of_result(_floor_divide),
    "remainder": _of_result(_remainder),
    "minimum": _of_result(lambda x, dtype: smaller(x[0], x[1], dtype)),
    "maximum": _of_result(lambda x, dtype: larger(x[0], x[1], dtype)),
    "power": _of_result(_power),
    "arctan2": _of_result(lambda x, _: angles.arctan2(x[0], x[1])),
    "negative": _of_result(_negative),
    "absolute": _of_result(_absolute),
    "sign": _of_result(_sign),
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "rint": _rounding("roundeven"),
    "exp": _real(floats.exp),
    "expm1": _real(floats.expm1),
    "log": _real(floats.log),
    "log1p": _real(floats.log1p),
    "sqrt": _real(Vector.sqrt),
    "rsqrt": _real(lambda x: 1.0 / x.sqrt()),
    "tanh": _real(floats.tanh),
    "sigmoid": _real(floats.sigmoid),
    "erf": _real(floats.erf),
    "erfinv": _real(floats.erfinv),
    "sin": _real(angles.sin),
    "cos": _real(angles.cos),
    "tan": _real(angles.tan),
    "arcsin": _real(angles.arcsin),
    "arccos": _real(angles.arccos),
    "arctan": _real(angles.arctan),
    "sinh": _real(floats.sinh),
    "cosh": _real(floats.cosh),
    "equal": _compare("eq"),
    "not_equal": _compare("ne"),
    "less": _compare("lt"),
    "less_equal": _compare("le"),
    "logical_and": _of_truth("and"),
    "logical_or": _of_truth("or"),
    "logical_xor": _of_truth("xor"),
    "logical_not": _logical_not,
    "bitwise_and": _bits("and"),
    "bitwise_or": _bits("or"),
    "bitwise_xor": _bits("xor"),
    "left_shift": _of_result(lambda x, _: integers.shift(x[0], x[1], "shl")),
    "right_shift": _of_result(_right_shift),
    "where": _where,
    "cast": _cast,
    "philox": _philox,
}


def identity(combine: str, dtype: str) -> bool | int | float:
    """Return the number that a fold starts from."""
    if combine in ("sum", "any"):
        return 0
    if combine in ("prod", "all"):
        return 1
    is_largest = combine in ("max", "argmax")
    if dtypes.is_float(dtype):
        return -math.inf if is_largest else math.inf
    row = dtypes.TABLE[dtype]
    if row.kind == "bool":
        return not is_largest
    if row.kind == "uint":
        return 0 if is_largest else (1 << row.bits) - 1
    return -(1 << row.bits - 1) if is_largest else (1 << row.bits - 1) - 1
