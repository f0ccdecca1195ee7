"""The gradient of a recurrence: a recurrence that goes through the positions the other way.

Its carries are the cotangents of the carries, and for each input that is the same in all steps the sum so far of its
cotangents. It reads what the forward steps leave behind: elements, carries before the step, and those inner values
that are cheaper kept than computed again. It gives the cotangents of the elements, stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from graphc import dtypes, ops
from graphc.graph import (
    Graph,
    Node,
    TensorType,
    cheapest_to_keep,
    fresh_identity,
    placeholder,
    rebuild,
    substitute,
    topological_order,
)

Backpropagate: TypeAlias = Callable[[Mapping[Node, Node], Sequence[Node]], dict[Node, Node]]


def recurrence_cotangents(
    given: Mapping[Node, Node], needed: Collection[Node], backpropagate: Backpropagate
) -> Iterator[tuple[Node, Node]]:
    """Yield (input, cotangent) for the needed inputs of a recurrence, given cotangents of some of its results.

    `backpropagate` is reverse mode itself, for the body.
    """
    step = _BackwardStep(given, needed, backpropagate)
    yield from step.cotangents()


class _BackwardStep:
    """The step of the backward recurrence, in nodes of the forward body and placeholders for cotangents."""

    def __init__(self, given: Mapping[Node, Node], needed: Collection[Node], backpropagate: Backpropagate) -> None:
        self.forward: Node = next(iter(given))
        attrs = self.forward.attrs
        self.body: Graph = attrs["body"]
        first, last = attrs["sequences"], attrs["sequences"] + attrs["carries"]
        self.elements, self.carries = self.body.inputs[:first], self.body.inputs[first:last]
        self.outer: dict[Node, Node] = dict(zip(self.body.inputs, self.forward.inputs))
        self.wanted = tuple(n for n in self.body.inputs if self.outer[n] in needed and dtypes.is_float(n.dtype))
        # Cotangents as the step reads them: of stacked values (with the sequence they come from), of new carries.
        self.of_values = {
            n.attrs["value"]: (_inner(n.attrs["value"].type, "cotangent of value"), g)
            for n, g in given.items()
            if n.attrs["value"] is not None
        }
        self.of_finals: dict[int, Node] = {
            n.attrs["carry"]: g for n, g in given.items() if n.attrs["carry"] is not None
        }
        self.of_carries: dict[int, Node] = {}
        self.results = self._differentiate(backpropagate)

    def _differentiate(self, backpropagate: Backpropagate) -> dict[Node, Node]:
        """Return the cotangents of the body's inputs; find the carries that a cotangent reaches at all."""
        wanted = tuple(dict.fromkeys((*self.wanted, *(c for c in self.carries if dtypes.is_float(c.dtype)))))
        reached = set(self.of_finals)
        while True:
            for i in reached - self.of_carries.keys():
                self.of_carries[i] = _inner(self.carries[i].type, f"cotangent of carry {i}")
            results = backpropagate(self._seeds(), wanted)
            found = {i for i, c in enumerate(self.carries) if c in results}
            if found <= reached:
                return results
            reached |= found

    def _seeds(self) -> dict[Node, Node]:
        seeds = {value: g for value, (g, _) in self.of_values.items()}
        for i, g in self.of_carries.items():
            new = self.body.outputs[i]
            seeds[new] = ops.add(seeds[new], g) if new in seeds else g
        return seeds

    def cotangents(self) -> Iterator[tuple[Node, Node]]:
        """Yield (input, cotangent): build the backward recurrence."""
        others = [n for n in self.wanted if n in self.results and n not in self.elements and n not in self.carries]
        sums = {n: _inner(n.type, f"sum for {n.attrs['name']}") for n in others}
        moved = sorted(self.of_carries)
        stacked = [n for n in self.elements if n in self.wanted and n in self.results]
        new = [
            *(self.results.get(self.carries[i], ops.zeros_like(self.carries[i])) for i in moved),
            *(ops.add(sums[n], self.results[n]) for n in others),
        ]
        roots = (*new, *(self.results[n] for n in stacked))
        kept = self._kept(roots)
        renamed = {n: _inner(n.type, f"kept {position}") for position, n in enumerate(kept)}
        sequences = {renamed[n]: self._all_steps(n) for n in kept} | dict(self.of_values.values())
        starts = {self.of_carries[i]: self._start(i) for i in moved}
        starts |= {sums[n]: ops.zeros_like(self.outer[n]) for n in others}
        same = {n: self.outer[n] for n in self.body.inputs if n not in self.elements and n not in self.carries}
        roots = substitute(roots, renamed)
        inner = Graph((*sequences, *starts, *same), roots[: len(new)])
        inputs = (*sequences.values(), *starts.values(), *same.values())
        attrs = {
            "body": inner, "sequences": len(sequences), "carries": len(new), "length": self.forward.attrs["length"],
            "reverse": not self.forward.attrs["reverse"], "carry": None, "value": None,
        }  # fmt: skip
        for position, n in enumerate([*(self.carries[i] for i in moved), *others]):
            if n in self.wanted:
                yield self.outer[n], rebuild(self.forward, inputs, attrs | {"carry": position})
        for n, value in zip(stacked, roots[len(new) :]):
            yield self.outer[n], rebuild(self.forward, inputs, attrs | {"value": value})

    def _start(self, i: int) -> Node:
        """The cotangent of carry i after the last forward step."""
        carry = self.carries[i]
        return self.of_finals[i] if i in self.of_finals else ops.zeros_like(self.outer[carry])

    def _kept(self, roots: Iterable[Node]) -> tuple[Node, ...]:
        """Return the nodes of the forward body whose values the backward steps read."""
        forward = set(topological_order((*self.body.inputs, *self.body.outputs, *self.of_values)))
        backward = topological_order(roots, forward)
        same = {n for n in self.body.inputs if n not in self.elements and n not in self.carries}
        used = [n for n in backward if n in forward and n not in same]
        free = {*self.elements, *same, *self.of_values}
        return tuple(n for n in cheapest_to_keep(used, free) if n not in same)

    def _all_steps(self, n: Node) -> Node:
        """Return the values of a node of the forward body in all steps."""
        if n in self.elements:
            return self.outer[n]
        return rebuild(self.forward, self.forward.inputs, {**self.forward.attrs, "carry": None, "value": n})


def _inner(type_: TensorType, name: str) -> Node:
    return placeholder(type_, name, fresh_identity())
