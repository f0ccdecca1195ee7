"""How CUDA C spells dtypes, literals and each scalar primitive: `SPELLINGS`, complete by test.

A spelling takes the arguments as C expressions of the dtypes they are computed in, their dtypes, and the result's
dtype; it returns a C expression, which the caller binds to a variable of the result's type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from graphc import dtypes

# What an element is in memory; 16-bit floats are their bits, a truth value is a byte of 0 or 1.
STORAGE = {
    "bool": "unsigned char", "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int",
    "uint64": "unsigned long long", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "bfloat16": "unsigned short", "float16": "unsigned short", "float32": "float", "float64": "double",
}  # fmt: skip
# What it is in a register.
COMPUTE = STORAGE | {"bool": "bool", "bfloat16": "float", "float16": "float"}
_UNSIGNED = {8: "unsigned char", 16: "unsigned short", 32: "unsigned int", 64: "unsigned long long"}
# A constant power up to this one is multiplied out.
_LONGEST_PRODUCT = 4

Spelling = Callable[[Sequence[str], Sequence[str], str], str]
# (arguments converted to one dtype, that dtype) -> the result
Formula = Callable[[Sequence[str], str], str]


def literal(value: bool | int | float, dtype: str) -> str:
    """Return a number as a C literal of the type that dtype is computed in."""
    kind = dtypes.TABLE[dtype].kind
    if kind == "bool":
        return "true" if value else "false"
    if kind != "float":
        number = int(value)
        if number == -(1 << 63):
            return "(-9223372036854775807LL - 1)"
        suffix = ("U" if kind == "uint" else "") + ("LL" if dtypes.TABLE[dtype].bits == 64 else "")
        text = f"{number}{suffix}"
        return f"({text})" if number < 0 else text
    number_ = float(value)
    is_double = dtype == "float64"
    if math.isnan(number_):
        return "__longlong_as_double(0x7ff8000000000000LL)" if is_double else "__int_as_float(0x7fc00000)"
    if math.isinf(number_):
        bits = "0x7ff0000000000000LL" if is_double else "0x7f800000"
        text = f"__longlong_as_double({bits})" if is_double else f"__int_as_float({bits})"
        return text if number_ > 0 else f"(-{text})"
    text = repr(number_) + ("" if is_double else "f")
    return f"({text})" if math.copysign(1.0, number_) < 0 else text


def loaded(text: str, dtype: str) -> str:
    """Return what is in memory as it is computed with."""
    match dtype:
        case "bool":
            return f"({text} != 0)"
        case "bfloat16" | "float16":
            return f"gc_from_{dtype}({text})"
        case _:
            return text


def stored(text: str, dtype: str) -> str:
    """Return a computed value of dtype as it is in memory; 16-bit floats round to nearest, ties to even."""
    return f"gc_to_{dtype}({text})" if dtype in ("bfloat16", "float16") else text


def convert(text: str, source: str, target: str) -> str:
    """Return a computed value of dtype `source` as one of dtype `target`.

    Floats become integers by truncation; what does not fit becomes the nearest bound, nan becomes 0. Integers wrap.
    Anything but 0 is true. float16 and bfloat16 are rounded to as if stored.
    """
    if source == target:
        return text
    if target == "bool":
        return f"({text} != 0)"
    if target in ("bfloat16", "float16"):
        return f"gc_from_{target}(gc_to_{target}({_as(text, 'float32')}))"
    if dtypes.is_integer(target) and dtypes.is_float(source):
        return _saturated(text, dtypes.TABLE[source].compute, target)
    return _as(text, target)


def _as(text: str, dtype: str) -> str:
    return f"({COMPUTE[dtype]})({text})"


def _saturated(text: str, source: str, target: str) -> str:
    row = dtypes.TABLE[target]
    low, high = (-(1 << row.bits - 1), (1 << row.bits - 1) - 1) if row.kind == "int" else (0, (1 << row.bits) - 1)
    bounds = f"{literal(float(low), source)}, {literal(float(high), source)}"
    kinds = f"{COMPUTE[target]}, {COMPUTE[source]}"
    return f"gc_saturate<{kinds}>({text}, {bounds}, {literal(low, target)}, {literal(high, target)})"


def _compute(text: str, source: str, target: str) -> str:
    # Rounding to 16 bits is for casts and stores; arithmetic is done in `compute`.
    return convert(text, dtypes.TABLE[source].compute, dtypes.TABLE[target].compute)


def _of_result(write: Formula) -> Spelling:
    """Return a spelling whose arguments are first converted to the result's dtype."""

    def spell(arguments: Sequence[str], sources: Sequence[str], dtype: str) -> str:
        return write([_compute(a, s, dtype) for a, s in zip(arguments, sources)], dtype)

    return spell


