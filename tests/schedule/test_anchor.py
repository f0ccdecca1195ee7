"""What is kept in memory, and how small."""

from __future__ import annotations

import numpy as np

import graphc
from graphc import ops


def test_positions_of_a_pool_wait_as_bytes() -> None:
    x, g = graphc.placeholder((None, 6, 10, 7)), graphc.placeholder((None, 3, 5, 7))
    [dx] = graphc.gradients(ops.sum(ops.max_pool(ops.exp(x), 2) * g), [x])
    f = graphc.function([x, g], dx)
    assert [b.dtype for b in f.plan.buffers if b.role == "temporary"] == ["float32", "uint8"]
    random = np.random.default_rng(3)
    a, cotangent = random.random((2, 6, 10, 7), np.float32), random.random((2, 3, 5, 7), np.float32)
    tiles = np.exp(a).reshape(2, 3, 2, 5, 2, 7)
    greatest = tiles.max((2, 4), keepdims=True)
    wanted = np.where(tiles == greatest, tiles * cotangent[:, :, None, :, None], 0).reshape(a.shape)
    np.testing.assert_allclose(f(a, cotangent), wanted, rtol=1e-5)


def test_a_fold_that_others_read_too_is_not_kept_twice() -> None:
    x = graphc.placeholder((None, 9))
    position = ops.argmax(x, 1)
    f = graphc.function([x], [ops.cast(position, "int8") + ops.cast(1, "int8"), position])
    assert [b.dtype for b in f.plan.buffers if b.role == "temporary"] == []
