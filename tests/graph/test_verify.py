"""The verifier accepts what is well formed and names what is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from graphc import ops, symbolic
from graphc.errors import GraphError
from graphc.graph import (
    CONSTANT,
    REGISTRY,
    Graph,
    Node,
    Op,
    State,
    TensorType,
    make_node,
    placeholder,
    verify_graph,
)

batch = symbolic.symbol("batch")
_identities = itertools.count(3_000_000)


def given(name: str, *shape: symbolic.Dim) -> Node:
    return placeholder(TensorType(shape, "float32"), name, next(_identities))


X = given("x", batch, 3)
Y = given("y", batch, 5)
Z = given("z", 4, 5)
STATE = State(np.zeros(3, np.float32), "total").node


def mistyped(op: str, n: Node, *shape: symbolic.Dim, dtype: str = "float32") -> Node:
    return make_node(REGISTRY[op], (n,), {}, TensorType(shape, dtype))


def test_a_good_graph_passes() -> None:
    total = ops.sum(X, 0)
    verify_graph(Graph((X, Y), (ops.softmax(X, axis=1), total), ((STATE, STATE + total),)))


def test_a_symbolic_update_may_turn_out_to_fit() -> None:
    verify_graph(Graph((X,), (), ((STATE, ops.sum(X, 1)),)))


BAD: list[tuple[str, Callable[[], Graph]]] = [
    ("placeholder 'x' is used but is not an input", lambda: Graph((Y,), (X + 1.0,))),
    ("two inputs are the same placeholder", lambda: Graph((X, X), (X,))),
    ("is not a placeholder", lambda: Graph((X + 1.0,), (X,))),
    (
        r"exp\(float32\[batch, 3\]\) is float32\[batch, 4\]; its shape rule says float32\[batch, 3\]",
        lambda: Graph((X,), (mistyped("exp", X, batch, 4),)),
    ),
    (
        r"is float64\[batch, 3\]; its shape rule",
        lambda: Graph((X,), (mistyped("softplus", X, batch, 3, dtype="float64"),)),
    ),
    (
        "inner dims .* must agree",
        lambda: Graph((X, Z), (make_node(REGISTRY["matmul"], (X, Z), {}, TensorType((batch, 5), "float32")),)),
    ),
    (
        "its op is not the registry's 'exp'",
        lambda: Graph((X,), (make_node(_imposter(), (X,), {"from": "elsewhere"}, X.type),)),
    ),
    (
        r"holds an array of float64\(2,\)",
        lambda: Graph((), (make_node(CONSTANT, (), {"value": np.zeros(2)}, TensorType((3,), "float64")),)),
    ),
    ("a state is updated twice", lambda: Graph((X,), (), ((STATE, STATE * 2.0), (STATE, STATE * 3.0)))),
    ("the updated node .* is not a state", lambda: Graph((X,), (), ((X, X),))),
    (
        r"state 'total' is float32\[3\]; its new value is float32\[\]",
        lambda: Graph((X,), (), ((STATE, ops.sum(STATE)),)),
    ),
    (r"its new value is int32\[3\]", lambda: Graph((X,), (), ((STATE, ops.cast(STATE, "int32")),))),
    ("dim other of .* is bound by no input", lambda: Graph((X,), (ops.zeros((symbolic.symbol("other"), 3)),))),
    ("dim batch of .* is bound by no input", lambda: Graph((given("half", batch * 2),), ())),
]  # fmt: skip


def recurrent(step: Callable[[Node, Node], Node]) -> tuple[Node, Node, Node]:
    """Return a sequence, an initial value, and a recurrence over them."""
    x, h = given("sequence", 4, batch, 3), given("start", batch, 3)
    return x, h, ops.scan(lambda x, h: (step(x, h), ()), [x], [h])[0][0]


def with_body(change: Callable[[Graph], Graph]) -> Graph:
    """Return a graph with a recurrence that has another body, made past all checks."""
    x, h, n = recurrent(lambda x, h: x + h)
    return Graph((x, h), (make_node(n.op, n.inputs, {**n.attrs, "body": change(n.attrs["body"])}, n.type),))


BAD_BODIES: list[tuple[str, Callable[[Graph], Graph]]] = [
    ("placeholder 'x' is used but is not an input", lambda body: Graph(body.inputs, (body.outputs[0] + X,))),
    ("state 'total' is used inside a body", lambda body: Graph(body.inputs, (body.outputs[0] + STATE,))),
    (r"output 0 of the body is float32\[batch, 2\], not", lambda body: Graph(body.inputs, (body.outputs[0][:, 1:],))),
    (
        r"add\(.*\) is float32\[batch, 7\]; its shape rule",
        lambda body: Graph(
            body.inputs,
            (make_node(REGISTRY["add"], body.inputs, {}, TensorType((batch, 7), "float32"))[:, :3],),
        ),
    ),
    ("has 2 inputs, 1 of them carries; the body takes 1", lambda body: Graph(body.inputs[1:], (body.inputs[1],))),
]


@pytest.mark.parametrize(("problem", "change"), BAD_BODIES, ids=[problem for problem, _ in BAD_BODIES])
def test_bad_bodies_are_named(problem: str, change: Callable[[Graph], Graph]) -> None:
    with pytest.raises(GraphError, match=problem):
        verify_graph(with_body(change))


def test_a_good_body_passes() -> None:
    x, h, n = recurrent(lambda x, h: ops.tanh(x + h))
    verify_graph(Graph((x, h), (n,)))


def _imposter() -> Op:
    exp = REGISTRY["exp"]
    return Op("exp", "elementwise", "Not e to the power x.", exp.infer, exp.ref, exp.grad, exp.lower)


@pytest.mark.parametrize(("problem", "build"), BAD, ids=[problem for problem, _ in BAD])
def test_bad_graphs_are_named(problem: str, build: Callable[[], Graph]) -> None:
    with pytest.raises(GraphError, match=problem):
        verify_graph(build())


def test_the_error_shows_the_graph() -> None:
    with pytest.raises(GraphError, match=r"malformed graph: .*\ngraph\(%0\)\n  %0 = placeholder y"):
        verify_graph(Graph((Y,), (X + 1.0,)))
