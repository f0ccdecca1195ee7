"""Which nodes are computed once and kept: the others are written out inside their readers.

Anchored are results (outputs, new values of states), reductions, contractions and structured ops, the operands
of contractions that are not strided views of a buffer, those of scans that are no contiguous part of one, and
values that would cost more to compute again than to keep: those with several readers, or read many times by one
that broadcasts them.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc import dtypes
from graphc.graph import Graph, Node, body_of
from graphc.loopir import Load
from graphc.schedule.elements import Elements, as_symbol, linear, loop_symbols, scalar_constant, spread, squeezed
from graphc.schedule.neighbours import pads_windows
from graphc.symbolic import Dim, Value, affine, atoms, symbols

# Scalar operations that storing a value and loading it back is worth (measured on chains of adds and exps).
KEEP_COST = 6
# A value that a reader broadcasts is worth keeping earlier: it would be computed again for every element.
BROADCAST_KEEP_COST = 3
# Longest expression written out in place: compile time and register pressure grow with it.
LONGEST_EXPRESSION = 48


def choose_anchors(graph: Graph, in_blocks: bool = False) -> Elements:
    """Return the element builder whose anchored nodes are those the module's docstring lists.

    `in_blocks`: folds over windows are computed in blocks, which then need no padded copy.
    """
    anchored: set[Node] = set()
    elements = Elements(anchored)
    for root in graph.roots:
        if root.op.kind != "source" or scalar_constant(root) is not None:
            anchored.add(root)
    consumers = graph.consumers()
    cost: dict[Node, int] = {}
    count: dict[Node, int] = {}
    paddings = {n for n in graph.nodes if in_blocks and pads_windows(n, consumers, elements)}
    for n in graph.nodes:
        if n.op.kind == "source":
            cost[n] = count[n] = 0
            continue
        inline = [i for i in n.inputs if not elements.is_read(i)]
        cost[n] = _own_cost(n) + sum(cost[i] for i in inline)
        count[n] = 1 + sum(count[i] for i in inline)
        if n.op.kind in ("contraction", "structured"):
            is_readable = is_contiguous if body_of(n) is not None else is_view
            for operand in n.inputs:
                if not elements.is_read(operand) and not is_readable(operand, elements):
                    anchored.add(_seen_through_views(operand, elements, is_readable))
            anchored.add(n)
        elif (
            n.op.kind == "reduction"
            or n.op.together is not None
            or n in anchored
            or (n.op.kind == "elementwise" and not paddings.isdisjoint(consumers[n]))
            or (n not in paddings and _is_worth_keeping(n, cost[n], count[n], consumers))
        ):
            anchored.add(n)
    return elements


def _own_cost(n: Node) -> int:
    # Movements of an index cost nothing beside the loads; random bits, a movement by their index, do.
    return 0 if n.op.kind == "movement" and n.op.cost == 1 else n.op.cost


def _is_worth_keeping(n: Node, cost: int, count: int, consumers: dict[Node, list[Node]]) -> bool:
    readers = set(consumers[n])
    if not readers:
        return False
    if count > LONGEST_EXPRESSION or _narrows_fold(n, consumers):
        return True
    if n.op.kind == "movement" and cost < KEEP_COST:
        return False
    if len(readers) > 1 and (cost >= KEEP_COST or _stands_for_contraction(n, consumers)):
        return True
    return cost >= BROADCAST_KEEP_COST and any(_repeats(reader, n) for reader in readers)


def _narrows_fold(n: Node, consumers: dict[Node, list[Node]]) -> bool:
    """Tell whether n casts the result of a fold, which nothing else reads, to a smaller dtype: less to keep."""
    if n.op.name != "cast" or n.inputs[0].op.kind != "reduction" or len(consumers[n.inputs[0]]) > 1:
        return False
    return dtypes.itemsize(n.dtype) < dtypes.itemsize(n.inputs[0].dtype)


def _stands_for_contraction(n: Node, consumers: dict[Node, list[Node]]) -> bool:
    """Tell whether n alone reads a contraction, element by element: then keeping n costs what keeping that would."""
    current = n
    while current.op.kind == "elementwise":
        inner = [i for i in current.inputs if i.type.size == n.type.size and i.op.kind != "source"]
        if len(inner) != 1 or len(consumers[inner[0]]) != 1:
            return False
        [current] = inner
    return current.op.kind == "contraction"


def _repeats(reader: Node, n: Node) -> bool:
    """Tell whether the reader reads elements of n more than once."""
    if reader.op.kind == "structured":
        return True
    return reader.op.kind != "reduction" and len(squeezed(reader.shape)) > len(squeezed(n.shape))


def _seen_through_views(operand: Node, elements: Elements, is_readable: Callable[[Node, Elements], bool]) -> Node:
    """Return the node under an operand to keep, so that the operand is readable as a view of it.

    That is the deepest one of the operand's movements; windows over a padded input keep the padded input, not the
    many copies that the windows are.
    """
    chosen = current = operand
    while current.op.kind == "movement" and len(current.inputs) == 1 and not elements.is_read(current.inputs[0]):
        current = current.inputs[0]
        if is_readable(operand, Elements(elements.anchored | {current})):
            chosen = current
    return chosen


def is_view(n: Node, elements: Elements) -> bool:
    """Tell whether n's elements are plain loads at offsets affine in n's index."""
    current = n
    while not elements.is_read(current):
        if current.op.kind != "movement" or len(current.inputs) != 1:
            return False
        current = current.inputs[0]
    variables = loop_symbols(squeezed(n.shape), "i")
    # A builder remembers expressions; this one must not, while anchors are still being chosen.
    element = Elements(elements.anchored).compute(n, spread(n.shape, variables))
    if not isinstance(element, Load) or element.guard is not None:
        return False
    offset = element.offset
    for variable in variables:
        parts = affine(offset, as_symbol(variable))
        if parts is None:
            return False
        offset = parts[1]
    return True


def is_contiguous(n: Node, elements: Elements) -> bool:
    """Tell whether n's elements are a contiguous part of a buffer, in order."""
    return contiguous_part(n, elements) is not None


def contiguous_part(n: Node, elements: Elements) -> tuple[str, Dim] | None:
    """Return the value that n is a contiguous part of and the offset of n in it; None where it is no such part."""
    index = spread(n.shape, loop_symbols(squeezed(n.shape), "i"))
    element = Elements(elements.anchored).read(n, index)
    if not isinstance(element, Load) or element.guard is not None:
        return None
    start = element.offset - linear(index, n.shape)
    if any(isinstance(atom, Value) for atom in atoms(start)) or any(s.extent is not None for s in symbols(start)):
        # At a position that the program computes, or not one after the other.
        return None
    return element.buffer, start
