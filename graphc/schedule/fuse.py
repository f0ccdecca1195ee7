"""Fusion: which anchored nodes share a kernel.

Greedy, in topological order. A node joins the kernel of one of its producers where their loops agree and it
reads the kernel's other results only at the element being computed; else one that reads the same buffers; else
it starts its own. A pointwise kernel whose rows a reduction folds becomes a kernel over rows. A kernel is never
joined where something between the two has to run in the meantime. The results of one recurrence share a group.
Contractions of one left operand with parts of one right operand share a kernel.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from graphc.graph import Graph, Node, body_of, family_key
from graphc.loopir import Load
from graphc.schedule.contract import KERNEL_DTYPES, MOST_SUMS, can_share_kernel, describe_contraction
from graphc.schedule.elements import Elements, as_symbol, buffer_name, squeezed
from graphc.schedule.group import (
    Group,
    Order,
    computed_shape,
    folded_dims,
    folds_last_axes,
    kept_dims,
    label,
)
from graphc.schedule.neighbours import window_steps
from graphc.symbolic import FloorDiv, Modulo, affine, atoms, product

# Statements of one kernel: registers and compile time grow with it.
MOST_MEMBERS = 24


class Fusion:
    """The groups of a graph, `home` of each anchored node, and the order of groups.

    `in_blocks`: folds over windows compute several neighbours at a time.
    """

    def __init__(self, graph: Graph, elements: Elements, in_blocks: bool = False) -> None:
        self.elements = elements
        self._in_blocks = in_blocks
        self.groups: list[Group] = []
        self.home: dict[Node, Group] = {}
        self.order = Order()
        self._named: dict[str, Node] = {}
        self._readers: dict[str, list[Group]] = {}
        self._families: dict[Hashable, Group] = {}
        for n in graph.nodes:
            if n in elements.anchored:
                self.place(n)

    def place(self, n: Node) -> Group:
        """Put an anchored node into the best group there is, or a new one."""
        refused: list[tuple[Group, str]] = []
        chosen: Group | None = None
        if body_of(n) is not None:
            chosen = self._families.get(family_key(n))
        elif n.op.kind == "contraction":
            chosen = next((g for g in self.groups if self._can_be_beside(g, n)), None)
        for group in self._candidates(n):
            reason = self._refusal(group, n)
            if reason is None:
                chosen = group
                break
            refused.append((group, reason))
        chosen = chosen or self._start(n)
        chosen.unfused += self._apart(chosen, n, refused)
        self._join(chosen, n)
        return chosen

    def _apart(self, chosen: Group, n: Node, refused: list[tuple[Group, str]]) -> list[str]:
        """Return a line for each kernel that computes what n reads and that n is not part of: why."""
        before = self.dependencies(chosen, n)
        if n.op.kind in ("structured", "contraction"):
            reason = "every element of it is read many times, and would be computed as often"
            refused = [(self.groups[number], reason) for number in sorted(before)]
        return [f"{n.op.name} is apart from {label(g)}: {reason}" for g, reason in refused if g.number in before]

    def place_alone(self, n: Node) -> Group:
        """Put an anchored node into a new group."""
        group = self._start(n)
        self._join(group, n)
        return group

    def sources_of(self, n: Node) -> list[Load]:
        """Return what the kernel that starts with n would load."""
        return self._fresh(n, -1).loads(n, self.elements) if n.op.kind != "structured" else []

    def dependencies(self, group: Group, n: Node) -> set[int]:
        """Return the groups that compute what n reads, `group` aside."""
        if n.op.kind in ("structured", "contraction"):
            sources = {s for s in operand_sources(n, self.elements)}
            return {self.home[s].number for s in sources if s in self.home} - {group.number}
        named = (self._named.get(load.buffer) for load in group.loads(n, self.elements))
        return {self.home[s].number for s in named if s is not None} - {group.number}

    def _fresh(self, n: Node, number: int) -> Group:
        if n.op.kind == "structured":
            return Group(number, "scan" if body_of(n) is not None else "structured", squeezed(n.shape))
        if n.op.kind == "contraction":
            return Group(number, "contract", squeezed(n.shape))
        if n.op.kind == "reduction":
            if folds_last_axes(n):
                return Group(number, "rows", kept_dims(n), folded_dims(n))
            steps = window_steps(n, self.elements) if self._in_blocks else ()
            return Group(number, "loops", kept_dims(n), steps=steps)
        if n.op.together is not None:
            steps = tuple(step for step, d in zip(n.op.together(n), n.shape) if d != 1)
            return Group(number, "loops", squeezed(n.shape), steps=steps)
        return Group(number, "loops", squeezed(computed_shape(n)))

    def _start(self, n: Node) -> Group:
        group = self._fresh(n, self.order.new())
        self.groups.append(group)
        if body_of(n) is not None:
            self._families[family_key(n)] = group
        return group

    def _join(self, group: Group, n: Node) -> None:
        if n.op.kind == "reduction" and group.kind == "loops" and group.members and folds_last_axes(n):
            group.kind, group.domain, group.inner = "rows", kept_dims(n), folded_dims(n)
        self.order.require(self.dependencies(group, n), group.number)
        if n.op.kind == "contraction":
            group.members.insert(len(group.contractions), n)
        else:
            group.members.append(n)
        self.home[n] = group
        self._named[buffer_name(n)] = n
        if n.op.kind not in ("structured", "contraction"):
            for load in group.loads(n, self.elements):
                self._readers.setdefault(load.buffer, []).append(group)

    def _candidates(self, n: Node) -> Iterator[Group]:
        """Yield groups worth joining: producers' first (the latest of them), then readers of the same buffers."""
        if n.op.kind in ("structured", "contraction") or n.op.together is not None:
            return
        buffers = [load.buffer for load in self.sources_of(n)]
        producers = {self.home[self._named[b]] for b in buffers if b in self._named}
        yield from sorted(producers, key=lambda g: -g.number)
        seen = set(producers)
        for buffer in buffers:
            for group in self._readers.get(buffer, ()):
                if group not in seen and group.kind != "contract":
                    seen.add(group)
                    yield group
        if not squeezed(n.shape) and n.op.kind != "reduction":
            yield from (g for g in self.groups if g not in seen and g.kind == "loops" and not g.domain)

    def _can_be_beside(self, group: Group, n: Node) -> bool:
        """Tell whether a contraction can be computed by the kernel of other ones."""
        others = group.contractions
        if not others or n.dtype not in KERNEL_DTYPES or len(others) == MOST_SUMS or len(group.members) >= MOST_MEMBERS:
            return False
        first = others[0]
        if n.inputs[0] is not first.inputs[0] or (n.op, n.shape) != (first.op, first.shape):
            return False
        described = [describe_contraction(c, group, self.elements) for c in (first, n)]
        return can_share_kernel(*described) and self.order.allows(self.dependencies(group, n), group.number)

    def _refusal(self, group: Group, n: Node) -> str | None:
        """Return why n cannot join the group, None where it can."""
        if group.kind in ("structured", "scan"):
            return "it has a kernel template of its own"
        if len(group.members) >= MOST_MEMBERS:
            return f"that kernel has {MOST_MEMBERS} statements, the most one may have"
        trial = self._with_loops_for(group, n)
        if trial is None:
            loops = ", ".join(map(str, group.domain + group.inner)) or "none"
            return f"its loops ({loops}) cannot compute {n.op.name} {n.type}"
        if not self._reads_members_in_place(trial, n):
            return f"{n.op.name} reads elements of it other than the one being computed"
        if not self.order.allows(self.dependencies(trial, n), group.number):
            return "another kernel has to run between the two"
        return None

    def _with_loops_for(self, group: Group, n: Node) -> Group | None:
        """Return the group (or what it would become) if its loops can compute n."""
        shape = squeezed(computed_shape(n))
        if group.steps:
            return group if shape == group.domain and n.op.kind != "reduction" else None
        if n.op.kind == "reduction":
            if not folds_last_axes(n):
                return None
            domain, inner = kept_dims(n), folded_dims(n)
            if group.kind == "rows" and (group.domain, group.inner) == (domain, inner):
                return group
            pointwise = all(m.op.kind != "reduction" for m in group.members)
            alike = all(squeezed(computed_shape(m)) == group.domain for m in group.members)
            if group.kind == "loops" and group.domain == domain + inner and pointwise and alike and len(inner) == 1:
                return Group(group.number, "rows", domain, inner, group.members)
            return None
        if shape == group.domain or (group.kind == "rows" and shape == group.domain + group.inner):
            return group
        if group.kind in ("loops", "contract") and product(shape) == product(group.domain):
            found = group.loads(n, self.elements)
            simple = not any(isinstance(a, (FloorDiv, Modulo)) for load in found for a in atoms(load.offset))
            return group if simple and not any(m.op.kind == "reduction" for m in group.members) else None
        return None

    def _reads_members_in_place(self, group: Group, n: Node) -> bool:
        """Tell whether n reads the group's results only at the element being computed."""
        members = {buffer_name(m): m for m in group.members}
        for load in group.loads(n, self.elements):
            member = members.get(load.buffer)
            if member is not None:
                if load.guard is not None or load.offset != group.offset(member):
                    return False
                if group.is_inner(member) and n.op.kind != "reduction" and not group.is_inner(n):
                    return False
            if group.kind == "contract" and group.domain:
                parts = affine(load.offset, as_symbol(group.outer_symbols[-1]))
                if parts is None or load.guard is not None:
                    return False
        return True


def operand_sources(n: Node, elements: Elements) -> set[Node]:
    """Return the anchored nodes and sources under a contraction's or structured op's operands."""
    found: set[Node] = set()
    stack = list(n.inputs)
    while stack:
        current = stack.pop()
        if elements.is_read(current):
            found.add(current)
        else:
            stack.extend(current.inputs)
    return found
