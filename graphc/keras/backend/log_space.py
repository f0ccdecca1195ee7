"""Sums of probabilities that are given by their logarithms."""

from __future__ import annotations

import functools

from graphc import ops
from graphc.graph import Node

# The logarithm of no probability: finite, so that differences and gradients of it are no nan.
IMPOSSIBLE = -1e30


def add_logarithms(*terms: Node) -> Node:
    """Return log(exp(a) + exp(b) + ...), without overflow."""
    greatest = ops.stop_gradient(functools.reduce(ops.maximum, terms))
    return greatest + ops.log(functools.reduce(ops.add, [ops.exp(term - greatest) for term in terms]))
