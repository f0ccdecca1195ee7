"""Vector: a register of one or more lanes with the arithmetic that the formulas of this room are written in.

One class serves both, so that a formula is written once: one lane is a scalar of LLVM. Its operators emit
instructions; Python numbers on either side become constants.
"""

from __future__ import annotations

import math
import struct
from typing import Union

from graphc.codegen.llvm.builder import FunctionBuilder
from graphc.codegen.target import Target
from graphc.records import record

Number = Union[bool, int, float]

# element type of LLVM -> (letter of intrinsic names, bits)
ELEMENTS = {
    "float": ("f32", 32), "double": ("f64", 64), "half": ("f16", 16),
    "i1": ("i1", 1), "i8": ("i8", 8), "i16": ("i16", 16), "i32": ("i32", 32), "i64": ("i64", 64),
}  # fmt: skip
FLOATS = frozenset({"float", "double", "half"})
INTEGER_OF = {"float": "i32", "double": "i64"}


def literal(value: Number, element: str) -> str:
    """Return LLVM's spelling of a number of an element type. Integers wrap to the type."""
    if element in FLOATS:
        return _float_literal(float(value), element)
    if element == "i1":
        return "true" if value else "false"
    bits = ELEMENTS[element][1]
    wrapped = int(value) & ((1 << bits) - 1)
    return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)