def _of_common(operator: str) -> Spelling:
    """Return the spelling of a comparison: the arguments are first converted to their common dtype."""

    def spell(arguments: Sequence[str], sources: Sequence[str], _: str) -> str:
        common = dtypes.promote(*sources)
        a, b = (_compute(x, s, common) for x, s in zip(arguments, sources))
        return f"({a} {operator} {b})"

    return spell


def _of_truth(operator: str) -> Spelling:
    def spell(arguments: Sequence[str], sources: Sequence[str], _: str) -> str:
        a, b = (_compute(x, s, "bool") for x, s in zip(arguments, sources))
        return f"({a} {operator} {b})"

    return spell


def _operator(operator: str, on_bools: str) -> Spelling:
    """Return the spelling of an operator; integers wrap, which C promises of unsigned ones only."""

    def write(x: Sequence[str], dtype: str) -> str:
        a, b = x
        row = dtypes.TABLE[dtype]
        if row.kind == "bool":
            return f"({a} {on_bools} {b})"
        if row.kind == "float":
            return f"({a} {operator} {b})"
        unsigned = _UNSIGNED[max(row.bits, 32)]
        return f"({STORAGE[dtype]})(({unsigned}){a} {operator} ({unsigned}){b})"

    return _of_result(write)


def _bits(operator: str) -> Spelling:
    return _of_result(lambda x, _: f"({x[0]} {operator} {x[1]})")


def _real(function: str) -> Spelling:
    """Return the spelling of a function of CUDA's mathematics: `function` for doubles, with an f for floats."""

    def write(x: Sequence[str], dtype: str) -> str:
        return f"{function}{'' if dtype == 'float64' else 'f'}({', '.join(x)})"

    return _of_result(write)


def _call(function: str) -> Spelling:
    """Return the spelling of a template of the prelude."""
    return _of_result(lambda x, dtype: f"{function}<{COMPUTE[dtype]}>({', '.join(x)})")


def _rounding(function: str) -> Spelling:
    def write(x: Sequence[str], dtype: str) -> str:
        if not dtypes.is_float(dtype):
            return x[0]
        return f"{function}{'' if dtype == 'float64' else 'f'}({x[0]})"

    return _of_result(write)


def _by_kind(real: str, integer: str) -> Formula:
    def write(x: Sequence[str], dtype: str) -> str:
        function = real if dtypes.is_float(dtype) else f"{integer}<{COMPUTE[dtype]}>"
        return f"{function}({', '.join(x)})"

    return write


_floor_divide = _by_kind("gc_floor_divide_real", "gc_floor_divide_integer")


def _divide(x: Sequence[str], dtype: str) -> str:
    return f"({x[0]} / {x[1]})" if dtypes.is_float(dtype) else _floor_divide(x, dtype)


def _divide_whole(x: Sequence[str], dtype: str) -> str:
    return f"({x[0]} & {x[1]})" if dtype == "bool" else _floor_divide(x, dtype)


def _power(x: Sequence[str], dtype: str) -> str:
    base, exponent = x
    if not dtypes.is_float(dtype):
        return f"gc_power_integer<{COMPUTE[dtype]}>({base}, {exponent})"
    try:
        number = float(exponent.strip("()").removesuffix("f"))
    except ValueError:
        number = 0.0
    if number == int(number) and 1 <= abs(number) <= _LONGEST_PRODUCT:
        product = " * ".join([base] * abs(int(number)))
        return f"({product})" if number > 0 else f"(1 / ({product}))"
    return f"pow{'' if dtype == 'float64' else 'f'}({base}, {exponent})"


def _negative(x: Sequence[str], dtype: str) -> str:
    row = dtypes.TABLE[dtype]
    if row.kind == "bool":
        return f"(!{x[0]})"
    if row.kind == "float":
        return f"(-{x[0]})"
    return f"({STORAGE[dtype]})(0 - ({_UNSIGNED[max(row.bits, 32)]}){x[0]})"


