"""Bad input to compiled programs: each a clear error that names the argument and the user's line; nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import DTypeError, ExecutionError, GradientError, GraphcError, GraphError, ShapeError

HERE = r"test_bad_input\.py:\d+"


def program() -> tuple[Any, graphc.compile.State]:  # type: ignore[name-defined]
    """A program of x (any rows, 3) that doubles its weights at each call."""
    x = graphc.placeholder((None, 3), name="x")
    w = graphc.state(np.ones((3, 2), np.float32), "w")
    return graphc.function([x], x @ w.node, updates=[(w, w.node * 2.0)], name="double"), w


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones(3, np.float32),), ShapeError, rf"'x' of double \[.*{HERE}\] has shape \(3,\); expected \(\?, 3\)"),
        ((np.ones((2, 4), np.float32),), ShapeError, r"has shape \(2, 4\); expected \(\?, 3\)"),
        ((np.ones((2, 3), np.complex64),), DTypeError, "'x'.* holds complex64; expected numbers of dtype float32"),
        (([["a", "b", "c"]],), DTypeError, "'x'.* holds <U1"),
        ((), ExecutionError, r"double takes 1 arrays \('x'\); got 0"),
        ((1.0, 2.0), ExecutionError, r"double takes 1 arrays \('x'\); got 2"),
    ],
)
def test_arguments_that_do_not_fit(arguments: tuple[Any, ...], error: type[GraphcError], message: str) -> None:
    f, w = program()
    with pytest.raises(error, match=message):
        f(*arguments)
    np.testing.assert_array_equal(w.get_value(), np.ones((3, 2)))
    f(np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(w.get_value(), np.full((3, 2), 2))


def test_floats_are_not_taken_for_integers() -> None:
    x = graphc.placeholder((None,), "int32", name="x")
    f = graphc.function([x], x + 1)
    with pytest.raises(DTypeError, match="float64, which does not cast safely to int32"):
        f(np.array([1.5]))


def test_two_inputs_whose_sizes_are_one() -> None:
    x, y = graphc.placeholder((None, 3), name="x"), graphc.placeholder((None, 3), name="y")
    f = graphc.function([x, y], x + y)
    with pytest.raises(ShapeError, match=r"argument 1 'y'.*has shape \(4, 3\); expected \(2, 3\)"):
        f(np.ones((2, 3), np.float32), np.ones((4, 3), np.float32))


def test_a_size_that_must_divide_another() -> None:
    x = graphc.placeholder((None, 4), name="x")
    f = graphc.function([x], ops.reshape(x, (5, -1, 3)) * 2.0)
    assert f(np.ones((15, 4), np.float32)).shape == (5, 4, 3)
    with pytest.raises(ShapeError, match=rf"reshape\(float32.*{HERE}\] needs 4\*.* the arguments make them 56 and 45"):
        f(np.ones((14, 4), np.float32))


def test_a_size_that_must_reach_a_window() -> None:
    x = graphc.placeholder((None, None, 3), name="x")
    f = graphc.function([x], ops.max(ops.windows(x, (5,)), axis=2))
    assert f(np.ones((2, 6, 3), np.float32)).shape == (2, 2, 3)
    with pytest.raises(ShapeError, match=rf"sizes=\(5,\).*{HERE}\] needs x_1.* to be at least 5; .* make it 4"):
        f(np.ones((2, 4, 3), np.float32))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda x, y: x + y, ShapeError, rf"add\(float32.*, float32.*\): .*3 and 4 differ \[.*{HERE}"),
        (lambda x, y: ops.reshape(ops.zeros((2, 4)), (3, 3)), ShapeError, HERE),
        (lambda x, y: ops.concatenate([x, y], axis=0), ShapeError, HERE),
        (lambda x, y: ops.logical_and(x, y)[0, 7], Exception, "out of|outside|differ"),
        (lambda x, y: graphc.function([x], ops.sum(y)), GraphError, rf"'y' .* is not among the inputs \[.*{HERE}"),
        (lambda x, y: graphc.function([x, x], x), GraphError, "given twice"),
        (lambda x, y: graphc.function([x * 2.0], x), GraphError, "inputs must be placeholders"),
        (lambda x, y: graphc.gradients(ops.argmax(x, axis=0), [x]), GradientError, "floating loss"),
        (lambda x, y: graphc.gradients(ops.sum(x), [y], disconnected="error"), GradientError, "y"),
    ],
)
def test_graphs_that_make_no_sense(build: Callable[[Any, Any], Any], error: type[Exception], message: str) -> None:
    x, y = graphc.placeholder((None, 3), name="x"), graphc.placeholder((None, 4), name="y")
    with pytest.raises(error, match=message):
        build(x, y)


def test_updates_that_do_not_fit() -> None:
    x = graphc.placeholder((None, 3), name="x")
    w = graphc.state(np.ones(3, np.float32), "w")
    with pytest.raises(ShapeError, match=rf"update of state 'w' .* has type .*{HERE}"):
        graphc.function([x], [], updates=[(w, x)])
    with pytest.raises(GraphError, match="updated twice"):
        graphc.function([x], [], updates=[(w, w.node), (w, w.node * 2.0)])
    with pytest.raises(ShapeError, match=r"state 'w' has shape \(3,\); got a value of shape \(4,\)"):
        w.set_value(np.ones(4))
    np.testing.assert_array_equal(w.get_value(), np.ones(3))
