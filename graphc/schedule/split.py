"""Split reductions that fold many axes of a large tensor: rows first (many at once), then the rows' results."""

from __future__ import annotations

from graphc.graph import Graph, Node, builder, inheriting, rebuild
from graphc.schedule.elements import squeezed
from graphc.schedule.group import folded_dims, reduced_axes
from graphc.symbolic import product

# Elements under which one kernel is as fast as two.
LARGE = 32768
# Elements of one fold under which it is not worth two kernels however many folds there are (windows of a pool).
SHORT = 128
SPLITTABLE = frozenset({"sum", "prod", "max", "min", "any", "all"})


def split_reductions(graph: Graph) -> Graph:
    """Return the graph with large folds over several axes done in two steps, which threads can share."""
    if not any(_is_large(n) for n in graph.nodes):
        return graph
    return graph.map(_split)


def _is_large(n: Node) -> bool:
    if n.op.kind != "reduction" or n.op.fold not in SPLITTABLE or len(folded_dims(n)) < 2:
        return False
    folded, size = product(folded_dims(n)), n.inputs[0].type.size
    if isinstance(folded, int) and folded < SHORT:
        return False
    return not isinstance(size, int) or size >= LARGE


def _split(n: Node, inputs: tuple[Node, ...]) -> Node:
    with inheriting(n.provenance):
        if not _is_large(n):
            return rebuild(n, inputs)
        [x] = inputs
        axes = [axis for axis in reduced_axes(n) if x.shape[axis] != 1]
        rows = builder(n.op.name)(x, axis=tuple(axes[1:]), keepdims=True)
        result = builder(n.op.name)(rows, axis=reduced_axes(n), keepdims=n.attrs["keepdims"])
        assert squeezed(result.shape) == squeezed(n.shape)
        return result
