"""How op records are made: `Primitive` classes, `unary` and `binary`, `composite`; and the builders' common parts.

A builder is the public function of an op (`ops.matmul`): it takes nodes, arrays and Python numbers, promotes
dtypes, normalises attributes and applies the record. Records live in `graph.REGISTRY`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, ParamSpec, Protocol, TypeAlias

import numpy as np

from graphc import dtypes, ops
from graphc.errors import DTypeError, GraphError, ShapeError, UsageError
from graphc.graph import Node, Op, TensorType, apply, as_node, broadcast_shapes, locate, register, register_builder
from graphc.loopir import Call, Expr
from graphc.ops.axes import normalize_axes, normalize_axis
from graphc.ops.lift import lift_broadcasting
from graphc.ops.lowering import LoadInput, Position, broadcast_index

Array: TypeAlias = np.ndarray[Any, Any]
Operand: TypeAlias = Node | Array | np.generic | bool | int | float | Sequence[Any]
Gradient: TypeAlias = Callable[[Node, Node], tuple[Node | None, ...]]
# Attributes that depend on the operands' types are a function of their nodes.
Attributes: TypeAlias = dict[str, Any] | Callable[[Sequence[Node]], dict[str, Any]]
# As text: evaluating it would import numpy.random.
Sample: TypeAlias = "Callable[[np.random.Generator], tuple[tuple[Any, ...], Attributes]]"
Accepts: TypeAlias = Literal["any", "number", "float", "integer", "bool"]
P = ParamSpec("P")

_RULES = {"infer", "ref", "grad", "lower", "lift", "together", "samples"}


class Primitive:
    """Base of classes whose functions are the rules of one op; the class is a namespace and is never instantiated.

    The docstring is the op's contract; the rules are as in `graph.Op`. The record is `op`.
    Raises GraphError at import for a rule that is missing or that no op has.
    """

    op: ClassVar[Op]

    def __init_subclass__(cls, name: str, kind: Any, fold: str | None = None, cost: int = 1) -> None:
        rules = {rule: value for rule, value in vars(cls).items() if not rule.startswith("__")}
        unknown = sorted(set(rules) - _RULES)
        if unknown:
            raise GraphError(f"op '{name}' has rules that no op has: {', '.join(unknown)}")
        if kind == "elementwise":
            rules.setdefault("lift", lift_broadcasting)
        cls.op = register(Op(name, kind, cls.__doc__ or "", fold=fold, cost=cost, **rules))


class Unary(Protocol):
    """A builder of one operand."""

    def __call__(self, x: Operand) -> Node: ...


class Binary(Protocol):
    """A builder of two operands, which broadcast."""

    def __call__(self, x: Operand, y: Operand) -> Node: ...


def builder(build: Callable[P, Node]) -> Callable[P, Node]:
    """Register a function as the builder of its name; its shape and dtype errors get the op, types and user's line."""

    @functools.wraps(build)
    def located(*args: P.args, **kwargs: P.kwargs) -> Node:
        try:
            return build(*args, **kwargs)
        except (ShapeError, DTypeError) as error:
            raise locate(error, build.__name__, [a for a in args if isinstance(a, Node)]) from error

    register_builder(build.__name__, located)
    return located


def as_nodes(*values: Operand) -> tuple[Node, ...]:
    """Return the values as nodes; Python numbers are weak: they take the dtype of the first node or array."""
    like = next((as_node(v) for v in values if not isinstance(v, (bool, int, float))), None)
    return tuple([as_node(v, like) for v in values])


def promoted(*values: Operand, accepts: Accepts = "any") -> tuple[Node, ...]:
    """Return the values as nodes of one dtype: the join of theirs, lifted to one that the op accepts.

    number: bool becomes int32; float: others become float32; bool: others are compared with zero. Raises DTypeError
    where integers are asked for and floats given.
    """
    nodes = as_nodes(*values)
    dtype = acceptable(dtypes.promote(*[n.type.dtype for n in nodes]), accepts)
    return tuple([n if n.type.dtype == dtype else ops.cast(n, dtype) for n in nodes])


def acceptable(dtype: str, accepts: Accepts) -> str:
    """Return the dtype that operands of `dtype` are cast to before an op that accepts only such dtypes."""
    match accepts:
        case "number" if dtype == "bool":
            return "int32"
        case "float" if not dtypes.is_float(dtype):
            return "float32"
        case "bool":
            return "bool"
        case "integer" if dtypes.is_float(dtype):
            raise DTypeError(f"takes integers or booleans, not {dtype}")
    return dtype


