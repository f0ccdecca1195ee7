"""dtypes in LLVM: what an element is in memory, what it is in a register, and the conversions between dtypes."""

from __future__ import annotations

from graphc import dtypes
from graphc.codegen.llvm.vector import ELEMENTS, Vector

# What an element is in memory. 16-bit floats are handled as their bits: not every processor has the types.
STORAGE = {
    "bool": "i8", "uint8": "i8", "uint16": "i16", "uint32": "i32", "uint64": "i64",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "bfloat16": "i16", "float16": "i16", "float32": "float", "float64": "double",
}  # fmt: skip

# What an element is in a register, where arithmetic happens.
COMPUTE = STORAGE | {"bool": "i1", "bfloat16": "float", "float16": "float"}


def is_signed(dtype: str) -> bool:
    """Tell whether an integer dtype has a sign."""
    return dtypes.TABLE[dtype].kind == "int"


def from_storage(value: Vector, dtype: str) -> Vector:
    """Return what was loaded as elements of dtype, as it is computed with."""
    match dtype:
        case "bool":
            return value.compare("ne", 0)
        case "float16" if value.arithmetic.target.half:
            return value.convert("bitcast", "half").convert("fpext", "float")
        case "float16":
            return _widened_half(value)
        case "bfloat16":
            return (value.convert("zext", "i32") << 16).convert("bitcast", "float")
        case _:
            return value


def to_storage(value: Vector, dtype: str) -> Vector:
    """Return a computed value of dtype as it is stored. float16 and bfloat16 round to nearest, ties to even."""
    match dtype:
        case "bool":
            return value.convert("zext", "i8")
        case "float16" if value.arithmetic.target.half:
            return value.convert("fptrunc", "half").convert("bitcast", "i16")
        case "float16":
            return _to_half(value)
        case "bfloat16":
            return _to_bfloat16(value)
        case _:
            return value


def _to_bfloat16(value: Vector) -> Vector:
    bits = value.convert("bitcast", "i32")
    upper = bits.operate("lshr", 16)
    rounded = (bits + 0x7FFF + (upper & 1)).operate("lshr", 16)
    # A nan keeps its upper bits and stays quiet, lest rounding carry it into infinity.
    return value.is_nan().select(upper | 0x40, rounded).convert("trunc", "i16")


def _widened_half(value: Vector) -> Vector:
    bits = value.convert("zext", "i32")
    shifted = (bits & 0x7FFF) << 13
    # A subnormal half is what its bits add to the smallest normal one: no subnormal float32 may come up here.
    tiny = (shifted + (113 << 23)).convert("bitcast", "float") - 2.0**-14
    normal = (shifted + (112 << 23)).convert("bitcast", "float")
    size = (bits & 0x7C00).equals(0).select(tiny, normal)
    endless = (bits & 0x7C00).equals(0x7C00)
    size_bits = size.convert("bitcast", "i32")
    size_bits = endless.select(size_bits | 0x7F800000, size_bits)
    return (size_bits | ((bits & 0x8000) << 16)).convert("bitcast", "float")


def _to_half(value: Vector) -> Vector:
    size = value.absolute()
    bits = size.convert("bitcast", "i32")
    odd = bits.operate("lshr", 13) & 1
    normal = (bits - (112 << 23) + 0xFFF + odd).operate("lshr", 13)
    # One half has the denormals' last place as its own: adding it rounds them.
    tiny = (size + 0.5).convert("bitcast", "i32") - (126 << 23)
    result = (size < 2.0**-14).select(tiny, normal)
    result = (size >= 65520.0).select(0x7C00, result)
    result = value.is_nan().select(0x7E00, result)
    sign = value.convert("bitcast", "i32").operate("lshr", 16) & 0x8000
    return (result | sign).convert("trunc", "i16")


def convert(value: Vector, source: str, target: str) -> Vector:
    """Return a computed value of dtype `source` as one of dtype `target`.

    Floats become integers by truncation; what does not fit becomes the nearest bound, nan becomes 0. Integers wrap.
    Anything but 0 is true. float16 and bfloat16 are rounded to as if stored.
    """
    if source == target:
        return value
    if dtypes.is_float(target):
        return _to_float(value, source, target)
    if target == "bool":
        return value.compare("une" if value.is_float else "ne", 0)
    element = COMPUTE[target]
    if value.is_float:
        return value.saturate(element, is_signed(target))
    if source == "bool":
        return value.convert("zext", element)
    return _resize(value, source, element)


def _to_float(value: Vector, source: str, target: str) -> Vector:
    element = COMPUTE[target]
    if value.constant is not None and dtypes.TABLE[target].bits >= 32:
        return value.arithmetic.constant(value.constant, element, value.lanes)
    if not value.is_float:
        value = value.convert("sitofp" if is_signed(source) else "uitofp", element)
    elif value.bits < 64 and element == "double":
        value = value.convert("fpext", element)
    elif value.bits == 64 and element == "float":
        value = value.convert("fptrunc", element)
    if dtypes.TABLE[target].bits == 16:
        return from_storage(to_storage(value, target), target)
    return value


def _resize(value: Vector, source: str, element: str) -> Vector:
    bits = ELEMENTS[element][1]
    if bits == value.bits:
        return value
    if bits < value.bits:
        return value.convert("trunc", element)
    return value.convert("sext" if is_signed(source) else "zext", element)
