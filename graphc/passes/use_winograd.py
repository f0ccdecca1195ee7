"""use_winograd: convolutions of 3 x 3 windows by Winograd's tiles, where those save products."""

from __future__ import annotations

from graphc import config, ops
from graphc.graph import Graph, Node
from graphc.passes.rewriting import sweep
from graphc.symbolic import Dim

# Fewer channels do too little with a tile for what it costs to make it ready.
LEAST_CHANNELS = 32
# The least share of the direct sum's products that must be saved, whole tiles counted.
LEAST_SAVING = 1.5

# An image must have so many large tiles: their 36 products read four times the weights that the direct sum does.
LEAST_LARGE_TILES = 8

# How a contraction pairs the axes of windows (n, h, w, 3, 3, c) with those of a kernel (3, 3, ci, co): the channels are
# the kernel's ci, or its co in the gradient of the array.
_DEPTHS = {((3, 0), (4, 1), (5, channels)): channels for channels in (2, 3)}


def use_winograd(graph: Graph) -> Graph:
    """Replace contractions of 3 x 3 windows, one apart, with a kernel by matrix products of tiles.

        %1 = windows(%x, sizes=(3, 3))                            %1 = winograd_tiles(%x, m=2)
        %2 = contract(%1, %w, depth=(3, 0), (4, 1), (5, 2))  ->   %2 = contract(%1, G w G^T, batch=.., depth=(5, 2))
                                                                  %3 = winograd_join(%2, m=2)

    The gradient of the array is such a contraction too. Tiles give 2 x 2 results, whose error is that of the direct
    sum; 4 x 4 where the flag GRAPHC_CONV_PRECISION says `fast`, and an image has many of them.
    """
    return sweep(graph, _by_tiles)


def _by_tiles(n: Node) -> Node | None:
    if n.op.name != "contract" or n.dtype != "float32" or n.attrs["batch"]:
        return None
    channels = _DEPTHS.get(tuple(sorted(n.attrs["depth"])))
    seen, w = n.inputs
    if channels is None or seen.op.name != "windows" or seen.attrs["sizes"] != (3, 3) or w.rank != 4:
        return None
    if seen.attrs["strides"] != (1, 1) or seen.attrs["dilations"] != (1, 1):
        return None
    sizes = (4, 2) if config.get("GRAPHC_CONV_PRECISION") == "fast" else (2,)
    m = next((m for m in sizes if pays(n.shape[1:3], w.shape[2:], m)), 0)
    return ops.winograd_convolution(seen.inputs[0], w, m, channels) if m else None


def pays(space: tuple[Dim, ...], channels: tuple[Dim, ...], m: int) -> bool:
    """Tell whether tiles of m x m results are faster than the direct sum: of these (height, width), (channels)."""
    height, width = space
    if not isinstance(height, int) or not isinstance(width, int):
        return False
    if any(isinstance(count, int) and count < LEAST_CHANNELS for count in channels):
        return False
    tiles = -(-height // m) * -(-width // m)
    if m > 2 and tiles < LEAST_LARGE_TILES:
        return False
    return 9 * height * width >= LEAST_SAVING * (m + 2) ** 2 * tiles
