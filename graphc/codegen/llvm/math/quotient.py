"""Quotients by multiplication: a / (sqrt(v) + c), of which every optimizer takes one a weight.

Root and quotient share the processor's divider, which takes ten and seven cycles for sixteen float32; the pipes of
multiplications, idle meanwhile, take six for the quotient.
"""

from __future__ import annotations

from graphc.codegen.llvm.vector import Vector
from graphc.codegen.target import Target
from graphc.loopir import Call, Const, Expr

# The reciprocal of what is smaller is a normal number.
_LARGEST_DIVISOR = 2.0**126


def is_estimated(e: Call, target: Target) -> bool:
    """Tell whether vectors of a Call are the `quotient` of its arguments."""
    if e.primitive != "divide" or e.dtype != "float32" or target.lanes < 16 or target.subnormals == "kept":
        return False
    divisor = e.arguments[1]
    return not isinstance(divisor, Const) and _bound(divisor) < _LARGEST_DIVISOR


def _bound(e: Expr) -> float:
    """Return what the finite absolute values of an expression do not exceed, as far as its form tells."""
    match e:
        case Const(value, _):
            return abs(float(value))
        case Call("sqrt", _, "float32"):
            return 2.0**64
        case Call("add", (a, b), "float32"):
            return _bound(a) + _bound(b)
    return float("inf")


def quotient(a: Vector, b: Vector) -> Vector:
    """Return a / b of sixteen float32, b infinite or smaller than 2**126. Error below 1.5 units in the last place.

    One of Newton's steps from the processor's estimate of 1 / b, which has 14 bits. Subnormal numbers count as 0.
    """
    builder, kind = b.arithmetic.builder, b.type
    operands = [(kind, b.name), (kind, "zeroinitializer"), ("i16", "-1")]
    estimate = Vector(b.arithmetic, builder.call(kind, "llvm.x86.avx512.rcp14.ps.512", operands), b.element, b.lanes)
    error = (-b).fma(estimate, 1.0)
    # The estimates of 0 and of infinity are exact, their errors no numbers.
    return a * (error > -0.5).select(error.fma(estimate, estimate), estimate)