def _absolute(x: Sequence[str], dtype: str) -> str:
    if dtypes.is_float(dtype):
        return f"fabs{'' if dtype == 'float64' else 'f'}({x[0]})"
    return f"({x[0]} < 0 ? {_negative(x, dtype)} : {x[0]})" if dtypes.TABLE[dtype].kind == "int" else x[0]


def _logical_not(arguments: Sequence[str], sources: Sequence[str], _: str) -> str:
    return f"(!{_compute(arguments[0], sources[0], 'bool')})"


def _where(arguments: Sequence[str], sources: Sequence[str], dtype: str) -> str:
    condition = _compute(arguments[0], sources[0], "bool")
    a, b = (_compute(x, s, dtype) for x, s in zip(arguments[1:], sources[1:]))
    return f"({condition} ? {a} : {b})"


def _cast(arguments: Sequence[str], sources: Sequence[str], dtype: str) -> str:
    return convert(arguments[0], sources[0], dtype)


def _philox(arguments: Sequence[str], _: Sequence[str], __: str) -> str:
    return f"gc_philox({', '.join(arguments)})"


SPELLINGS: dict[str, Spelling] = {
    "add": _operator("+", "||"),
    "subtract": _operator("-", "!="),
    "multiply": _operator("*", "&&"),
    "divide": _of_result(_divide),
    "floor_divide": _of_result(_divide_whole),
    "remainder": _of_result(_by_kind("gc_remainder_real", "gc_remainder_integer")),
    "minimum": _call("gc_minimum"),
    "maximum": _call("gc_maximum"),
    "power": _of_result(_power),
    "arctan2": _real("atan2"),
    "negative": _of_result(_negative),
    "absolute": _of_result(_absolute),
    "sign": _call("gc_sign"),
    "floor": _rounding("floor"),
    "ceil": _rounding("ceil"),
    "rint": _rounding("rint"),
    "exp": _real("exp"),
    "expm1": _real("expm1"),
    "log": _real("log"),
    "log1p": _real("log1p"),
    "sqrt": _real("sqrt"),
    "rsqrt": _of_result(lambda x, dtype: f"(1 / sqrt{'' if dtype == 'float64' else 'f'}({x[0]}))"),
    "tanh": _real("tanh"),
    "sigmoid": _of_result(lambda x, _: f"gc_sigmoid({x[0]})"),
    "erf": _real("erf"),
    "erfinv": _real("erfinv"),
    "sin": _real("sin"),
    "cos": _real("cos"),
    "tan": _real("tan"),
    "arcsin": _real("asin"),
    "arccos": _real("acos"),
    "arctan": _real("atan"),
    "sinh": _real("sinh"),
    "cosh": _real("cosh"),
    "equal": _of_common("=="),
    "not_equal": _of_common("!="),
    "less": _of_common("<"),
    "less_equal": _of_common("<="),
    "logical_and": _of_truth("&&"),
    "logical_or": _of_truth("||"),
    "logical_xor": _of_truth("!="),
    "logical_not": _logical_not,
    "bitwise_and": _bits("&"),
    "bitwise_or": _bits("|"),
    "bitwise_xor": _bits("^"),
    "left_shift": _call("gc_left_shift"),
    "right_shift": _call("gc_right_shift"),
    "where": _where,
    "cast": _cast,
    "philox": _philox,
}


def combiner(combine: str, dtype: str) -> str:
    """Return the prelude's struct for a fold of values of this dtype."""
    if dtype == "bool":
        combine = {"sum": "any", "max": "any", "prod": "all", "min": "all"}.get(combine, combine)
    return f"gc_{combine}"


def identity(combine: str, dtype: str) -> str:
    """Return the literal that a fold of this dtype starts from."""
    row = dtypes.TABLE[dtype]
    match combine:
        case "sum" | "any":
            return literal(0, dtype)
        case "prod" | "all":
            return literal(1, dtype)
    is_largest = combine in ("max", "argmax")
    if row.kind == "float":
        return literal(-math.inf if is_largest else math.inf, dtype)
    if row.kind == "bool":
        return literal(not is_largest, dtype)
    low, high = (-(1 << row.bits - 1), (1 << row.bits - 1) - 1) if row.kind == "int" else (0, (1 << row.bits) - 1)
    return literal(low if is_largest else high, dtype)