def in_compute_dtype(ref: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a NumPy function so that float16 and bfloat16 arrays are computed in float32 and rounded once."""

    @functools.wraps(ref)
    def run(*arrays: Array, **attrs: Any) -> Any:
        storage = next((a.dtype for a in arrays if dtypes.TABLE[a.dtype.name].compute != a.dtype.name), None)
        with np.errstate(all="ignore"):
            if storage is None:
                return ref(*arrays, **attrs)
            wide = np.asarray(ref(*(a.astype(np.float32) if a.dtype == storage else a for a in arrays), **attrs))
        return wide.astype(storage) if wide.dtype == np.float32 else wide

    return run


def unbroadcast(grad: Gradient) -> Gradient:
    """Return the rule with each cotangent summed to its input's shape: the adjoint of implicit broadcasting."""

    def summed(n: Node, g: Node) -> tuple[Node | None, ...]:
        return tuple(None if c is None else ops.sum_to(c, x.shape) for c, x in zip(grad(n, g), n.inputs))

    return summed


def elementwise(
    name: str,
    ref: Callable[..., Any],
    doc: str,
    samples: Sequence[Sample],
    grad: Gradient | None = None,
    result: str | None = None,
    cost: int = 1,
) -> Op:
    """Register an op that applies the scalar primitive `name` to broadcasting operands of one dtype.

    The result has the operands' dtype, or `result`. `grad` may leave broadcasting alone: it is undone here.
    """

    def infer(*types: TensorType) -> TensorType:
        if len({t.dtype for t in types}) > 1:
            raise DTypeError(f"takes operands of one dtype, not {' and '.join(t.dtype for t in types)}")
        return TensorType(broadcast_shapes(*(t.shape for t in types)), result or types[0].dtype)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        arguments = (load(i, broadcast_index(x.shape, index)) for i, x in enumerate(n.inputs))
        return Call(name, tuple(arguments), n.dtype)

    return register(
        Op(
            name, "elementwise", doc, infer, in_compute_dtype(ref), unbroadcast(grad) if grad else None, lower,
            lift_broadcasting, cost=cost, samples=tuple(samples),
        )
    )  # fmt: skip


def unary(
    name: str,
    ref: Callable[..., Any],
    doc: str,
    grad: Gradient | None = None,
    accepts: Accepts = "float",
    result: str | None = None,
    cost: int = 1,
    samples: Sequence[Sample] = (),
) -> Unary:
    """Register an elementwise op of one operand and return its builder; `samples` default to normal numbers."""
    chosen = samples or operands(accepts, (3, 5))
    op = elementwise(name, ref, doc, chosen, grad, result, cost)

    def build(x: Operand) -> Node:
        return apply(op, *promoted(x, accepts=accepts))

    return builder(_named(build, name, doc))


def binary(
    name: str,
    ref: Callable[..., Any],
    doc: str,
    grad: Gradient | None = None,
    accepts: Accepts = "number",
    result: str | None = None,
    cost: int = 1,
    samples: Sequence[Sample] = (),
) -> Binary:
    """Register an elementwise op of two broadcasting operands and return its builder."""
    shapes = (((3, 5), (3, 5)), ((2, 3, 5), (5,)), ((3, 1), (1, 5)), ((), (4,)))
    chosen = samples or tuple(sample for pair in shapes for sample in operands(accepts, *pair))
    op = elementwise(name, ref, doc, chosen, grad, result, cost)

    def build(x: Operand, y: Operand) -> Node:
        return apply(op, *promoted(x, y, accepts=accepts))

    return builder(_named(build, name, doc))


def _named(build: Callable[P, Node], name: str, doc: str) -> Callable[P, Node]:
    build.__name__ = build.__qualname__ = name
    build.__doc__ = doc
    return build


def composite(
    samples: Sequence[Sample], grad: Gradient | None = None, accepts: Accepts | None = None
) -> Callable[[Callable[..., Node]], Callable[..., Node]]:
    """Make a function of nodes an op whose meaning is its body; without `grad`, the body is differentiated.

    Parameters before `/` are the operands (promoted to one dtype where `accepts` says which), the others attributes.
    An attribute called `axis` is made canonical: an int counted from the front, or a sorted tuple for None and
    sequences.
    """

    def decorate(body: Callable[..., Node]) -> Callable[..., Node]:
        parameters = inspect.signature(body).parameters.values()
        count = sum(p.kind is p.POSITIONAL_ONLY for p in parameters)
        names = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY]
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        op = register(
            Op(
                body.__name__, "composite", inspect.getdoc(body) or "",
                grad=unbroadcast(grad) if grad else None, expand=body, samples=tuple(samples),
            )
        )  # fmt: skip

        @functools.wraps(body)
        def build(*args: Any, **kwargs: Any) -> Node:
            if len(args) < count:
                raise UsageError(f"{body.__name__} takes {count} operands; {len(args)} were given")
            inputs = as_nodes(*args[:count]) if accepts is None else promoted(*args[:count], accepts=accepts)
            attrs = {**defaults, **dict(zip(names, args[count:])), **kwargs}
            if "axis" in attrs:
                attrs["axis"] = _canonical_axis(attrs["axis"], inputs[0].rank)
            return apply(op, *inputs, **attrs)

        return builder(build)

    return decorate


def _canonical_axis(axis: Any, rank: int) -> int | tuple[int, ...]:
    is_several = axis is None or hasattr(axis, "__iter__")
    return normalize_axes(axis, rank) if is_several else normalize_axis(axis, rank)


def operands(accepts: Accepts, *shapes: tuple[int, ...], **attrs: Any) -> tuple[Sample, ...]:
    """Return samples for the tests: random operands of these shapes, one sample for each kind of dtype accepted."""

    def floats(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(rng.standard_normal(s) for s in shapes), dict(attrs)

    def integers(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(rng.integers(1, 9, s).astype(np.int32) for s in shapes), dict(attrs)

    def booleans(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(rng.integers(0, 2, s).astype(bool) for s in shapes), dict(attrs)

    match accepts:
        case "any":
            return floats, integers, booleans
        case "number":
            return floats, integers
        case "float":
            return (floats,)
        case "integer":
            return integers, booleans
        case "bool":
            return (booleans,)


def between(low: float, high: float, *shapes: tuple[int, ...], **attrs: Any) -> Sample:
    """Return a sample for the tests: operands drawn uniformly from [low, high)."""
    return lambda rng: (tuple(rng.uniform(low, high, s) for s in shapes), dict(attrs))
