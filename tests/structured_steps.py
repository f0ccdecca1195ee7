"""Steps of random programs that are no single indexed expression: windows, convolutions, running and scattered sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from graphc import dtypes, ops
from graphc.graph import Node
from tests.strategies import DIMS, GAP, STEPS, Builder, NoStep, Program, bounded, build, grow_gradient


def _image(b: Builder) -> Node:
    """Bounded values as (n, s1..sk, channels), k 1 or 2."""
    n = bounded(b)
    if n.rank < 2:
        raise NoStep
    return n if n.rank > 2 else ops.expand_dims(n, (0, 2)[b.choose(2)])


def _options(b: Builder, rank: int) -> dict[str, object]:
    """Random strides, or else dilations, and padding."""
    rates = [1 + b.choose(3) for _ in range(rank)]
    which = ("strides", "dilations")[b.choose(2)]
    return {which: rates, "padding": ("valid", "same", [(b.choose(2), b.choose(3)) for _ in range(rank)])[b.choose(3)]}


def _weights(b: Builder, *shape: int) -> np.ndarray:
    return (b.rng.standard_normal(shape) * 0.5).astype(b.floating)


def _pool(b: Builder) -> Node:
    x = _image(b)
    sizes = [1 + b.choose(3) for _ in range(x.rank - 2)]
    strides = [1 + b.choose(3) for _ in sizes]
    return (ops.max_pool, ops.average_pool)[b.choose(2)](x, sizes, strides, ("valid", "same")[b.choose(2)])


def _convolution(b: Builder) -> Node:
    x = _image(b)
    channels = x.shape[-1]
    if not isinstance(channels, int):
        raise NoStep
    window = [1 + b.choose(3) for _ in range(x.rank - 2)]
    if b.choose(3) == 0:
        w = _weights(b, *window, channels, 1 + b.choose(2))
        return ops.depthwise_convolution(x, w, **_options(b, len(window)))  # type: ignore[arg-type]
    w = _weights(b, *window, channels, DIMS[b.choose(4)])
    return ops.convolution(x, w, **_options(b, len(window)))  # type: ignore[arg-type]


def _tiled_convolution(b: Builder) -> Node:
    """A convolution of 3 x 3 with channels enough for Winograd's tiles."""
    x = bounded(b)
    if not x.rank or not isinstance(x.shape[-1], int):
        raise NoStep
    x = ops.expand_dims(x, tuple(range(4 - x.rank)))
    wide = ops.tanh(ops.convolution(x, _weights(b, 1, 1, int(x.shape[-1]), 32)))
    padded = ops.pad(wide, [(0, 0), (b.choose(3), 2), (1, 2 + b.choose(3)), (0, 0)])
    result = ops.convolution(padded, _weights(b, 3, 3, 32, 32) * 0.2, padding=("valid", "same")[b.choose(2)])
    return ops.sum(result, -1)


def _top(b: Builder) -> Node:
    x = b.pick(lambda n: n.rank > 0 and n.dtype == b.floating and isinstance(n.shape[-1], int))
    if x.shape[-1] == 0 or np.any(np.diff(np.sort(b.value(x), -1), axis=-1) < GAP):
        raise NoStep
    return ops.top_k(x, 1 + b.choose(int(x.shape[-1])))[b.choose(2)]


def _run(b: Builder) -> Node:
    x = bounded(b)
    if not x.rank:
        raise NoStep
    axis, is_reverse = b.choose(x.rank), bool(b.choose(2))
    return ops.cumprod(ops.tanh(x), axis, is_reverse) if b.choose(2) else ops.cumsum(x, axis, is_reverse)


def _scatter(b: Builder) -> Node:
    base = b.pick(lambda n: n.rank > 0 and n.dtype == b.floating)
    axis = b.choose(base.rank)
    positions = b.pick(lambda m: dtypes.is_integer(m.dtype) and m.rank < 3)
    updates = ops.tanh(ops.gather(base, positions, axis)) + 0.5
    return ops.scatter_add((base, ops.zeros_like(base))[b.choose(2)], positions, updates, axis)


def _repeat(b: Builder) -> Node:
    x = b.pick(lambda n: 0 < n.rank < 4)
    axis = b.choose(x.rank)
    choice = b.choose(4)
    if choice == 0:
        return ops.repeat(x, 2, axis)
    if choice == 1:
        return ops.tile(x, [1 + (a == axis) for a in range(x.rank)])
    return ops.flip(x, axis) if choice == 2 else ops.stack([x, x], axis)


STRUCTURED: tuple[Callable[[Builder], Node], ...] = (
    _pool, _convolution, _convolution, _tiled_convolution, _top, _run, _scatter, _scatter, _repeat,
)  # fmt: skip


def structured_programs(largest: int = 64) -> st.SearchStrategy[Program]:
    """Return a strategy of programs with structured steps, and slopes of them."""
    steps = (*STEPS, *STRUCTURED * 2, *(grow_gradient,) * 3)
    return st.builds(lambda seed, entropy: build(seed, entropy, steps), st.integers(0, 2**16),
                     st.binary(min_size=24, max_size=largest))  # fmt: skip
