"""Fingerprints: equal for equal graphs whatever they are called, different for whatever makes another program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.compile import build_graph
from graphc.graph import REGISTRY, Graph, Node, State, apply, constant, fingerprint
from graphc.records import replace


def _graph(
    build: Callable[[Node, Node], Node], columns: int = 3, dtype: str = "float32", update: bool = False, name: str = "x"
) -> Graph:
    x = graphc.placeholder((None, columns), dtype, name)
    weights = State(np.ones((columns, 5), dtype), name)
    result = build(x, weights.node)
    updates = [(weights, weights.node * 2)] if update else []
    return build_graph([x], [result], updates, {})


def _digest(*args: Any, **options: Any) -> str:
    found = fingerprint(_graph(*args, **options))
    assert found is not None
    return found.digest


def _product(x: Node, w: Node) -> Node:
    return ops.tanh(x @ w)


def _scaled(factor: Any) -> Callable[[Node, Node], Node]:
    return lambda x, w: (x @ w) * constant(factor, "float32")


def _scanned(factor: float) -> Callable[[Node, Node], Node]:
    def build(x: Node, w: Node) -> Node:
        def step(element: Node, total: Node) -> tuple[list[Node], list[Node]]:
            new = total * factor + element
            return [new], [new]

        return graphc.scan(step, [x], [ops.zeros((3,), "float32")])[0][0]

    return build


VARIANTS: dict[str, Callable[[], str]] = {
    "product": lambda: _digest(_product),
    "another op": lambda: _digest(lambda x, w: ops.sigmoid(x @ w)),
    "another dim": lambda: _digest(_product, columns=4),
    "another dtype": lambda: _digest(_product, dtype="float64"),
    "an update": lambda: _digest(_product, update=True),
    "another order": lambda: _digest(lambda x, w: ops.sum(x) - ops.sum(w)),
    "swapped": lambda: _digest(lambda x, w: ops.sum(w) - ops.sum(x)),
    "an attribute": lambda: _digest(lambda x, w: ops.sum(x, axis=0)),
    "another attribute": lambda: _digest(lambda x, w: ops.sum(x, axis=1)),
    "kept axes": lambda: _digest(lambda x, w: ops.sum(x, axis=1, keepdims=True)),
    "a factor": lambda: _digest(_scaled(0.0)),
    "its sign": lambda: _digest(_scaled(-0.0)),
    "an array": lambda: _digest(_scaled(np.arange(5.0))),
    "another element": lambda: _digest(_scaled(np.arange(5.0) + [0, 0, 0, 0, 1e-6])),
    "a recurrence": lambda: _digest(_scanned(0.5)),
    "another body": lambda: _digest(_scanned(0.25)),
}


def test_equal_graphs_have_equal_fingerprints_whatever_they_are_called() -> None:
    for build in (_product, _scaled(np.arange(5.0))):
        assert _digest(build, name="x") == _digest(build, name="something_else")


def test_recurrences_built_twice_are_equal() -> None:
    assert VARIANTS["a recurrence"]() == VARIANTS["a recurrence"]()


def test_every_difference_tells() -> None:
    digests = {name: build() for name, build in VARIANTS.items()}
    assert len(set(digests.values())) == len(digests)


def test_large_constants_are_told_apart_by_their_bytes() -> None:
    large = np.zeros((5, 40_000), np.float32)
    other = large.copy()
    other[3, 17] = 1.0
    digests = [_digest(lambda x, w, a=array: (x @ w) @ constant(a)) for array in (large, large.copy(), other)]
    assert digests[0] == digests[1] != digests[2]


def test_sizes_and_states_are_numbered_alike() -> None:
    def build(first: str, second: str) -> Graph:
        a, b = graphc.placeholder((None, 3), name=first), graphc.placeholder((None, 3), name=second)
        states = [State(np.ones(3, np.float32)) for _ in range(2)]
        return build_graph([a, b], [ops.sum(a * states[0].node) - ops.sum(b * states[1].node)], [], {})

    one, two = fingerprint(build("a", "b")), fingerprint(build("u", "v"))
    assert one is not None and two is not None and one.digest == two.digest
    assert [len(one.sizes), len(one.states)] == [2, 2]
    assert [s.name.rsplit("_", 1)[0] for s in two.sizes] == ["u_0", "v_0"]
    # Programs sort by the names of sizes: another order may be another program.
    other = fingerprint(build("b", "a"))
    assert other is not None and other.digest != one.digest


def test_two_states_are_not_one() -> None:
    def build(same: bool) -> Graph:
        first, second = (State(np.ones(3, np.float32)) for _ in range(2))
        return build_graph([], [first.node - (first if same else second).node * 2.0], [], {})

    found = [fingerprint(build(same)) for same in (True, False)]
    assert found[0] is not None and found[1] is not None and found[0].digest != found[1].digest


@pytest.mark.parametrize("rule", ["lower", "infer", "ref"])
def test_ops_of_others_have_none(rule: str) -> None:
    tanh = REGISTRY["tanh"]
    foreign = replace(tanh, name="tanh_of_others", **{rule: lambda *args, **attrs: getattr(tanh, rule)(*args, **attrs)})
    assert fingerprint(_graph(lambda x, w: apply(foreign, x))) is None
    assert fingerprint(_graph(lambda x, w: apply(tanh, x))) is not None


def test_identities_are_told_apart_and_no_more() -> None:
    def copied(x: Node, w: Node) -> Node:
        return ops.identity(ops.sum(x)) - ops.identity(ops.sum(x))

    def once(x: Node, w: Node) -> Node:
        copy = ops.identity(ops.sum(x))
        return copy - copy

    assert _digest(copied) == _digest(copied) != _digest(once)


def test_attributes_that_have_no_text_have_none() -> None:
    x = graphc.placeholder((3,))
    odd = apply(REGISTRY["tanh"], x)
    object.__setattr__(odd, "attrs", {"what": object()})
    assert fingerprint(Graph((x,), (odd,))) is None
