"""scan() as users call it: a step in Python becomes a closed body; what it uses from outside becomes inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.graph import (
    Node,
    Recurrence,
    TensorType,
    apply,
    as_node,
    current_provenance,
    inner_placeholder,
    made_of_numbers,
    substitute,
    topological_order,
)
from graphc.ops.axes import as_dim
from graphc.ops.define import Operand
from graphc.symbolic import Dim


def scan(
    step: Callable[..., Any],
    sequences: Sequence[Operand] = (),
    initials: Sequence[Operand] = (),
    non_sequences: Sequence[Operand] = (),
    length: Dim | None = None,
    reverse: bool = False,
) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Run a step along the leading axis of sequences; return (carries after the last step, emitted values stacked).

    `step(*elements, *carries, *non_sequences)` is called once, with nodes, and returns (new carries, emitted values),
    each a node or a sequence of nodes. New carries have the types of the initial values. Emitted values are stacked
    on a new axis 0 by position; with `reverse` the steps go from the last position to the first. `length` is needed
    where there are no sequences. The step may use any node from outside: what it computes from those alone is
    computed once. Random numbers drawn inside the step are drawn anew in each step.

    Raises ShapeError for sequences of different lengths or none and no length; ShapeError or DTypeError where a step
    changes a carry's type; GraphError where it returns something else than (carries, emitted values).
    """
    runs, starts, given = (tuple(map(as_node, values)) for values in (sequences, initials, non_sequences))
    count = _common_length(runs, length)
    closure = _Closure(count)
    elements = tuple(closure.add_sequence(n) for n in runs)
    carries = {inner_placeholder(n.type, f"carry {i}"): n for i, n in enumerate(starts)}
    others = tuple(closure.add_other(n) for n in given)
    new, emitted = _results(step(*elements, *carries, *others), len(starts))
    updated = tuple(_fitting(i, c, as_node(n, c)) for i, (c, n) in enumerate(zip(carries, new)))
    roots = closure.close((*updated, *map(as_node, emitted)), carries)
    recurrence = Recurrence(closure.sequences, carries, closure.others, roots[: len(starts)], count, bool(reverse))
    finals = tuple(recurrence.final(i) for i in range(len(starts)))
    return finals, tuple(recurrence.stacked(n) for n in roots[len(starts) :])


def _common_length(sequences: Sequence[Node], length: Dim | None) -> Dim:
    """Return the length of all sequences, the known one where one is known."""
    for i, n in enumerate(sequences):
        if n.rank == 0:
            raise ShapeError(f"scan: sequence {i} is a scalar {n.type}: it has no axis to go along {_place()}")
    lengths = [n.shape[0] for n in sequences] + ([] if length is None else [as_dim(length)])
    if not lengths:
        raise ShapeError(f"scan: without sequences it needs a length {_place()}")
    known = {d for d in lengths if isinstance(d, int)}
    if len(known) > 1:
        text = ", ".join(map(str, lengths))
        raise ShapeError(f"scan: the lengths of the sequences differ: {text} {_place()}")
    return next(iter(known)) if known else lengths[0]


def _place() -> str:
    return f"[{current_provenance()}]"


def _results(results: Any, carries: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return what a step returned as (new carries, emitted values)."""
    if not isinstance(results, (tuple, list)) or len(results) != 2:
        raise GraphError(f"scan: the step must return (new carries, emitted values), not {results!r} {_place()}")
    new, emitted = (tuple(r) if isinstance(r, (tuple, list)) else (r,) for r in results)
    if len(new) != carries:
        raise GraphError(f"scan: the step returns {len(new)} carries; there are {carries} initial values {_place()}")
    return new, emitted


def _fitting(position: int, carry: Node, new: Node) -> Node:
    """Return the new value of a carry. Raises ShapeError or DTypeError where its type is another."""
    text = f"scan: the step makes carry {position}, {carry.type}, into {new.type} [{new.provenance}]"
    if new.dtype != carry.dtype:
        raise DTypeError(text)
    differs = (isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(carry.shape, new.shape))
    if new.rank != carry.rank or any(differs):
        raise ShapeError(text)
    return new


@dataclass
class _Closure:
    """The inputs of a recurrence as they are found: the body's placeholders with the nodes outside."""

    length: Dim
    sequences: dict[Node, Node] = field(default_factory=dict)
    others: dict[Node, Node] = field(default_factory=dict)
    # Nodes made from now on are made by the step.
    start: int = field(default_factory=lambda: inner_placeholder(TensorType((), "bool"), "step").serial)

    def add_sequence(self, n: Node) -> Node:
        """Return the placeholder for an element of a sequence."""
        element = inner_placeholder(TensorType(n.shape[1:], n.dtype), f"element {len(self.sequences)}")
        self.sequences[element] = n
        return element

    def add_other(self, n: Node) -> Node:
        """Return the placeholder for a node that is the same in all steps."""
        other = inner_placeholder(n.type, f"other {len(self.others)}")
        self.others[other] = n
        return other

    def close(self, roots: tuple[Node, ...], carries: Iterable[Node]) -> tuple[Node, ...]:
        """Return the roots with everything that they use from outside replaced by inputs of the body."""
        varying = {*self.sequences, *carries, *self.others}
        replaced: dict[Node, Node] = {}
        order = topological_order(roots)
        free = made_of_numbers(order)
        for n in order:
            if self._is_draw(n) and n.inputs[0] not in varying:
                varying.add(n)
                replaced[n] = self.add_sequence(self._all_draws(n))
            elif n in varying or any(i in varying for i in n.inputs):
                varying.add(n)
        used = dict.fromkeys((*roots, *(i for n in order if n in varying and n not in replaced for i in n.inputs)))
        for n in used:
            if n not in varying and n not in free:
                replaced[n] = self.add_other(n)
        return substitute(roots, replaced)

    def _is_draw(self, n: Node) -> bool:
        return n.op.name == "random_bits" and n.serial > self.start

    def _all_draws(self, n: Node) -> Node:
        """Return the draws of all steps."""
        return apply(n.op, *n.inputs, **{**n.attrs, "shape": (self.length, *n.attrs["shape"])})
