"""Weights in panels of columns: what tiles read of large ones lies together, and was laid so once.

    y = x @ w        ->    p = copy(panels of w)                           # (n / width, k, width), kept
                           y = reshape(contract(x, p))                     # (rows, n / width, width)

Of several matrices that go in step, each has its panels: (matrices, n / width, k, width).

A tile takes some columns of all rows of the right operand. Of a large one in rows these are far apart: each is a page
of its own, which no processor reads ahead, and copying them at each call costs what few rows of the left one do not
win back. Weights of a program that does not change them are therefore copied once, as `keep_prepared` has it.
"""

from __future__ import annotations

from collections.abc import Collection

from graphc.graph import CONSTANT, STATE, Graph, Node, builder, inheriting, rebuild
from graphc.schedule.results import copy_of
from graphc.symbolic import product

# Elements of weights that the second cache would hold beside everything else; and those of which there should not be
# a copy in memory, where they are not computed anyway.
LEAST, MOST = 1 << 17, 1 << 22
# Columns of a panel: a few vectors of any processor. No more than a quarter of the lanes may be without a column.
_NARROWEST, _WIDEST, _LANES = 16, 64, 16
# The vectors that most tiles are wide, which then read a panel from end to end: that is worth so much of the lanes.
_OF_A_TILE, _WORTH = 2, 1.05
_LEAST_FILLED = 0.75


def pack_panels(graph: Graph) -> Graph:
    """Return the graph with the large weights of contractions in panels; one with updates as it is."""
    if graph.updates:
        return graph
    known = _known(graph)
    packed = {n: width for n in graph.nodes if (width := _panel_width(n, known))}
    return graph.map(lambda n, inputs: _in_panels(n, inputs, packed[n]) if n in packed else rebuild(n, inputs))


def _known(graph: Graph) -> set[Node]:
    """Return the nodes that follow from states and constants alone."""
    known: set[Node] = set()
    for n in graph.nodes:
        if n.op in (STATE, CONSTANT) or (n.inputs and known.issuperset(n.inputs)):
            known.add(n)
    return known


def _panel_width(n: Node, known: Collection[Node]) -> int:
    """Return how many columns the panels of a contraction's weights have; 0 where they stay as they are."""
    if n.op.kind != "contraction" or n in known or n.inputs[1] not in known or n.dtype != "float32":
        return 0
    w = n.inputs[1]
    # Parts of one matrix share a kernel as they are.
    if w.op.name == "slice" or not _has_one_axis_of_columns(n):
        return 0
    size, columns = product(w.shape), w.shape[-1]
    if not isinstance(size, int) or not isinstance(columns, int) or size < LEAST:
        return 0
    if size > MOST and _axis_of_right(w, len(n.attrs.get("batch", ()))) is None:
        return 0
    widths = [d for d in range(_NARROWEST, min(_WIDEST, columns // 2) + 1) if columns % d == 0]
    best = max(widths, key=lambda d: (_filled(d) * (_WORTH if _vectors(d) == _OF_A_TILE else 1), d), default=_NARROWEST)
    return best if best in widths and _filled(best) >= _LEAST_FILLED else 0


def _filled(width: int) -> float:
    """Return the part of the lanes of a panel's vectors that are columns."""
    return width / (_vectors(width) * _LANES)


def _vectors(width: int) -> int:
    return -(-width // _LANES)


def _has_one_axis_of_columns(n: Node) -> bool:
    """Tell whether the last axis of the right operand is the only one of its own, behind those that go in step."""
    x, w = n.inputs
    if n.op.name == "matmul":
        return x.rank == w.rank == 2
    batch, depth = (sorted(j for _, j in n.attrs[axes]) for axes in ("batch", "depth"))
    return batch + depth == list(range(w.rank - 1))


def _in_panels(n: Node, inputs: tuple[Node, ...], width: int) -> Node:
    x, w = inputs
    with inheriting(n.provenance):
        batch, depth = n.attrs.get("batch", ()), n.attrs.get("depth", ((1, 0),))
        panels = _panels(w, width, len(batch))
        whole: Node = builder("contract")(x, panels, [(i, j + 1) for i, j in depth], batch)
        return builder("reshape")(whole, n.shape)


def _panels(w: Node, width: int, position: int) -> Node:
    """Return the weights with an axis of panels at `position`, each of `width` columns, laid out so."""
    axis = _axis_of_right(w, position)
    if axis is None:
        return copy_of(_view(w, width, position), 0)
    left, right = w.inputs
    depth = [(i, j + (j >= axis)) for i, j in w.attrs["depth"]]
    summed: Node = builder("contract")(left, _view(right, width, axis), depth)
    return summed


def _axis_of_right(w: Node, position: int) -> int | None:
    """Return which axis of its right operand is the one at `position` of a contraction, whose last ones are both last.

    Such a contraction lays out what it computes in panels itself, from a view of that operand. None for other nodes.
    """
    if w.op.name != "contract" or w.attrs["batch"]:
        return None
    right = w.inputs[1]
    own = [axis for axis in range(right.rank) if axis not in {j for _, j in w.attrs["depth"]}]
    before = w.rank - len(own)
    return own[position - before] if own[-1:] == [right.rank - 1] and position >= before else None


def _view(w: Node, width: int, position: int) -> Node:
    """Return the last axis split in panels, whose number is at `position`."""
    split = builder("reshape")(w, (*w.shape[:-1], -1, width))
    view: Node = builder("moveaxis")(split, -2, position)
    return view
