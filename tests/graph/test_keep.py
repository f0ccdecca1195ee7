"""What is cheapest to keep: the cut between what one loop computes and what another reads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from graphc import ops
from graphc.graph import Node, TensorType, cheapest_to_keep, fresh_identity, placeholder

_numbers = itertools.count()


def given(*shape: int) -> Node:
    return placeholder(TensorType(shape, "float32"), f"given {next(_numbers)}", fresh_identity())


def test_cheap_results_are_computed_again() -> None:
    x = given(64, 64)
    assert cheapest_to_keep([x * 2.0 + 1.0], {x}) == (x,)
    assert cheapest_to_keep([ops.transpose(x)[1:]], {x}) == (x,)


def test_costly_results_are_kept() -> None:
    x = given(64, 64)
    power = ops.power(x, 2.5)
    assert cheapest_to_keep([power * 2.0, power * 3.0], {x}) == (power,)


def test_contractions_are_never_computed_again() -> None:
    x, w = given(64, 3), given(3, 64)
    product = x @ w
    assert cheapest_to_keep([ops.negative(product), product * 2.0], {x, w}) == (product,)
    # Of the sum along a row only a little needs to be kept.
    total = ops.sum(product, 1)
    assert cheapest_to_keep([total * 2.0, total * 3.0], {x, w}) == (total,)


def test_one_value_is_kept_rather_than_many_made_of_it() -> None:
    x = given(64, 64)
    parts = [ops.transpose(x[i : i + 16]) for i in range(0, 64, 16)]
    assert cheapest_to_keep(parts, ()) == (x,)


def test_what_is_fixed_is_kept_however_cheap() -> None:
    x = given(64, 64)
    y = x + 1.0
    assert cheapest_to_keep([y], {x}, {y}) == (y,)


def test_the_side_near_the_targets_is_kept_of_two_that_cost_the_same() -> None:
    x = given(64, 64)
    assert cheapest_to_keep([ops.identity(x)], ())[0].op.name == "identity"


@pytest.mark.parametrize("seed", range(30))
def test_no_other_choice_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = [given(8, 8), given(8, 8)]
    unary = (ops.tanh, ops.negative, lambda n: ops.power(n, 1.5), lambda n: n[:, ::-1], lambda n: n @ n)
    for _ in range(6):
        a, b = (nodes[int(i)] for i in rng.integers(0, len(nodes), 2))
        nodes.append(unary[int(rng.integers(5))](a) if rng.integers(2) else a + b)
    targets = nodes[-2:]
    free = {nodes[0]}
    best = min(cost(set(kept), targets, free) for size in range(8) for kept in itertools.combinations(nodes, size))
    assert cost(set(cheapest_to_keep(targets, free)), targets, free) == pytest.approx(best)


def cost(kept: set[Node], targets: list[Node], free: set[Node]) -> float:
    """The cost by definition: bytes written and read, a stream each; operations of what is computed again."""
    again: set[Node] = set()
    waiting = [n for n in targets if n not in kept]
    while waiting:
        n = waiting.pop()
        again.add(n)
        if n.op.kind in ("source", "contraction") and n.op.name != "constant":
            return float("inf")
        waiting.extend(i for i in n.inputs if i not in kept and i not in again)
    operations = {"tanh": 12, "negative": 1, "power": 25, "slice": 0, "add": 1, "constant": 0}
    size = 64
    return sum(2 * 4 * size + 64 for n in kept - free) + sum(0.5 * operations[n.op.name] * size for n in again)
