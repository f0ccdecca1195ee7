"""graphc.scan as users call it: results, what a step captures, random numbers, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.graph import Graph, Node, Recurrence, evaluate, layer_scope, verify_graph

Array = np.ndarray[Any, Any]


def values(outputs: tuple[Node, ...], inputs: tuple[Node, ...] = (), *arrays: Any) -> list[Array]:
    graph = Graph(inputs, outputs)
    verify_graph(graph)
    return evaluate(graph, arrays)[0]


def running_sum(x: Node, total: Node) -> tuple[Node, list[Node]]:
    return total + x, [total, total + x]


@pytest.mark.parametrize("length", [4, 1, 0])
@pytest.mark.parametrize("reverse", [False, True])
def test_carries_go_from_step_to_step_and_values_are_stacked_by_position(length: int, reverse: bool) -> None:
    x = graphc.placeholder((None, 3))
    finals, stacked = graphc.scan(running_sum, [x], [np.full(3, 100, np.float32)], reverse=reverse)
    numbers = np.arange(length * 3, dtype=np.float32).reshape(length, 3)
    last, before, after = values((*finals, *stacked), (x,), numbers)
    sums = np.cumsum(numbers[::-1], 0)[::-1] if reverse else np.cumsum(numbers, 0)
    np.testing.assert_array_equal(after, sums + 100)
    np.testing.assert_array_equal(before, sums - numbers + 100)
    np.testing.assert_array_equal(last, numbers.sum(0) + 100)


def test_several_sequences_carries_and_other_inputs_come_in_order() -> None:
    def step(x: Node, y: Node, a: Node, b: Node, scale: Node) -> tuple[list[Node], list[Node]]:
        return [b, a + x * scale], [y]

    x, y = np.arange(3, dtype=np.float32), np.arange(3) * 10
    finals, stacked = graphc.scan(step, [x, y], [0.0, 1.0], [np.float32(2)])
    a, b, ys = values((*finals, *stacked))
    # (0, 1), (1, 0), (0, 3), (3, 4)
    assert (a.tolist(), b.tolist()) == (3.0, 4.0)
    np.testing.assert_array_equal(ys, y)


def test_without_sequences_the_length_counts_the_steps() -> None:
    count = graphc.placeholder((None, 2))
    (power,), () = graphc.scan(lambda a: (a * 2.0, ()), [], [1.0], length=count.shape[0])
    assert values((power,), (count,), np.zeros((5, 2)))[0] == 32


def test_what_is_computed_outside_is_an_input_and_numbers_stay_inside() -> None:
    x, w = graphc.placeholder((5, 3)), graphc.state(np.ones((3, 3), np.float32))
    doubled = w.node * 2.0

    def step(x: Node, h: Node) -> tuple[Node, tuple[()]]:
        return ops.tanh((x + h) @ ops.transpose(doubled)) * 0.5 + ops.ones((3,)), ()

    (last,), _ = graphc.scan(step, [x], [ops.zeros((3,))])
    recurrence = Recurrence.of(last)
    assert list(recurrence.others.values()) == [ops.transpose(doubled)]
    assert not {n.op.name for n in recurrence.nodes()} & {"state", "transpose"}
    verify_graph(Graph((x,), (last,)))


def test_a_step_may_return_what_it_was_given_and_what_is_outside() -> None:
    x, y = graphc.placeholder((3, 2)), graphc.placeholder((2,))
    (same, outside), (element, constant, steady) = graphc.scan(
        lambda x, a, b: ([a, y], [x, ops.zeros((4,)), y]), [x], [y * 3.0, y]
    )
    rows, row = np.arange(6).reshape(3, 2), np.array([5, 7])
    found = values((same, outside, element, constant, steady), (x, y), rows, row)
    for f, e in zip(found, (row * 3, row, rows, np.zeros((3, 4)), np.tile(row, (3, 1))), strict=True):
        np.testing.assert_array_equal(f, e)


def test_a_step_inside_a_step_captures_from_both() -> None:
    x, w = graphc.placeholder((4, 3)), graphc.placeholder((3,))

    def outer(row: Node, total: Node) -> tuple[Node, Node]:
        (inside,), _ = graphc.scan(lambda e, s: (s + e * ops.sum(row * w) + total, ()), [row], [0.0])
        return total + inside, inside

    (total,), (each,) = graphc.scan(outer, [x], [0.0])
    rows, weights = np.arange(12, dtype=np.float32).reshape(4, 3) / 4, np.array([1, 2, 4], np.float32)
    expected, found = 0.0, []
    for row in rows:
        found.append(row.sum() * (row * weights).sum() + 3 * expected)
        expected += found[-1]
    got, got_each = values((total, each), (x, w), rows, weights)
    np.testing.assert_allclose(got, expected)
    np.testing.assert_allclose(got_each, found)


def test_random_numbers_of_a_step_are_drawn_anew_and_those_from_outside_stay() -> None:
    random = ops.random_state(7)
    outside = ops.random_uniform((3,), random)
    _, (drawn, steady) = graphc.scan(lambda: ((), [ops.random_uniform((3,), random), outside]), length=6)
    each, same = values((drawn, steady))
    assert len(np.unique(each)) == 18
    assert (same == same[0]).all()
    assert len({n.shape for n in Recurrence.of(drawn).sequences.values()}) == 1


def test_random_numbers_inside_two_loops_are_drawn_anew_in_each_step_of_both() -> None:
    random = ops.random_state(7)

    def outer() -> tuple[tuple[()], Node]:
        _, (drawn,) = graphc.scan(lambda: ((), ops.random_uniform((2,), random)), length=3)
        return (), drawn

    _, (drawn,) = graphc.scan(outer, length=4)
    assert len(np.unique(values((drawn,))[0])) == 24


def test_siblings_share_one_body_and_unequal_lengths_may_turn_out_equal() -> None:
    x, y = graphc.placeholder((None, 2)), graphc.placeholder((4, 2))
    finals, stacked = graphc.scan(lambda x, y, a: (a + x * y, a), [x, y], [ops.zeros((2,))])
    assert finals[0].attrs["body"] is stacked[0].attrs["body"]
    assert stacked[0].shape == (4, 2)
    assert finals[0].inputs == stacked[0].inputs


X = graphc.placeholder((5, 3), name="x")
H = graphc.placeholder((3,), name="h")


def narrowed(x: Node, h: Node) -> Any:
    return h[1:], x


def widened(x: Node, h: Node) -> Any:
    return ops.cast(h, "float64"), x


def raised(x: Node, h: Node) -> Any:
    return h + ops.ones((2, 1)), x


BAD: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (
        ShapeError,
        r"the step makes carry 0, float32\[3\], into float32\[2\] \[layer 'cell', .*test_scan_closure.py:\d+\]",
        lambda: graphc.scan(narrowed, [X], [H]),
    ),
    (
        DTypeError,
        r"carry 0, float32\[3\], into float64\[3\] \[.*test_scan_closure.py",
        lambda: graphc.scan(widened, [X], [H]),
    ),
    (ShapeError, r"carry 0, float32\[3\], into float32\[2, 3\]", lambda: graphc.scan(raised, [X], [H])),
    (
        ShapeError,
        r"the lengths of the sequences differ: 5, 3 \[layer 'cell', .*test_scan_closure.py:\d+\]",
        lambda: graphc.scan(lambda x, h: ((), ()), [X, H]),
    ),
    (ShapeError, "lengths of the sequences differ: 5, 7", lambda: graphc.scan(lambda x: ((), x), [X], length=7)),
    (ShapeError, "without sequences it needs a length", lambda: graphc.scan(lambda h: (h, h), [], [H])),
    (ShapeError, "sequence 0 is a scalar", lambda: graphc.scan(lambda x: ((), x), [2.0])),
    (GraphError, r"must return \(new carries, emitted values\)", lambda: graphc.scan(lambda x, h: h, [X], [H])),
    (GraphError, "returns 0 carries; there are 1", lambda: graphc.scan(lambda x, h: ((), h), [X], [H])),
]


@pytest.mark.parametrize(("error", "message", "build"), BAD, ids=[message for _, message, _ in BAD])
def test_bad_steps_are_named(error: type[Exception], message: str, build: Callable[[], Any]) -> None:
    with layer_scope("cell"), pytest.raises(error, match=message):
        build()
