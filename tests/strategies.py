"""Random graphs for hypothesis: small, of many ops, with values to run them on.

A program is grown step by step from a string of bytes, each step evaluated as it is added. So steps can keep away
from where values are not stable: comparisons of nearly equal numbers, rounding at a half, magnitudes that lose
every digit. What remains may be compared between two ways of computing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

import graphc
from graphc import dtypes, ops
from graphc.errors import GraphcError
from graphc.graph import Graph, Node, State, evaluate_nodes, topological_order
from graphc.symbolic import Symbol

BATCH = 5
DIMS = (2, 3, 4, 7)
_LIMIT = 30.0
GAP = 1e-2


@dataclass
class Program:
    """A graph, arrays for its inputs, and the states that it reads."""

    graph: Graph
    arrays: list[np.ndarray]
    states: list[State]


@dataclass
class Builder:
    """The nodes grown so far with their values; `entropy` gives the choices."""

    entropy: Iterator[int]
    floating: str
    rng: np.random.Generator
    inputs: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    values: dict[Node, np.ndarray] = field(default_factory=dict)
    environment: dict[Symbol, int] = field(default_factory=dict)

    def choose(self, count: int) -> int:
        return next(self.entropy) % count

    def pick(self, accept: Callable[[Node], bool]) -> Node:
        """A node that the predicate accepts, later ones more likely."""
        found = [n for n in self.nodes if accept(n)]
        if not found:
            raise NoStep
        return found[-1 - self.choose(min(len(found), 1 + self.choose(len(found))))]

    def any_float(self) -> Node:
        return self.pick(lambda n: n.dtype == self.floating)

    def any_number(self) -> Node:
        return self.pick(lambda n: n.dtype != "bool")

    def any_of_rank(self, rank: int) -> Node:
        return self.pick(lambda n: n.rank >= rank)

    def axes(self, n: Node) -> tuple[int, ...]:
        chosen = tuple(axis for axis in range(n.rank) if self.choose(2))
        return chosen or (self.choose(n.rank),)

    def value(self, n: Node) -> np.ndarray:
        evaluate_nodes(topological_order((n,)), self.values, self.environment)
        return self.values[n]

    def is_apart(self, x: Node, y: Node) -> bool:
        """Tell whether no elements are so close that rounding could change their order."""
        a, b = self.value(x), self.value(y)
        return not dtypes.is_float(x.dtype) or bool(np.all(np.abs(a - b) > GAP))


class NoStep(Exception):
    """The step does not apply to any node there is."""


def bounded(b: Builder) -> Node:
    """A float node of moderate values."""
    n = b.any_float()
    return n if np.all(np.abs(b.value(n)) < 4) else ops.tanh(n)


def _positive(b: Builder) -> Node:
    return ops.absolute(bounded(b)) + 0.5


_UNARY: tuple[Callable[[Node], Node], ...] = (
    ops.negative, ops.tanh, ops.sigmoid, ops.exp, ops.expm1, ops.sin, ops.cos, ops.erf, ops.absolute, ops.square,
    ops.arctan, ops.softplus, ops.relu, ops.elu, ops.gelu, ops.swish, ops.hard_sigmoid, ops.softsign, ops.sinh,
    ops.stop_gradient, ops.identity, lambda n: ops.leaky_relu(n, alpha=0.25), lambda n: ops.clip(n, -0.75, 0.5),
)  # fmt: skip
_UNARY_POSITIVE: tuple[Callable[[Node], Node], ...] = (
    ops.log, ops.log1p, ops.sqrt, ops.rsqrt, ops.reciprocal, lambda n: n**0.5, lambda n: n**-0.5, lambda n: n**1.7,
    lambda n: n**-1, lambda n: n**-2,
)  # fmt: skip
_BINARY = (ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum)
_FOLDS = (ops.sum, ops.mean, ops.max, ops.min)
_LITERALS = (0, 1, 2, 3, -1, 0.5, 4, 0.1, -2.5)


def _unary(b: Builder) -> Node:
    return _UNARY[b.choose(len(_UNARY))](bounded(b))


def _unary_positive(b: Builder) -> Node:
    return _UNARY_POSITIVE[b.choose(len(_UNARY_POSITIVE))](_positive(b))


def _binary(b: Builder) -> Node:
    x = b.any_number()
    y = b.pick(lambda n: n.dtype == x.dtype)
    return _BINARY[b.choose(len(_BINARY))](x, y)


def _with_literal(b: Builder) -> Node:
    x = b.any_number()
    literal = _LITERALS[b.choose(len(_LITERALS))]
    if not dtypes.is_float(x.dtype):
        literal = int(literal)
    op = _BINARY[b.choose(len(_BINARY))]
    return op(x, literal) if b.choose(2) else op(literal, x)


def _divide(b: Builder) -> Node:
    if b.choose(2):
        return b.any_float() / _positive(b)
    return b.any_float() / (1, 2, -1, 0.25, 3)[b.choose(5)]


def _power(b: Builder) -> Node:
    return ops.power(bounded(b), (0, 1, 2, 3, 4)[b.choose(5)])


def _compare(b: Builder) -> Node:
    x = b.any_number()
    y = b.pick(lambda n: n.dtype == x.dtype and n.shape == x.shape)
    if not b.is_apart(x, y) and x is not y:
        raise NoStep
    op = (ops.less, ops.less_equal, ops.greater, ops.greater_equal)[b.choose(4)]
    return op(x, y)


def _compare_whole(b: Builder) -> Node:
    x = b.pick(lambda n: not dtypes.is_float(n.dtype))
    return ops.equal(x, b.choose(3)) if b.choose(2) else ops.not_equal(x, b.choose(3))


def _logic(b: Builder) -> Node:
    x = b.pick(lambda n: n.dtype == "bool")
    y = b.pick(lambda n: n.dtype == "bool" and n.shape == x.shape)
    choice = b.choose(6)
    if choice == 0:
        return ops.logical_not(x)
    if choice == 1:
        return ops.logical_or(x, bool(b.choose(2)))
    if choice == 2:
        return ops.logical_and(x, bool(b.choose(2)))
    return (ops.logical_and, ops.logical_or, ops.logical_xor)[choice - 3](x, y)


def _where(b: Builder) -> Node:
    x = b.any_number()
    y = b.pick(lambda n: n.dtype == x.dtype and n.shape == x.shape)
    if b.choose(4) == 0:
        return ops.where(bool(b.choose(2)), x, y)
    return ops.where(b.pick(lambda n: n.dtype == "bool" and n.shape in (x.shape, ())), x, y)


def _cast(b: Builder) -> Node:
    x = b.pick(lambda n: True)
    target = (b.floating, "int32", "float64", "int64", "bool", "float32")[b.choose(6)]
    if dtypes.is_float(x.dtype) and not dtypes.is_float(target):
        value = b.value(x)
        if np.any(np.abs(value - np.rint(value)) < GAP):
            raise NoStep
    return ops.cast(ops.cast(x, target), b.floating if b.choose(2) else target)


def _round(b: Builder) -> Node:
    x = b.any_float()
    value = b.value(x) * 2
    if np.any(np.abs(value - np.rint(value)) < GAP):
        raise NoStep
    return (ops.floor, ops.ceil, ops.rint)[b.choose(3)](x)


def _fold(b: Builder) -> Node:
    x = b.pick(lambda n: n.rank > 0 and n.dtype != "bool")
    fold = _FOLDS[b.choose(len(_FOLDS) if dtypes.is_float(x.dtype) else 1)]
    return fold(x, b.axes(x), bool(b.choose(2)))


def _fold_logic(b: Builder) -> Node:
    x = b.pick(lambda n: n.rank > 0 and n.dtype == "bool")
    return (ops.any, ops.all)[b.choose(2)](x, b.axes(x), bool(b.choose(2)))


def _position(b: Builder) -> Node:
    x = b.pick(lambda n: n.rank > 0 and n.dtype != "bool")
    axis = b.choose(x.rank)
    ordered = np.sort(b.value(x), axis)
    if dtypes.is_float(x.dtype) and np.any(np.diff(ordered, axis=axis) < GAP):
        raise NoStep
    return (ops.argmax, ops.argmin)[b.choose(2)](x, axis, bool(b.choose(2)))


def _softmax(b: Builder) -> Node:
    n = b.pick(lambda n: n.rank > 0 and n.dtype == b.floating)
    axis = b.choose(n.rank)
    choice = b.choose(6)
    if choice == 0:
        return ops.log(ops.softmax(n, axis=axis))
    if choice == 1:
        return ops.log(ops.sum(ops.exp(ops.tanh(n)), axis))
    if choice == 2:
        return ops.logsumexp(n, axis=(axis,), keepdims=True)
    if choice == 3:
        return ops.var(ops.tanh(n), axis=(axis,))
    if choice == 4:
        return ops.l2_normalize(n + 0.5, axis=(axis,))
    return (ops.softmax, ops.log_softmax)[b.choose(2)](n, axis=axis)


def _unstable(b: Builder) -> Node:
    """Formulas that stabilise knows."""
    x = bounded(b)
    p = ops.sigmoid(x)
    clipped = ops.clip(p, 1e-3, 1 - 1e-3)
    return (
        lambda: ops.log(1.0 + ops.exp(x)), lambda: ops.log(p), lambda: ops.log(1.0 - p), lambda: ops.log(p / (1.0 - p)),
        lambda: ops.log(clipped / (1.0 - clipped)), lambda: ops.exp(x) - 1.0, lambda: ops.log(1.5 - ops.absolute(p)),
        lambda: ops.log(1.0 + ops.square(x)), lambda: ops.log(ops.exp(x)), lambda: ops.log1p(ops.exp(x)),
        lambda: ops.sqrt(ops.square(x)), lambda: ops.log(ops.sqrt(ops.absolute(x) + 0.25)),
    )[b.choose(12)]()  # fmt: skip


def _reshape(b: Builder) -> Node:
    n = b.pick(lambda n: True)
    choice = b.choose(5)
    if choice == 0:
        return ops.flatten(n, b.choose(n.rank + 1))
    if choice == 1:
        return ops.expand_dims(n, b.choose(n.rank + 1))
    if choice == 2:
        return ops.squeeze(n)
    if choice == 3 and n.rank > 1:
        return ops.reshape(n, (*n.shape[1:-1], n.shape[-1] * n.shape[0]))
    return ops.reshape(ops.reshape(n, (-1,)), (1, *n.shape))


def _transpose(b: Builder) -> Node:
    n = b.any_of_rank(2)
    axes = list(range(n.rank))
    for position in range(n.rank - 1):
        other = position + b.choose(n.rank - position)
        axes[position], axes[other] = axes[other], axes[position]
    return ops.transpose(n, axes)


def _broadcast(b: Builder) -> Node:
    n = b.pick(lambda n: n.rank < 3)
    choice = b.choose(4)
    if choice == 0:
        return ops.broadcast_to(n, (DIMS[b.choose(4)], *n.shape))
    if choice == 1:
        return ops.zeros_like(n)
    if choice == 2:
        return ops.full_like(n, b.choose(3))
    return ops.broadcast_to(ops.expand_dims(n, n.rank), (*n.shape, DIMS[b.choose(4)]))


def _slice(b: Builder) -> Node:
    n = b.any_of_rank(1)
    axis = b.choose(n.rank)
    key = (slice(1, None), slice(None, -1), slice(None, None, -1), slice(None, None, 2), slice(0, None), 0, -1, None)
    return n[(slice(None),) * axis + (key[b.choose(len(key))],)]


def _join(b: Builder) -> Node:
    n = b.any_of_rank(1)
    axis = b.choose(n.rank)
    others = [
        m
        for m in b.nodes
        if m.dtype == n.dtype and m.rank == n.rank and all(m.shape[a] == n.shape[a] for a in range(n.rank) if a != axis)
    ]
    joined = ops.concatenate([n, others[b.choose(len(others))]], axis)
    if b.choose(3) == 0:
        return ops.slice(joined, (0,) * n.rank, n.shape)
    return joined


def _pad(b: Builder) -> Node:
    n = b.pick(lambda n: n.rank > 0 and n.dtype != "bool")
    return ops.pad(n, [(b.choose(2), b.choose(3)) for _ in range(n.rank)], b.choose(2))


def _gather(b: Builder) -> Node:
    n = b.any_of_rank(1)
    axis = b.choose(n.rank)
    positions = b.pick(lambda m: dtypes.is_integer(m.dtype) and m.rank < 3)
    return ops.gather(n, positions, axis)


def _one_hot(b: Builder) -> Node:
    return ops.one_hot(b.pick(lambda m: dtypes.is_integer(m.dtype) and m.rank < 3), DIMS[b.choose(4)], b.floating)


def _matmul(b: Builder) -> Node:
    x = b.pick(lambda n: n.rank >= 2 and n.dtype == b.floating)
    if b.choose(3) == 0:
        return x @ ops.swapaxes(x, -1, -2)
    y = b.pick(lambda n: n.rank == 2 and n.dtype == b.floating and n.shape[0] == x.shape[-1])
    return x @ y


def _dense(b: Builder) -> Node:
    x = b.pick(lambda n: n.rank >= 2 and n.dtype == b.floating and isinstance(n.shape[-1], int))
    weights = b.rng.standard_normal((x.shape[-1], DIMS[b.choose(4)])).astype(x.dtype)
    state = State(weights, f"weights_{len(b.states)}")
    b.states.append(state)
    product = x @ state.node
    return ops.tanh(product + b.rng.standard_normal(product.shape[-1:]).astype(x.dtype)) if b.choose(2) else product


def grow_gradient(b: Builder) -> Node:
    """A slope, which is a graph of its own."""
    x = b.pick(lambda n: n in b.inputs and dtypes.is_float(n.dtype))
    return graphc.gradients(ops.sum(bounded(b)), [x])[0]


STEPS: tuple[Callable[[Builder], Node], ...] = (
    _unary, _unary_positive, _binary, _binary, _with_literal, _with_literal, _divide, _power, _compare, _compare_whole,
    _logic, _where, _cast, _round, _fold, _fold, _fold_logic, _position, _softmax, _unstable, _reshape, _transpose,
    _broadcast, _slice, _join, _pad, _gather, _one_hot, _matmul, _dense, grow_gradient,
)  # fmt: skip


# Inside a step only what is continuous: values are seen at the first step, and are others at the next.
_INNER: tuple[Callable[[Builder], Node], ...] = (
    _unary, _unary, _binary, _binary, _with_literal, _divide, _fold, _softmax, _reshape, _transpose, _broadcast, _slice,
    _join, _pad, _matmul, _dense, _dense, _dense,
)  # fmt: skip


def _recurrence(b: Builder) -> Node:
    """A scan over one or two nodes, whose random step may use any node there is."""
    first = b.pick(lambda n: n.rank > 0 and n.dtype == b.floating)
    second = b.pick(lambda n: n.rank > 0 and n.shape[0] == first.shape[0] and n.dtype == b.floating)
    sequences = [first, second][: 1 + b.choose(2)]
    initials = [ops.tanh(b.pick(lambda n: n.rank < 3 and n.dtype == b.floating)) for _ in range(1 + b.choose(2))]

    def step(*inner: Node) -> tuple[list[Node], list[Node]]:
        shown = [b.value(n)[0] for n in sequences] + [b.value(n) for n in initials]
        values = {**b.values, **dict(zip(inner, shown, strict=True))}
        inside = Builder(b.entropy, b.floating, b.rng, [], b.states, [*b.nodes, *inner], values, b.environment)
        for _ in range(2 + b.choose(5)):
            _grow(inside, _INNER)
        return [_next(inside, c) for c in inner[len(sequences) :]], [inside.nodes[-1], inner[-1]]

    finals, stacked = graphc.scan(step, sequences, initials, reverse=bool(b.choose(2)))
    results = [n for n in (*stacked, *finals) if n.rank <= 4 and _is_fine(b.value(n))]
    if not results:
        raise NoStep
    b.nodes.extend(n for n in results[1:] if n not in b.nodes)
    return results[0]


def _next(b: Builder, carry: Node) -> Node:
    """A new value of a carry, bounded: of one of the latest nodes, or of its mean where the shape is another."""
    n = ops.tanh(b.pick(lambda n: n.dtype == b.floating))
    if n.shape != carry.shape:
        return ops.tanh(carry * 0.5 + ops.mean(n))
    return (n, carry + n, carry - n)[b.choose(3)]


def _start(b: Builder) -> None:
    """Two float inputs (with a batch of their own each), an integer and a bool one."""
    columns = DIMS[b.choose(4)]
    for shape, dtype in (
        ((None, columns), b.floating),
        ((None, columns) if b.choose(2) else (columns,), b.floating),
        ((None,), "int32"),
        ((None, columns), "bool"),
    ):
        n = graphc.placeholder(shape, dtype)
        concrete = [BATCH if d is None else d for d in shape]
        if dtype == "int32":
            array = b.rng.integers(-1, 5, concrete)
        elif dtype == "bool":
            array = b.rng.integers(0, 2, concrete)
        else:
            array = b.rng.standard_normal(concrete) * 1.5
        b.values[n] = array.astype(dtype)
        b.inputs.append(n)
        b.nodes.append(n)
        for d in n.shape:
            if not isinstance(d, int):
                [[symbol]] = d.terms
                b.environment[symbol] = BATCH


def _is_fine(value: np.ndarray) -> bool:
    return value.size <= 2000 and bool(np.all(np.abs(value.astype(np.float64)) < _LIMIT))


def build(seed: int, entropy: bytes, steps: Sequence[Callable[[Builder], Node]] = STEPS) -> Program:
    """Return the program that these bytes describe."""
    b = Builder(iter(entropy), "", np.random.default_rng(seed))
    b.floating = "float64" if seed % 4 == 0 else "float32"
    try:
        _start(b)
        while True:
            _grow(b, steps)
    except (StopIteration, RuntimeError):
        pass
    return _finish(b)


def _grow(b: Builder, steps: Sequence[Callable[[Builder], Node]]) -> None:
    """Add a node, unless the step chosen does not apply."""
    try:
        n = steps[b.choose(len(steps))](b)
        if n.rank <= 4 and n not in b.nodes and _is_fine(b.value(n)):
            b.nodes.append(n)
    except (NoStep, GraphcError, ValueError, IndexError):
        return


def _finish(b: Builder) -> Program:
    """Outputs are the nodes that no other grown node uses, at most four of the last; states take a step downhill."""
    used = {i for n in b.nodes for i in n.inputs}
    leaves = [n for n in b.nodes if n not in used and n not in b.inputs][-4:]
    outputs = tuple(leaves) or (ops.tanh(b.inputs[0]),)
    graph = Graph(tuple(b.inputs), outputs, tuple(_updates(b, outputs)))
    return Program(graph, [b.values[n] for n in b.inputs], b.states)


def _updates(b: Builder, outputs: tuple[Node, ...]) -> Iterator[tuple[Node, Node]]:
    floats = [n for n in outputs if n.dtype == b.floating]
    if not floats or not b.states:
        return
    loss = ops.sum(ops.tanh(floats[-1]))
    for state, slope in zip(b.states, graphc.gradients(loss, [state.node for state in b.states])):
        new = state.node * 0.75 - slope
        if _is_fine(b.value(new)):
            yield state.node, new


def programs(largest: int = 48) -> st.SearchStrategy[Program]:
    """Return a strategy of programs grown from up to `largest` choices."""
    return st.builds(build, st.integers(0, 2**16), st.binary(min_size=12, max_size=largest))


def recurrent_programs(largest: int = 64) -> st.SearchStrategy[Program]:
    """Return a strategy of programs with loops over sequences, and slopes of them."""
    steps = (*STEPS, *(_recurrence,) * 6, *(grow_gradient,) * 2)
    return st.builds(lambda seed, entropy: build(seed, entropy, steps), st.integers(0, 2**16),
                     st.binary(min_size=24, max_size=largest))  # fmt: skip


def assert_close(given: Sequence[np.ndarray], expected: Sequence[np.ndarray], graph: Graph) -> None:
    """Check results (outputs, then updates, where given) against the graph's meaning: floats within rounding."""
    is_single = any(m.dtype == "float32" for m in graph.nodes)
    for g, e, n in zip(given, expected, graph.roots[: len(given)], strict=True):
        assert g.shape == e.shape and g.dtype == e.dtype, f"{n!r}: {g.dtype}{g.shape}, not {e.dtype}{e.shape}"
        if not dtypes.is_float(n.dtype):
            np.testing.assert_array_equal(g, e, err_msg=repr(n))
            continue
        # A float64 result may have passed through float32.
        tolerance = (2e-4 if is_single else 1e-9) * max(1.0, float(np.max(np.abs(e), initial=0.0)))
        np.testing.assert_allclose(g, e, rtol=0, atol=tolerance, err_msg=repr(n))
