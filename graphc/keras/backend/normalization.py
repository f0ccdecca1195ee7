"""Batch normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc import ops
from graphc.graph import Node
from graphc.keras.backend.tensor import Tensor, as_node


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
    spread = [None if s is None else ops.reshape(as_node(s), shape) for s in (mean, variance, beta, gamma)]
    return Tensor(_normalize(n, *spread, epsilon)), Tensor(mean), Tensor(variance)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Tensor:
    """Return gamma * (x - mean) / sqrt(var + epsilon) + beta; `gamma` and `beta` may be None.

    Statistics of one axis lie along `axis` of x; others broadcast as they are.
    """
    n = as_node(x)
    shape = tuple(d if a == axis % n.rank else 1 for a, d in enumerate(n.shape))
    spread = [None if s is None else _along(as_node(s), shape) for s in (mean, var, beta, gamma)]
    return Tensor(_normalize(n, *spread, epsilon))


def _along(statistic: Node, shape: tuple[Any, ...]) -> Node:
    return ops.reshape(statistic, shape) if statistic.rank == 1 and len(shape) > 1 else statistic


def _normalize(n: Node, mean: Any, variance: Any, beta: Any, gamma: Any, epsilon: float) -> Node:
    scale = ops.rsqrt(variance + as_node(epsilon, variance))
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale if beta is None else beta - mean * scale
    return n * scale + shift
