"""Split contractions whose columns are taken apart again, so that the parts can meet in one kernel's registers.

Likewise concatenations, whose parts need then not be put together.

    z = x @ w + b                        i = x @ w[:, :u] + b[:u]
    i, f = z[:, :u], z[:, u:]      ->    f = x @ w[:, u:] + b[u:]
    y = sigmoid(i) * tanh(f)             y = sigmoid(i) * tanh(f)

The gates of recurrent layers are such parts. Where the whole is wanted as well, it is put together from the parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.graph import Graph, Node, builder, inheriting, rebuild
from graphc.schedule.contract import MOST_SUMS, column_count
from graphc.symbolic import Dim


def split_columns(graph: Graph) -> Graph:
    """Return the graph with such contractions, and the elementwise ops between, split into equal parts."""
    widths = _part_widths(graph)
    if not widths:
        return graph
    return _Splitter(widths).graph(graph)


def _part_widths(graph: Graph) -> dict[Node, int]:
    """Return the nodes to split, with the width of their parts."""
    found: dict[Node, int] = {}
    consumers = graph.consumers()
    for n in graph.nodes:
        if not _has_columns(n) or not isinstance(n.shape[-1], int):
            continue
        whole, slices = _through_elementwise(n, consumers)
        width = _common_width(n.shape[-1], slices)
        if n.op.name == "concatenate" and any(part.shape[-1] != width for part in n.inputs):
            continue
        # What reads two contractions is split as both are, or not at all.
        if width is not None and all(found.get(m, width) == width for m in whole):
            found |= dict.fromkeys(whole, width)
    return found


def _has_columns(n: Node) -> bool:
    """Tell whether columns of n can be had one by one."""
    if n.op.name == "concatenate":
        axis: int = n.attrs["axis"]
        return axis == n.rank - 1
    return n.op.kind == "contraction" and column_count(n) > 0


def _through_elementwise(n: Node, consumers: dict[Node, list[Node]]) -> tuple[list[Node], list[Node]]:
    """Return n with the elementwise ops of its shape that read it, and what takes columns of these."""
    whole, slices = [n], []
    for current in whole:
        for reader in consumers[current]:
            if _takes_columns(reader):
                slices.append(reader)
            elif reader.op.kind == "elementwise" and reader.shape == n.shape and reader not in whole:
                whole.append(reader)
    return whole, slices


def _takes_columns(n: Node) -> bool:
    """Tell whether n is a run of its input's last axis, and everything of the others."""
    return (
        n.op.name == "slice"
        and n.shape[:-1] == n.inputs[0].shape[:-1]
        and n.shape[-1] != n.inputs[0].shape[-1]
        and all(step == 1 for step in n.attrs["steps"])
    )


def _common_width(columns: int, slices: Sequence[Node]) -> int | None:
    """Return the width of the equal parts that all slices are, None where they are not."""
    runs: set[tuple[Dim, Dim]] = {(s.attrs["starts"][-1], s.shape[-1]) for s in slices}
    widths = {width for _, width in runs}
    if len(runs) < 2 or len(widths) > 1:
        return None
    [width] = widths
    if not isinstance(width, int) or width == 0 or columns % width or columns // width > MOST_SUMS:
        return None
    is_even = all(isinstance(start, int) and start % width == 0 for start, _ in runs)
    return width if is_even else None


class _Splitter:
    """Rebuilds a graph; `widths` are the parts' widths of the nodes to split."""

    def __init__(self, widths: dict[Node, int]) -> None:
        self._widths = widths
        self._new: dict[Node, Node] = {}
        self._parts: dict[Node, list[Node]] = {}

    def graph(self, graph: Graph) -> Graph:
        """Return the graph rebuilt."""
        for n in graph.nodes:
            with inheriting(n.provenance):
                self._new[n] = self._rebuilt(n)
        updates = tuple((state, self._new[new]) for state, new in graph.updates)
        return Graph(graph.inputs, tuple(self._new[n] for n in graph.outputs), updates)

    def _rebuilt(self, n: Node) -> Node:
        if n in self._widths:
            columns = n.shape[-1]
            assert isinstance(columns, int)
            self._parts[n] = [self._part(n, number) for number in range(columns // self._widths[n])]
            whole: Node = builder("concatenate")(self._parts[n], axis=n.rank - 1)
            return whole
        if _takes_columns(n) and n.inputs[0] in self._widths:
            number: int = n.attrs["starts"][-1] // self._widths[n.inputs[0]]
            return self._parts[n.inputs[0]][number]
        return rebuild(n, tuple(self._new[i] for i in n.inputs))

    def _part(self, n: Node, number: int) -> Node:
        width = self._widths[n]
        if n.op.name == "concatenate":
            return self._new[n.inputs[number]]
        if n.op.kind == "contraction":
            left, right = (self._new[i] for i in n.inputs)
            return rebuild(n, (left, _columns(right, _last_own_axis(n), number * width, width)))
        return rebuild(n, tuple(self._operand_part(n, i, number) for i in n.inputs))

    def _operand_part(self, n: Node, operand: Node, number: int) -> Node:
        if operand in self._widths:
            return self._parts[operand][number]
        if operand.rank == 0 or operand.shape[-1] == 1:
            return self._new[operand]
        return _columns(self._new[operand], operand.rank - 1, number * self._widths[n], self._widths[n])


def _last_own_axis(n: Node) -> int:
    """Return the axis of a contraction's right operand that is the result's last one."""
    rank = n.inputs[1].rank
    paired = {j for _, j in (*n.attrs["batch"], *n.attrs["depth"])} if "depth" in n.attrs else set()
    return max(axis for axis in range(rank) if axis not in paired)


def _columns(n: Node, axis: int, start: int, width: int) -> Node:
    starts = [start if a == axis else 0 for a in range(n.rank)]
    sizes = [width if a == axis else d for a, d in enumerate(n.shape)]
    part: Node = builder("slice")(n, starts, sizes)
    return part
