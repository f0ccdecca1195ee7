"""Integer formulas: division as NumPy rounds it, powers, shifts, and the Philox generator."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.llvm.convert import is_signed
from graphc.codegen.llvm.vector import Vector

# Philox 4x32-10: two multipliers, and what the two key words grow by from round to round.
_PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_PHILOX_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_PHILOX_ROUNDS = 10


def truncated_quotient(a: Vector, b: Vector, signed: bool) -> Vector:
    """Return a / b rounded towards zero, for b that is not zero (and not -1 for the lowest 64-bit a).

    Up to 32 bits a float64 division is exact and runs in lanes.
    """
    if a.bits == 64:
        return a.operate("sdiv" if signed else "udiv", b)
    into = "sitofp" if signed else "uitofp"
    quotient = a.convert(into, "double") / b.convert(into, "double")
    # In 64 bits, so that the lowest number divided by -1 wraps.
    return quotient.convert("fptosi", "i64").convert("trunc", a.element)


def floor_divide(a: Vector, b: Vector, dtype: str) -> Vector:
    """Return a // b rounded down; 0 where b is 0."""
    quotient, remainder, is_zero = _divided(a, b, dtype)
    if is_signed(dtype):
        quotient = (~remainder.equals(0) & ((remainder ^ b) < 0)).select(quotient - 1, quotient)
    return is_zero.select(0, quotient)


def remainder(a: Vector, b: Vector, dtype: str) -> Vector:
    """Return a % b with the sign of b; 0 where b is 0."""
    _, rest, is_zero = _divided(a, b, dtype)
    if is_signed(dtype):
        rest = (~rest.equals(0) & ((rest ^ b) < 0)).select(rest + b, rest)
    return is_zero.select(0, rest)


def _divided(a: Vector, b: Vector, dtype: str) -> tuple[Vector, Vector, Vector]:
    """Return the truncated quotient, its remainder, and where b is 0."""
    signed = is_signed(dtype)
    is_zero = b.equals(0)
    divisor = is_zero.select(1, b)
    if signed and a.bits == 64:
        # The processor traps on the lowest number divided by -1, which wraps to itself.
        is_minus_one = b.equals(-1)
        quotient = truncated_quotient(a, is_minus_one.select(1, divisor), signed)
        quotient = is_minus_one.select(-a, quotient)
    else:
        quotient = truncated_quotient(a, divisor, signed)
    return quotient, a - quotient * divisor, is_zero


def power(a: Vector, b: Vector, dtype: str) -> Vector:
    """Return a**b modulo the dtype's range; a negative b truncates the true value (0, except for a of 1 and -1)."""
    result, base, bits = a.like(1), a, b
    for _ in range(a.bits):
        result = (bits & 1).equals(0).select(result, result * base)
        base = base * base
        bits = bits.operate("lshr", 1)
    if not is_signed(dtype):
        return result
    is_unit = a.equals(1) | a.equals(-1)
    inverse = is_unit.select((b & 1).equals(0).select(1, a), a.like(0))
    return (b < 0).select(inverse, result)


def shift(a: Vector, b: Vector, operation: str) -> Vector:
    """Return a shifted by b bits (`shl`, `lshr`, `ashr`); by its whole width or more, all bits leave."""
    fits = b.compare("ult", a.bits)
    shifted = a.operate(operation, fits.select(b, b.like(0)))
    return fits.select(shifted, a >> (a.bits - 1) if operation == "ashr" else a.like(0))


def philox(counter: Sequence[Vector], key: Sequence[Vector]) -> tuple[Vector, Vector, Vector, Vector]:
    """Return the four words of Philox 4x32-10 (Salmon et al., 2011) of four counter and two key words, all i32."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for number in range(_PHILOX_ROUNDS):
        high0, low0 = _wide_product(c0, _PHILOX_MULTIPLIERS[0])
        high1, low1 = _wide_product(c2, _PHILOX_MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        if number + 1 < _PHILOX_ROUNDS:
            k0, k1 = k0 + _PHILOX_KEY_STEPS[0], k1 + _PHILOX_KEY_STEPS[1]
    return c0, c1, c2, c3


def _wide_product(a: Vector, factor: int) -> tuple[Vector, Vector]:
    """Return the upper and lower 32 bits of a product."""
    product = a.convert("zext", "i64") * factor
    return product.operate("lshr", 32).convert("trunc", "i32"), product.convert("trunc", "i32")
