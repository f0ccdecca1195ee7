"""The NumPy meaning of graphs: what it refuses, and with which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import DTypeError, GraphcError, GraphError, ShapeError
from graphc.graph import PLACEHOLDER, REGISTRY, Graph, Op, TensorType, apply, evaluate, evaluate_node

X = graphc.placeholder((None, 3), name="x")
PAIR = Graph((X, graphc.placeholder((2, 5), name="y")), (X * 2.0,))
HALVING = Op("halving", "elementwise", "Half of x.", infer=lambda t: t, ref=lambda a: a[:1], lower=lambda n, i, load: 0)


def meaning_of(op: Op) -> Callable[..., Any]:
    assert op.ref is not None
    return op.ref


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: evaluate(PAIR, [1.0]), GraphError, "the graph has 2 inputs; 1 arrays were given"),
        (
            lambda: evaluate(PAIR, [np.ones(3), np.ones((2, 5))]),
            ShapeError,
            r"'x' is float32\[x_\w+, 3\]: an array of rank 1, shape \(3,\), was given",
        ),
        (
            lambda: evaluate(PAIR, [np.ones((7, 4)), np.ones((2, 5))]),
            ShapeError,
            r"'x' is float32\[x_\w+, 3\]: an array of shape \(7, 4\) was given \(3 is 3\)",
        ),
        (lambda: evaluate_node(X * 2.0), GraphError, r"no value was given for placeholder 'x' float32\[x_\w+, 3\]"),
        (
            lambda: evaluate(Graph((X,), (apply(HALVING, X),)), [np.ones((7, 3))]),
            ShapeError,
            r"halving: the shape rule says float32\[x_\w+, 3\], with \(7, 3\); NumPy gives float32\(1, 3\)",
        ),
        (lambda: meaning_of(PLACEHOLDER)(name="x"), GraphcError, "'x' has no value of its own: it must be fed"),
        (lambda: TensorType((3,), "complex64"), DTypeError, "dtype 'complex64' is not one of bool, uint8"),
        (lambda: TensorType((3, -4), "float32"), ShapeError, r"a dimension cannot be negative: float32\[3, -4\]"),
        (lambda: graphc.graph.builder("sinus"), GraphError, "no op is named 'sinus'"),
        (lambda: graphc.graph.register(REGISTRY["exp"]), GraphError, "op 'exp' is registered twice"),
    ],
)
def test_what_has_no_meaning_is_told(mistake: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    with pytest.raises(error, match=message):
        mistake()


def test_sizes_that_are_taken_to_be_equal_must_be() -> None:
    """A program that is compiled takes them to be; NumPy would repeat the one."""
    x, y = graphc.placeholder((None, 3)), graphc.placeholder((None, 3))
    graph = Graph((x, y), (x + y,))
    [total], _ = evaluate(graph, [np.ones((4, 3)), np.ones((4, 3))])
    assert total.shape == (4, 3)
    with pytest.raises(ShapeError, match=r"add of .* to be .*; they are 4 and 1"):
        evaluate(graph, [np.ones((4, 3)), np.ones((1, 3))])
