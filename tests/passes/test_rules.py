"""Pictures of the rule-based passes: every rule fires in one of them, and has its algebra written down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc import gradients, ops
from graphc.errors import GraphError
from graphc.graph import REGISTRY, Graph, Node, apply, constant, evaluate, rebuild
from graphc.passes import canonicalise, simplify_algebra, stabilise
from graphc.passes.canonicalise import RULES as CANONICAL
from graphc.passes.rewriting import Rules
from graphc.passes.simplify_algebra import RULES as ALGEBRA
from graphc.passes.simplify_moves import RULES as MOVES
from graphc.passes.stabilise import RULES as STABLE
from tests.passes.pictures import batch, given, graph_of, picture, record_rules

Golden = Callable[[str, str], None]


def canonicalise_example() -> Graph:
    x, y, z = given("x", batch, 5), given("y", batch, 5), given("z", 5)
    k = given("k", batch, 5, dtype="int8")
    whole = given("whole", 2, 3, 4)
    kept = ops.sum(x, 1, keepdims=True)
    return graph_of(
        (x, y, z, k, whole),
        apply(REGISTRY["identity"], ops.stop_gradient(x), identity=1) + 1.0,
        ops.reshape(ops.reshape(whole, (6, 4)), (8, 3)),
        rebuild(ops.reshape(x, (batch * 5,)), (x,), {"shape": (batch, 5)}),
        ops.reshape(kept, (batch,)),
        ops.transpose(ops.transpose(whole, (1, 2, 0)), (1, 0, 2)),
        ops.transpose(ops.transpose(whole, (1, 2, 0)), (2, 0, 1)),
        ops.broadcast_to(ops.broadcast_to(z, (7, 5)), (2, 7, 5)),
        ops.broadcast_to(ops.reshape(constant(3.0), (1, 1)), (batch, 5)),
        ops.cast(ops.cast(k, "int32"), "float32"),
        ops.cast(ops.cast(x, "int32"), "float32"),
        2.0 + x,
        x - 0.25,
        x - (-y),
        (-x) + y,
        x + (-y),
        ops.negative(-x),
        -(x - y),
        -(x * 3.0),
        (-x) / (-y),
        (-x) / 3.0,
        x / 8.0,
        x / 3.0,
        ops.broadcast_to(z, (batch, 5)) + x,
        ops.where(ops.broadcast_to(ops.less(z, 0.5), (batch, 5)), ops.broadcast_to(z, (batch, 5)), x),
    )


def algebra_example() -> Graph:
    x, y = given("x", batch, 5), given("y", batch, 5)
    k = given("k", batch, 5, dtype="int32")
    p, q = given("p", batch, 5, dtype="bool"), given("q", batch, 5, dtype="bool")
    cube = given("cube", 2, 3, 4)
    one, squares = given("one", batch, 1), x * x
    zeros, ones = ops.zeros_like(x), ops.ones_like(x)
    everything = apply(
        ops.slice(cube, (0, 1, 0), (2, 2, 4)).op, cube, starts=(0, 0, 0), sizes=(2, 3, 4), steps=(1,) * 3
    )
    nothing = rebuild(ops.pad(x, [(0, 0), (1, 2)]), (x,), {
        "low": (0, 0), "high": (0, 0), "interior": (0, 0), "value": 0.0})  # fmt: skip
    return graph_of(
        (x, y, k, p, q, cube, one),
        x + zeros,
        zeros - x,
        x - zeros,
        k - k,
        (k + 3) + 4,
        x * ones,
        x * -1.0,
        k * 0,
        x * 0.0,
        (-x) * y,
        (x * 0.3) * 0.5,
        (x * 0.3) * 0.7,
        x / 1.0,
        x / -1.0,
        1.0 / ops.sqrt(y),
        k // 1,
        *(ops.power(y, exponent) for exponent in (0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -2.0, 0.5, 1.5)),
        ops.power(squares, 0.5),
        ops.power(squares, -0.5),
        ops.absolute(-x),
        ops.absolute(ops.exp(x)),
        ops.sqrt(squares),
        ops.maximum(x, x),
        ops.minimum(ops.minimum(x, 3.0), 2.0),
        ops.maximum(ops.sigmoid(x), 0.0),
        ops.minimum(x, np.inf),
        ops.logical_and(p, True),
        ops.logical_or(p, True),
        ops.logical_not(ops.logical_not(p)),
        ops.logical_not(ops.equal(k, 2)),
        ops.where(True, x, y),
        ops.where(p, y, y),
        ops.where(ops.logical_not(p), x, y),
        ops.where(p, ops.where(p, x, y), y),
        ops.where(p, x, ops.where(p, y, x)),
        ops.floor(ops.rint(x)),
        ops.sum(ops.sum(cube, 1), 1),
        ops.max(ops.max(cube, 2, keepdims=True), 0, keepdims=True),
        ops.sum(one, 1),
        ops.sum(ops.broadcast_to(one, (batch, 7)), 1),
        ops.sum(-x, 0),
        everything,
        cube[:, 1:][:, :, ::-1],
        ops.slice(ops.concatenate([x, y], 1), (0, 5), (batch, 5)),
        ops.concatenate([ops.concatenate([x, one], 1), y], 1),
        nothing,
        ops.pad(x, [(0, 0), (1, 5)]) + ops.pad(one, [(0, 0), (0, 10)]) + ops.pad(y, [(0, 0), (6, 0)]),
        ops.transpose(ops.broadcast_to(constant(2.5), (batch, 5))),
        ops.exp(zeros) + zeros,
        ops.logical_xor(p, q),
    )


def stabilise_example() -> Graph:
    x, y = given("x", batch, 5), given("y", batch, 5)
    p = ops.sigmoid(x)
    clipped = ops.clip(p, 1e-7, 1 - 1e-7)
    return graph_of(
        (x, y),
        ops.log(ops.softmax(x, axis=1)),
        ops.log(ops.sum(ops.exp(x), 1, keepdims=True)),
        ops.log(1.0 + ops.exp(x)),
        ops.log(1.0 - p),
        ops.log(1.0 + y),
        ops.log(1.0 - y),
        ops.log1p(ops.exp(x)),
        ops.log1p(ops.exp(-ops.absolute(x))),
        ops.log(p),
        ops.log(ops.exp(x)),
        ops.log(ops.sqrt(x)),
        ops.exp(x) - 1.0,
        x / y * y,
        x / y * (y * 3.0),
        (x / y - x) * y,
        x / (1.0 + ops.exp(y)) * ops.exp(y),
        ops.exp(x) / (1.0 + ops.exp(x)),
        1.0 / (1.0 + ops.exp(-y)),
        ops.log(p / (1.0 - p)),
        ops.log(clipped / (1.0 - clipped)),
        ops.log(ops.clip(ops.softmax(x, axis=1), 1e-7, 1 - 1e-7)),
    )


def test_canonicalise(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    names, fired = record_rules(monkeypatch, CANONICAL)
    golden("passes/canonicalise.txt", picture(canonicalise, canonicalise_example()))
    assert fired == names


def test_simplify_algebra(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    names, fired = record_rules(monkeypatch, ALGEBRA, MOVES)
    golden("passes/simplify_algebra.txt", picture(simplify_algebra, algebra_example()))
    assert fired == names


def test_stabilise(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    names, fired = record_rules(monkeypatch, STABLE)
    golden("passes/stabilise.txt", picture(stabilise, canonicalise(stabilise_example())))
    assert fired == names


@pytest.mark.parametrize("value", [0.5, -3.0, 20.0, -90.0, 300.0])
def test_stable_forms_are_finite_and_right_far_out(value: float) -> None:
    """Against float64 formulas that do not overflow there; the graph's own would give inf or nan."""
    x = given("x", 3)
    p = ops.sigmoid(x)
    graph = stabilise(canonicalise(graph_of((x,), ops.log(1.0 + ops.exp(x)), ops.log(p), ops.log(1.0 - p))))
    softplus, log_sigmoid, log_rest = evaluate(graph, [np.full(3, value, np.float32)])[0]
    expected = max(value, 0) + np.log1p(np.exp(-abs(value)))
    np.testing.assert_allclose(softplus, expected, rtol=1e-6)
    np.testing.assert_allclose(log_sigmoid, value - expected, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(log_rest, -expected, rtol=1e-6)


@pytest.mark.parametrize("value", [-150.0, 0.0, 150.0])
def test_slopes_of_logarithms_are_finite_far_out(value: float) -> None:
    """Of log(softmax), log(sigmoid) and log(1 + exp), as gradients writes them."""
    x = given("x", 3)
    losses = ops.log(ops.softmax(x, axis=0))[0], ops.sum(ops.log(ops.sigmoid(x))), ops.sum(ops.log(1.0 + ops.exp(x)))
    graph = stabilise(canonicalise(graph_of((x,), *(gradients(loss, [x])[0] for loss in losses))))
    array = np.array([value, 0.0, 150.0], np.float32)
    of_softmax, of_sigmoid, of_exp = evaluate(graph, [array])[0]
    wide = array.astype(np.float64)
    chances = np.exp(wide - wide.max()) / np.exp(wide - wide.max()).sum()
    np.testing.assert_allclose(of_softmax, [1, 0, 0] - chances, atol=1e-6)
    np.testing.assert_allclose(of_sigmoid, 1 / (1 + np.exp(wide)), atol=1e-6)
    np.testing.assert_allclose(of_exp, 1 / (1 + np.exp(-wide)), atol=1e-6)


def test_a_clipped_logit_keeps_its_clip() -> None:
    x = given("x", 4)
    p = ops.clip(ops.sigmoid(x), 1e-7, 1 - 1e-7)
    graph = graph_of((x,), ops.log(p / (1.0 - p)))
    stable = stabilise(canonicalise(graph))
    assert not any(n.op.name in ("log", "sigmoid") for n in stable.nodes)
    values = [np.array([-100, -2, 3, 100], np.float32)]
    np.testing.assert_allclose(evaluate(stable, values)[0][0], evaluate(graph, values)[0][0], rtol=1e-5)


def test_a_rule_needs_its_algebra() -> None:
    rules = Rules()
    with pytest.raises(GraphError, match="rule silent needs a docstring"):

        @rules.rule("add")
        def silent(n: Node) -> Node | None:
            return None


def test_rules_that_undo_each_other_end() -> None:
    rules = Rules()

    @rules.rule("add")
    def there(n: Node) -> Node | None:
        """x + y -> x - (-y)"""
        return ops.subtract(n.inputs[0], ops.negative(n.inputs[1]))

    @rules.rule("subtract")
    def back(n: Node) -> Node | None:
        """x - (-y) -> x + y"""
        return ops.add(n.inputs[0], n.inputs[1].inputs[0])

    x, y = given("x", 3), given("y", 3)
    graph = graph_of((x, y), ops.tanh(x + y))
    assert len(rules.rewrite(graph).nodes) in (4, 5)


def test_a_rule_never_changes_a_type() -> None:
    rules = Rules()

    @rules.rule("exp")
    def wrong(n: Node) -> Node | None:
        """exp(x) -> sum(x), which is another shape"""
        return ops.sum(n.inputs[0])

    x = given("x", 3)
    graph = graph_of((x,), ops.exp(x))
    assert rules.rewrite(graph) is graph


def test_a_deep_graph_needs_no_recursion() -> None:
    x = given("x", 3)
    n = x
    for _ in range(3000):
        n = ops.tanh(n) + 0.0
    assert len(simplify_algebra(graph_of((x,), n)).nodes) == 3001


def test_unchanged_graphs_stay_the_same_object() -> None:
    x = given("x", 3)
    graph = graph_of((x,), ops.tanh(x))
    for rewrite in (canonicalise, simplify_algebra, stabilise):
        assert rewrite(graph) is graph
