"""Reverse mode over the graph. Each op is asked for its own rule; a composite without one is opened.

A recurrence has its rule in `recurrence`, for all its results at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from graphc import dtypes, ops
from graphc.errors import GradientError, ShapeError
from graphc.grad.recurrence import recurrence_cotangents
from graphc.graph import Node, State, as_node, body_of, families, inheriting, shape_text, topological_order
from graphc.records import replace


def gradients(
    loss: Node,
    wrt: Sequence[Node | State],
    grad_loss: Node | None = None,
    disconnected: Literal["zero", "error"] = "zero",
) -> list[Node]:
    """Return d loss / d w for each w of `wrt`, of w's shape and dtype.

    A loss that is not a scalar counts as the sum of its elements, weighted by `grad_loss` (of loss's shape) where that
    is given. A w that the loss does not depend on differentiably gets zeros, or with disconnected="error" raises
    GradientError; so does a loss that is not floating.
    """
    if not dtypes.is_float(loss.dtype):
        raise GradientError(f"a gradient needs a floating loss, not {loss.type}")
    if grad_loss is not None and as_node(grad_loss, loss).shape != loss.shape:
        raise ShapeError(f"grad_loss has shape {shape_text(grad_loss.shape)}, the loss {shape_text(loss.shape)}")
    wanted = [w.node if isinstance(w, State) else w for w in wrt]
    seed = ops.ones_like(loss) if grad_loss is None else ops.cast(as_node(grad_loss, loss), loss.dtype)
    cotangents = backpropagate({loss: seed}, wanted)
    return [_finished(w, cotangents.get(w), disconnected) for w in wanted]


def _finished(w: Node, cotangent: Node | None, disconnected: str) -> Node:
    if cotangent is not None:
        return cotangent
    if disconnected == "error":
        place = f" [{w.provenance}]" if str(w.provenance) else ""
        raise GradientError(f"the loss does not depend differentiably on {w!r}{place}")
    return ops.zeros_like(w)


def backpropagate(
    seeds: Mapping[Node, Node], wanted: Sequence[Node], boundary: Iterable[Node] = ()
) -> dict[Node, Node]:
    """Return the cotangents of the wanted nodes that the seeds' nodes depend on, given the cotangents of those.

    Nothing is looked at behind the boundary.
    """
    leaves = frozenset(boundary)
    order = topological_order(seeds, leaves)
    needed = _dependents(order, frozenset(wanted), leaves)
    cotangents = {n: g for n, g in seeds.items() if n in needed}
    siblings = {family[0]: family for family in families(n for n in order if n not in leaves)}
    for n in reversed(order):
        if n in leaves or not any(i in needed for i in n.inputs):
            continue
        if body_of(n) is None:
            results: tuple[Node, ...] = (n,)
        else:
            # The first of a recurrence's results comes up last, when the cotangents of all are known.
            results = siblings.get(n, ())
        given = {result: cotangents[result] for result in results if result in cotangents}
        if not given:
            continue
        with inheriting(replace(n.provenance, backward=True)):
            for source, contribution in _contributions(n, given, needed):
                if source in needed:
                    previous = cotangents.get(source)
                    cotangents[source] = contribution if previous is None else ops.add(previous, contribution)
    return {w: cotangents[w] for w in wanted if w in cotangents}


def _contributions(n: Node, given: Mapping[Node, Node], needed: set[Node]) -> Iterable[tuple[Node, Node]]:
    """Yield (input, cotangent) for each input that a gradient flows to from n, or from all results of a recurrence."""
    if body_of(n) is not None:
        for source, contribution in recurrence_cotangents(given, needed, backpropagate):
            yield source, _fitted(n, source, contribution)
    elif n.op.grad is not None:
        for source, rule_gave in zip(n.inputs, n.op.grad(n, given[n]), strict=True):
            if rule_gave is not None and dtypes.is_float(source.dtype):
                yield source, _fitted(n, source, rule_gave)
    elif n.op.expand is not None:
        inputs = tuple(dict.fromkeys(n.inputs))
        yield from backpropagate({n.op.expand(*n.inputs, **n.attrs): given[n]}, inputs, inputs).items()


def _fitted(n: Node, source: Node, contribution: Node) -> Node:
    """Return the cotangent; raises GradientError where a rule gave one of another type than its input's."""
    if contribution.dtype != source.dtype or contribution.rank != source.rank:
        raise GradientError(f"the gradient rule of '{n.op.name}' gave {contribution.type} for an input {source.type}")
    return contribution


def _dependents(order: Sequence[Node], wanted: frozenset[Node], leaves: frozenset[Node]) -> set[Node]:
    """Return the floating nodes of the order that are wanted or depend on a wanted one through floating nodes."""
    found: set[Node] = set()
    for n in order:
        reaches = n in wanted or (n not in leaves and any(i in found for i in n.inputs))
        if reaches and dtypes.is_float(n.dtype):
            found.add(n)
    return found
