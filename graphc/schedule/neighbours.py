"""Which folds are computed for several neighbouring windows at a time: what windows share is then loaded once.

A depthwise convolution of 3 x 3 windows multiplies nine elements and nine weights for each result. Seven results side
by side read 27 elements and the same nine weights, in registers, instead of 63 of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.graph import Node
from graphc.schedule.elements import Elements
from graphc.schedule.group import folded_dims, kept_dims
from graphc.symbolic import product

# Elements of a window: more are not written out. Windows at a time: as many as registers serve.
MOST_FOLDED, MOST_WINDOWS = 16, 8
# Innermost elements, which run as lanes, below which too few lanes have one.
LEAST_LANES = 16


def window_steps(n: Node, elements: Elements) -> tuple[int, ...]:
    """Return how many elements along each kept axis a fold over windows computes together; none for other folds."""
    kept, folded = kept_dims(n), product(folded_dims(n))
    if len(kept) < 2 or not isinstance(folded, int) or not 1 < folded <= MOST_FOLDED:
        return ()
    seen = _windows_below(n, elements)
    if seen is None:
        return ()
    along, lanes = kept[-2:]
    if not isinstance(along, int) or not isinstance(lanes, int) or along < 2 or lanes < LEAST_LANES:
        return ()
    return (*(1 for _ in kept[:-2]), _even_step(along, max(1, MOST_WINDOWS // seen.attrs["strides"][-1])), 1)


def pads_windows(n: Node, consumers: Mapping[Node, Sequence[Node]], elements: Elements) -> bool:
    """Tell whether n pads an array for folds that `window_steps` blocks, and for nothing else.

    Conditions tell the few places at the border that such a block reads there; a padded copy costs more.
    """
    if n.op.name != "pad" or any(n.attrs["interior"]) or any(r.op.name != "windows" for r in consumers[n]):
        return False
    stack = list(consumers[n])
    for current in stack:
        if not consumers[current]:
            return False
        for reader in consumers[current]:
            if reader.op.kind == "reduction":
                if not window_steps(reader, elements):
                    return False
            elif reader.op.kind not in ("elementwise", "movement"):
                return False
            elif reader not in stack:
                stack.append(reader)
    return bool(stack)


def _even_step(extent: int, most: int) -> int:
    """Return the step of the fewest blocks, and of those the one that leaves the largest last block."""
    return -(-extent // -(-extent // most))


def _windows_below(n: Node, elements: Elements) -> Node | None:
    """Return the windows, which may overlap, that a fold reads element by element; None where there are none."""
    stack = list(n.inputs)
    while stack:
        current = stack.pop()
        if elements.is_read(current):
            continue
        if current.op.name == "windows":
            return current
        stack.extend(current.inputs)
    return None
