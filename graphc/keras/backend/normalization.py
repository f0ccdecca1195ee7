"""Batch normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc import ops
from graphc.graph import Node
from graphc.keras.backend.tensor import Tensor, as_node
from graphc.symbolic import Dim


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x normalized by its own statistics over the axes, their mean and their (biased) variance.

    `gamma` and `beta` may be None. The statistics have the axes of x that are not reduced.
    """
    n = as_node(x)
    axes = tuple(a % n.rank for a in reduction_axes)
    mean, variance = ops.mean(n, axes), ops.var(n, axes)
    shape = tuple(1 if a in axes else d for a, d in enumerate(n.shape))
    normed = _normalize(n, [_shaped(s, shape) for s in (mean, variance, beta, gamma)], epsilon)
    return Tensor(normed), Tensor(mean), Tensor(variance)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Tensor:
    """Return gamma * (x - mean) / sqrt(var + epsilon) + beta; `gamma` and `beta` may be None.

    Statistics of one axis lie along `axis` of x; others broadcast as they are.
    """
    n = as_node(x)
    shape = tuple(d if a == axis % n.rank else 1 for a, d in enumerate(n.shape))
    statistics = [s if s is None or as_node(s).rank != 1 else _shaped(s, shape) for s in (mean, var, beta, gamma)]
    return Tensor(_normalize(n, [None if s is None else as_node(s) for s in statistics], epsilon))


def _shaped(statistic: Any, shape: tuple[Dim, ...]) -> Node | None:
    return None if statistic is None else ops.reshape(as_node(statistic), shape)


def _normalize(n: Node, statistics: Sequence[Node | None], epsilon: float) -> Node:
    mean, variance, beta, gamma = statistics
    assert mean is not None and variance is not None
    scale = ops.rsqrt(ops.add(variance, epsilon))
    if gamma is not None:
        scale = ops.multiply(scale, gamma)
    shift = ops.multiply(mean, scale)
    return ops.add(ops.multiply(n, scale), ops.negative(shift) if beta is None else ops.subtract(beta, shift))
