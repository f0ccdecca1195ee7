"""Recurrence: what siblings share, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphc.graph.graph import Graph, topological_order
from graphc.graph.node import Node
from graphc.graph.op import CONSTANT, REGISTRY, apply, fresh_identity, placeholder
from graphc.graph.types import TensorType
from graphc.symbolic import Dim


@dataclass(frozen=True)
class Recurrence:
    """A loop over the positions of sequences.

    `sequences`, `carries` and `others` map the body's placeholders to the nodes outside that they stand for: for an
    element its sequence, for a carry its initial value, for what is the same in all steps that itself. `new` are the
    carries after a step. With `reverse` the steps go from the last position to the first.
    """

    sequences: dict[Node, Node]
    carries: dict[Node, Node]
    others: dict[Node, Node]
    new: tuple[Node, ...]
    length: Dim
    reverse: bool

    @staticmethod
    def of(n: Node) -> Recurrence:
        """Return the recurrence that n is a result of."""
        attrs = n.attrs
        first, last = attrs["sequences"], attrs["sequences"] + attrs["carries"]
        pairs = list(zip(attrs["body"].inputs, n.inputs, strict=True))
        sequences, carries, others = dict(pairs[:first]), dict(pairs[first:last]), dict(pairs[last:])
        return Recurrence(sequences, carries, others, attrs["body"].outputs, attrs["length"], attrs["reverse"])

    @cached_property
    def body(self) -> Graph:
        """The graph of one step."""
        return Graph((*self.sequences, *self.carries, *self.others), self.new)

    def final(self, carry: int) -> Node:
        """Return this carry after the last step."""
        return self._result(carry=carry, value=None)

    def stacked(self, value: Node) -> Node:
        """Return the values of a node of the body in all steps, by position; of an element, the sequence itself."""
        if value in self.sequences:
            return self.sequences[value]
        return self._result(carry=None, value=value)

    def _result(self, **which: Any) -> Node:
        inputs = (*self.sequences.values(), *self.carries.values(), *self.others.values())
        return apply(
            REGISTRY["scan"], *inputs, body=self.body, sequences=len(self.sequences), carries=len(self.carries),
            length=self.length, reverse=self.reverse, **which,
        )  # fmt: skip

    def nodes(self, values: Iterable[Node] = ()) -> tuple[Node, ...]:
        """Return the nodes of the body, producers first, those of further values too."""
        return topological_order((*self.body.inputs, *self.new, *values))


def inner_placeholder(type_: TensorType, name: str) -> Node:
    """Return a new placeholder of a body."""
    return placeholder(type_, name, fresh_identity())


def made_of_numbers(order: Iterable[Node]) -> set[Node]:
    """Return the nodes, producers given first, that cost nothing in a body: numbers, and those spread or combined."""
    found: set[Node] = set()
    for n in order:
        if n.op is CONSTANT:
            is_free = n.attrs["value"].size == 1
        else:
            is_free = n.op.kind in ("elementwise", "movement") and all(i in found for i in n.inputs)
        if is_free:
            found.add(n)
    return found
