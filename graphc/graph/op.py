"""Op: everything the compiler knows of one operation, in one frozen record; and the registry of all of them."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from graphc import dtypes
from graphc.errors import DTypeError, GraphcError, GraphError, ShapeError
from graphc.graph import provenance
from graphc.graph.node import Node, make_node
from graphc.graph.types import TensorType
from graphc.records import record

Kind = Literal["source", "elementwise", "movement", "reduction", "contraction", "structured", "composite"]


@record(eq=False)
class Op:
    """One operation.

    - `infer(*types, **attrs) -> TensorType`: the only shape and dtype rule.
    - `ref(*arrays, **attrs) -> array`: what it means, in NumPy; `attrs` have dims evaluated to ints.
    - `grad(n, g) -> cotangents`, one per input (None: no gradient flows there), written in ops;
      the record's `grad` is None where the op is not differentiable (its gradient is zero).
    - `lower(n, index, load) -> scalar expression` of the loop IR for one output element (reductions: for one
      element being folded, where `index` is the *input's* index); None for structured ops, whose template
      stands in `schedule`.
    - `lift(n, inputs) -> node`: n for all positions of one more leading axis at once: some of the inputs have it.
    - `together(n) -> ints`: how many neighbouring elements along each axis should be computed at a time, because they
      share much of their work; None where each element is for itself. Such an op always has a kernel of its own.
    - `expand(*inputs, **attrs) -> Node`: the body of a composite.
    - `fold`: a reduction's combiner: sum, prod, max, min, any, all, argmax, argmin.
    - `samples`: operands for the tests: callables of a `numpy.random.Generator` giving `(arrays, attrs)`, or
      `(arrays, function of their nodes that gives attrs)`.
    - `cost`: scalar operations an element, roughly (exp is about 10); decides what is worth computing twice.
    """

    name: str
    kind: Kind
    doc: str
    infer: Callable[..., TensorType] | None = None
    ref: Callable[..., Any] | None = None
    grad: Callable[[Node, Node], tuple[Node | None, ...]] | None = None
    lower: Callable[..., Any] | None = None
    lift: Callable[[Node, tuple[Node, ...]], Node] | None = None
    together: Callable[[Node], tuple[int, ...]] | None = None
    expand: Callable[..., Node] | None = None
    fold: str | None = None
    samples: tuple[Callable[[np.random.Generator], tuple[tuple[Any, ...], Any]], ...] = ()
    cost: int = 1

    def __post_init__(self) -> None:
        if not self.doc:
            raise GraphError(f"op '{self.name}' needs a docstring: its contract")
        needed: dict[str, object]
        if self.kind == "composite":
            needed = {"expand": self.expand}
        elif self.kind == "source":
            needed = {"ref": self.ref}
        elif self.kind == "structured":
            needed = {"infer": self.infer, "ref": self.ref}
        else:
            needed = {"infer": self.infer, "ref": self.ref, "lower": self.lower}
        if self.kind == "reduction":
            needed["fold"] = self.fold
        missing = [rule for rule, given in needed.items() if given is None]
        if missing:
            raise GraphError(f"op '{self.name}' ({self.kind}) lacks {', '.join(missing)}")


REGISTRY: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Add the op to the registry and return it. Raises GraphError where the name is taken."""
    if op.name in REGISTRY:
        raise GraphError(f"op '{op.name}' is registered twice")
    REGISTRY[op.name] = op
    return op


def apply(op: Op, *inputs: Node, **attrs: Any) -> Node:
    """Return the node `op(*inputs, **attrs)`, its type inferred.

    Errors of the shape rule are raised again with the op, the input types, the layer and the user's line.
    """
    for n in inputs:
        if not isinstance(n, Node):
            raise GraphError(f"{op.name} takes nodes, not {type(n).__name__}")
    try:
        if op.infer is not None:
            type_ = op.infer(*(n.type for n in inputs), **attrs)
        else:
            assert op.expand is not None
            type_ = op.expand(*inputs, **attrs).type
    except (ShapeError, DTypeError) as error:
        raise locate(error, op.name, inputs) from error
    return make_node(op, inputs, attrs, type_)


def locate(error: ShapeError | DTypeError, name: str, inputs: Sequence[Node]) -> ShapeError | DTypeError:
    """Return the error with the op, its inputs' types, the layer and the user's line; itself where it has them."""
    if getattr(error, "located", False):
        return error
    given = ", ".join(str(n.type) for n in inputs)
    place = str(provenance.current())
    located = type(error)(f"{name}({given}): {error}" + (f" [{place}]" if place else ""))
    located.located = True  # type: ignore[union-attr]
    return located


def constant(value: Any, dtype: str | None = None) -> Node:
    """Return the constant node of an array or a number; `dtype` defaults to the value's (float: float32).

    Raises DTypeError for what is neither.
    """
    if dtype is None and isinstance(value, float):
        dtype = "float32"
    array = np.array(value, dtype=None if dtype is None else dtypes.numpy_dtype(dtype))
    if array.dtype.kind in "OSU":
        raise DTypeError(f"takes nodes, arrays and numbers, not {type(value).__name__} {reprlib.repr(value)}")
    array = np.ascontiguousarray(array).reshape(array.shape)
    array.flags.writeable = False
    return make_node(CONSTANT, (), {"value": array}, TensorType(array.shape, dtypes.canonical(array.dtype)))


def placeholder(type_: TensorType, name: str, identity: int) -> Node:
    """Return the placeholder node of this type, name and identity (a number no other placeholder has)."""
    return make_node(PLACEHOLDER, (), {"name": name, "identity": identity}, type_)


_identities = itertools.count()


def fresh_identity() -> int:
    """Return a number for a new placeholder, told apart from all before."""
    return next(_identities)


def _constant_ref(*, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return value


def _fed_ref(**attrs: Any) -> Any:
    raise GraphcError(f"'{attrs.get('name')}' has no value of its own: it must be fed")


CONSTANT = register(Op("constant", "source", "A fixed array, its attribute `value`.", ref=_constant_ref))
PLACEHOLDER = register(
    Op("placeholder", "source", "An array given at each call, told apart by `identity`.", ref=_fed_ref)
)
STATE = register(Op("state", "source", "An array that lives between calls, its attribute `state`.", ref=_fed_ref))


def is_constant(n: Node) -> bool:
    """Tell whether the node is a constant."""
    return n.op is CONSTANT


def constant_value(n: Node) -> np.ndarray[Any, Any] | None:
    """Return a constant's array, None for other nodes."""
    return n.attrs["value"] if n.op is CONSTANT else None


def as_node(value: Any, like: Node | None = None) -> Node:
    """Return `value` as a node. A Python number beside `like` is weak: it takes like's dtype.

    A Python float beside an integer or bool lifts to float32; a Python int beside a bool to int32.
    """
    if isinstance(value, Node):
        return value
    if like is not None and isinstance(value, (bool, int, float)):
        dtype = like.dtype
        if isinstance(value, float) and not dtypes.is_float(dtype):
            dtype = "float32"
        elif type(value) is int and dtype == "bool":
            dtype = "int32"
        return constant(value, dtype)
    return constant(value)


def rebuild(n: Node, inputs: tuple[Node, ...], attrs: Mapping[str, Any] | None = None) -> Node:
    """Return the same op on other inputs, keeping n's provenance; `n` itself where nothing changed."""
    if attrs is None and len(inputs) == len(n.inputs):
        if all(a is b for a, b in zip(inputs, n.inputs)):
            return n
        if all(a.type == b.type for a, b in zip(inputs, n.inputs)):
            # A type follows from the inputs' types and the attributes alone.
            return make_node(n.op, inputs, n.attrs, n.type, n.provenance)
    with provenance.inheriting(n.provenance):
        return apply(n.op, *inputs, **(n.attrs if attrs is None else attrs))
