"""Values that follow from states alone are kept from call to call, until a state changes."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc
from graphc import ops
from graphc.loopir import evaluate_plan

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


def _program() -> tuple[Any, Any, Any]:
    """Return two states and a program that multiplies rows with a matrix made of them."""
    w = graphc.state(np.ones((3, 4), np.float32), name="w")
    scale = graphc.state(np.full(4, 2, np.float32), name="scale")
    x = graphc.placeholder((None, 3), name="x")
    # A fold over an axis of a state is a kernel of its own; so is the matrix, which a contraction reads.
    return w, scale, graphc.function([x], ops.matmul(x, w.node * ops.sum(scale.node)))


def test_what_states_alone_decide_is_prepared_first() -> None:
    _, _, f = _program()
    assert f.plan.prepared == 2
    total, matrix = [launch.arguments[-1] for launch in f.plan.launches[:2]]
    # The sum is read by what makes the matrix alone: it need not outlive that.
    assert [(b.name, b.role) for b in f.plan.buffers if b.name in (total, matrix)] == [
        (total, "temporary"),
        (matrix, "kept"),
    ]
    np.testing.assert_array_equal(evaluate_plan(f.plan, [ROWS])[0][0], ROWS @ np.full((3, 4), 8, np.float32))


def test_a_state_that_is_set_is_seen() -> None:
    w, scale, f = _program()
    np.testing.assert_array_equal(f(ROWS), ROWS @ np.full((3, 4), 8, np.float32))
    scale.set_value(np.full(4, 5, np.float32))
    np.testing.assert_array_equal(f(ROWS), ROWS @ np.full((3, 4), 20, np.float32))
    w.set_value(np.full((3, 4), 3, np.float32))
    np.testing.assert_array_equal(f(ROWS), ROWS @ np.full((3, 4), 60, np.float32))


def test_a_state_that_a_program_writes_is_seen() -> None:
    w, _, f = _program()
    f(ROWS)
    x = graphc.placeholder(())
    step = graphc.function([x], [], updates=[(w, w.node + x)])
    for total in (2, 3):
        step(np.float32(1))
        np.testing.assert_array_equal(f(ROWS), ROWS @ np.full((3, 4), 8 * total, np.float32))


def test_nothing_is_computed_again_while_no_state_changes() -> None:
    w, _, f = _program()
    before = f(ROWS)
    w.storage[...] = 7  # behind everybody's back
    np.testing.assert_array_equal(f(ROWS), before)
    w.set_value(w.get_value())
    np.testing.assert_array_equal(f(ROWS), before * 7)


def test_a_program_that_writes_states_keeps_nothing() -> None:
    w = graphc.state(np.ones((3, 4), np.float32), name="w")
    scale = graphc.state(np.full(4, 2, np.float32), name="scale")
    x = graphc.placeholder((None, 3), name="x")
    result = ops.matmul(x, w.node * ops.sum(scale.node))
    f = graphc.function([x], result, updates=[(scale, scale.node + 1)])
    assert f.plan.prepared == 0
    for total in (8, 12):
        np.testing.assert_array_equal(f(ROWS), ROWS @ np.full((3, 4), total, np.float32))


def test_what_sums_are_added_to_is_not_kept() -> None:
    """The zeros that the rows' slopes are added to are zeros in each call."""
    rows = graphc.placeholder((None,), dtype="int32")
    table = graphc.state(np.ones((3, 4), np.float32), name="table")
    slopes = graphc.gradients(ops.sum(ops.gather(table.node, rows, axis=0)), [table.node])
    # A product with the slopes, so that they are no result but a temporary.
    f = graphc.function([rows], ops.matmul(table.node, ops.swapaxes(slopes[0], 0, 1)))
    for _ in range(2):
        np.testing.assert_array_equal(f(np.array([0, 2, 2], np.int32)), np.full((3, 3), 4, np.float32) * [1, 0, 2])