def _float_literal(value: float, element: str) -> str:
    if element == "float" and math.isfinite(value):
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = math.copysign(math.inf, value)
    if math.isnan(value):
        return "0x7FF8000000000000"
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def spelled(element: str, lanes: int) -> str:
    """Return the LLVM type of this many lanes of an element type."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


@record
class Arithmetic:
    """Where vectors emit to: a function that is being built, for a target."""

    builder: FunctionBuilder
    target: Target

    def constant(self, value: Number, element: str, lanes: int) -> Vector:
        """Return a constant in every lane."""
        text = literal(value, element)
        return Vector(self, text if lanes == 1 else f"splat ({element} {text})", element, lanes, value)

    def each_lane(self, values: list[Number], element: str) -> Vector:
        """Return a constant with a value for each lane."""
        if len(values) == 1:
            return self.constant(values[0], element, 1)
        text = ", ".join(f"{element} {literal(value, element)}" for value in values)
        return Vector(self, f"<{text}>", element, len(values))

    def scalar(self, operand: str | int, element: str = "i64") -> Vector:
        """Return an operand as a vector of one lane."""
        return Vector(self, str(operand), element, 1, operand if isinstance(operand, int) else None)


class Vector:
    """A value: `name` is its register or literal, `element` its LLVM element type.

    `constant` is the number where it is one and known.
    """

    __slots__ = ("arithmetic", "constant", "element", "lanes", "name")

    def __init__(
        self, arithmetic: Arithmetic, name: str, element: str, lanes: int, constant: Number | None = None
    ) -> None:
        self.arithmetic = arithmetic
        self.name = name
        self.element = element
        self.lanes = lanes
        self.constant = constant

    @property
    def type(self) -> str:
        """The LLVM type."""
        return self.element if self.lanes == 1 else f"<{self.lanes} x {self.element}>"

    @property
    def is_float(self) -> bool:
        """Whether the elements are floats."""
        return self.element in FLOATS

    @property
    def bits(self) -> int:
        """The width of an element."""
        return ELEMENTS[self.element][1]

    def like(self, value: Number | Vector) -> Vector:
        """Return a number as a constant of this type; a vector as it is."""
        if isinstance(value, Vector):
            return value
        return self.arithmetic.constant(value, self.element, self.lanes)

    def _emit(self, instruction: str, element: str | None = None) -> Vector:
        return Vector(self.arithmetic, self.arithmetic.builder.value(instruction), element or self.element, self.lanes)

    def operate(self, operation: str, other: Number | Vector) -> Vector:
        """Return the two-operand LLVM instruction of self and other."""
        return self._emit(f"{operation} {self.type} {self.name}, {self.like(other).name}")

    def __add__(self, other: Number | Vector) -> Vector:
        return self.operate("fadd" if self.is_float else "add", other)

    def __sub__(self, other: Number | Vector) -> Vector:
        return self.operate("fsub" if self.is_float else "sub", other)

    def __mul__(self, other: Number | Vector) -> Vector:
        return self.operate("fmul" if self.is_float else "mul", other)

    def __truediv__(self, other: Number | Vector) -> Vector:
        return self.operate("fdiv", other)

    def __radd__(self, other: Number) -> Vector:
        return self.like(other) + self

    def __rsub__(self, other: Number) -> Vector:
        return self.like(other) - self

    def __rmul__(self, other: Number) -> Vector:
        return self.like(other) * self

    def __rtruediv__(self, other: Number) -> Vector:
        return self.like(other) / self

    def __neg__(self) -> Vector:
        return self._emit(f"fneg {self.type} {self.name}") if self.is_float else self.like(0) - self

    def __and__(self, other: Number | Vector) -> Vector:
        return self.operate("and", other)

    def __or__(self, other: Number | Vector) -> Vector:
        return self.operate("or", other)

    def __xor__(self, other: Number | Vector) -> Vector:
        return self.operate("xor", other)

    def __invert__(self) -> Vector:
        return self.operate("xor", True if self.element == "i1" else -1)

    def __lshift__(self, other: Number | Vector) -> Vector:
        return self.operate("shl", other)

    def __rshift__(self, other: Number | Vector) -> Vector:
        return self.operate("ashr", other)

    def compare(self, relation: str, other: Number | Vector) -> Vector:
        """Return the i1 of `icmp` or `fcmp` with this relation (`olt`, `slt`, ...)."""
        operation = "fcmp" if self.is_float else "icmp"
        return self._emit(f"{operation} {relation} {self.type} {self.name}, {self.like(other).name}", "i1")

    def __lt__(self, other: Number | Vector) -> Vector:
        return self.compare("olt" if self.is_float else "slt", other)

    def __gt__(self, other: Number | Vector) -> Vector:
        return self.compare("ogt" if self.is_float else "sgt", other)

    def __le__(self, other: Number | Vector) -> Vector:
        return self.compare("ole" if self.is_float else "sle", other)

    def __ge__(self, other: Number | Vector) -> Vector:
        return self.compare("oge" if self.is_float else "sge", other)

    def equals(self, other: Number | Vector) -> Vector:
        """Return the i1 that tells where both are equal (never where one is nan)."""
        return self.compare("oeq" if self.is_float else "eq", other)

    def is_nan(self) -> Vector:
        """Return the i1 that tells where self is nan."""
        return self.compare("uno", self)

    def select(self, then: Number | Vector, otherwise: Vector) -> Vector:
        """Return `then` where self (an i1 of as many lanes) is true, else `otherwise`."""
        a = otherwise.like(then)
        return otherwise._emit(f"select {self.type} {self.name}, {a.type} {a.name}, {a.type} {otherwise.name}")

    def intrinsic(self, function: str, *others: Number | Vector, suffix: str | None = None) -> Vector:
        """Return `llvm.<function>` of self and others, all of one type."""
        letter = ELEMENTS[self.element][0]
        suffix = suffix or (letter if self.lanes == 1 else f"v{self.lanes}{letter}")
        operands = [(self.type, self.name)]
        operands += [(v.type, v.name) for v in (self.like(other) for other in others)]
        name = self.arithmetic.builder.call(self.type, f"llvm.{function}.{suffix}", operands)
        return Vector(self.arithmetic, name, self.element, self.lanes)

    def fma(self, multiplier: Number | Vector, addend: Number | Vector) -> Vector:
        """Return self * multiplier + addend, rounded once where the target can."""
        return self.intrinsic("fma" if self.arithmetic.target.fma else "fmuladd", multiplier, addend)

    def absolute(self) -> Vector:
        """Return the absolute value of floats."""
        return self.intrinsic("fabs")

    def sqrt(self) -> Vector:
        """Return the square root, correctly rounded."""
        return self.intrinsic("sqrt")

    def rounded(self) -> Vector:
        """Return the nearest integer, ties to even."""
        return self.intrinsic("roundeven")

    def truncated(self) -> Vector:
        """Return the integer towards zero."""
        return self.intrinsic("trunc")

    def with_sign_of(self, other: Vector) -> Vector:
        """Return the absolute value with another's sign."""
        return self.intrinsic("copysign", other)

    def at_most(self, bound: Number | Vector) -> Vector:
        """Return the smaller of self and a bound that is not nan; nan stays."""
        limit = self.like(bound)
        return (limit < self).select(limit, self)

    def at_least(self, bound: Number | Vector) -> Vector:
        """Return the larger of self and a bound that is not nan; nan stays."""
        limit = self.like(bound)
        return (limit > self).select(limit, self)

    def convert(self, operation: str, element: str) -> Vector:
        """Return the LLVM conversion (`sitofp`, `zext`, `bitcast`, ...) to an element type."""
        return self._emit(f"{operation} {self.type} {self.name} to {spelled(element, self.lanes)}", element)

    def saturate(self, element: str, signed: bool) -> Vector:
        """Return floats truncated to integers; what does not fit becomes the nearest bound, nan becomes 0."""
        result = spelled(element, self.lanes)
        letters = [
            ELEMENTS[e][0] if self.lanes == 1 else f"v{self.lanes}{ELEMENTS[e][0]}" for e in (element, self.element)
        ]
        name = self.arithmetic.builder.call(
            result, f"llvm.fpto{'s' if signed else 'u'}i.sat.{'.'.join(letters)}", [(self.type, self.name)]
        )
        return Vector(self.arithmetic, name, element, self.lanes)

    def splat(self, lanes: int) -> Vector:
        """Return the value of one lane in all lanes."""
        if self.lanes == lanes:
            return self
        if self.constant is not None:
            return self.arithmetic.constant(self.constant, self.element, lanes)
        kind = spelled(self.element, lanes)
        first = self.arithmetic.builder.value(f"insertelement {kind} poison, {self.element} {self.name}, i64 0")
        mask = f"<{lanes} x i32> zeroinitializer"
        name = self.arithmetic.builder.value(f"shufflevector {kind} {first}, {kind} poison, {mask}")
        return Vector(self.arithmetic, name, self.element, lanes)

    def permuted(self, lanes: list[int]) -> Vector:
        """Return the lanes of these numbers, in this order; a scalar for one."""
        if len(lanes) == 1:
            return self.lane(lanes[0])
        order = ", ".join(f"i32 {lane}" for lane in lanes)
        name = self.arithmetic.builder.value(
            f"shufflevector {self.type} {self.name}, {self.type} poison, <{len(lanes)} x i32> <{order}>"
        )
        return Vector(self.arithmetic, name, self.element, len(lanes))

    def lane(self, number: int) -> Vector:
        """Return one lane as a scalar."""
        if self.lanes == 1:
            return self
        name = self.arithmetic.builder.value(f"extractelement {self.type} {self.name}, i64 {number}")
        return Vector(self.arithmetic, name, self.element, 1)


def polynomial(x: Vector, coefficients: tuple[float, ...]) -> Vector:
    """Return the polynomial with these coefficients, lowest power first, by Estrin's scheme."""
    terms: list[Vector] = [x.like(c) for c in coefficients]
    power = x
    while len(terms) > 1:
        pairs = [terms[i + 1].fma(power, terms[i]) for i in range(0, len(terms) - 1, 2)]
        terms = pairs + ([terms[-1]] if len(terms) % 2 else [])
        if len(terms) > 1:
            power = power * power
    return terms[0]
