"""Group: the anchored nodes that one kernel computes, and the order between groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from graphc.graph import Node
from graphc.loopir import Expr, Load
from graphc.schedule.elements import Elements, linear, loads, loop_symbols, spread, squeezed, unravel
from graphc.symbolic import Dim

# The parts of a concatenation that one kernel stores.
MOST_PARTS = 16
# Elements of a part of a row below which a loop of its own leaves most lanes without one.
_LEAST_WIDTH = 16

Kind = Literal["loops", "rows", "contract", "structured", "scan"]


@dataclass(eq=False)
class Group:
    """What one kernel computes.

    loops: members have the shape `domain` (axes of length one aside), reductions among them fold axes that are
    not the last ones. rows: outer loops over `domain`, inside it members of shape `domain` (one scalar a row)
    or `domain + inner`, and reductions over `inner`. contract: the first members are contractions of shape
    `domain` that share a kernel, the others their epilogue. structured: one node with a template of its own.
    scan: the results of one recurrence, which a loop computes. `unfused` tells why the first member did not join
    the kernels that compute what it reads.

    `steps` of a kernel of loops tell how many elements along each axis of `domain` an iteration computes (none: one
    of each); `position` is then where the element is that is being written out.
    """

    number: int
    kind: Kind
    domain: tuple[Dim, ...]
    inner: tuple[Dim, ...] = ()
    members: list[Node] = field(default_factory=list)
    unfused: list[str] = field(default_factory=list)
    steps: tuple[int, ...] = ()
    position: tuple[Dim, ...] | None = None

    @property
    def outer_symbols(self) -> tuple[Dim, ...]:
        """The loop variables over `domain`, or what stands for them."""
        return loop_symbols(self.domain, "i") if self.position is None else self.position

    @property
    def inner_symbols(self) -> tuple[Dim, ...]:
        """The loop variables over `inner`."""
        return loop_symbols(self.inner, "r")

    @property
    def contractions(self) -> list[Node]:
        """The members that are contractions, which come first."""
        return [n for n in self.members if n.op.kind == "contraction"]

    def is_inner(self, n: Node) -> bool:
        """Tell whether a member has a value for each inner element."""
        return (
            self.kind == "rows"
            and n.op.kind != "reduction"
            and squeezed(computed_shape(n)) == self.domain + self.inner
            and bool(self.inner)
        )

    def index(self, n: Node) -> tuple[Dim, ...]:
        """Return the index at which the kernel computes a member; one of another shape is walked through in order."""
        shape = computed_shape(n)
        if self.is_inner(n):
            return spread(shape, self.outer_symbols + self.inner_symbols)
        if squeezed(shape) == self.domain or n.op.kind == "structured":
            return spread(shape, self.outer_symbols)
        return unravel(linear(self.outer_symbols, self.domain), shape)

    def offset(self, n: Node) -> Dim | None:
        """Return where the kernel stores a member; None for one that it puts together, whose elements are several."""
        return None if is_assembled(n) else linear(self.index(n), n.shape)

    def parts(self, n: Node, elements: Elements) -> list[tuple[Dim, Expr]]:
        """Return where the kernel stores the elements of a member that it computes at a time, and what they are."""
        index = self.index(n)
        if not is_assembled(n):
            return [(linear(index, n.shape), self.element(n, elements))]
        axis, width = n.attrs["axis"], n.inputs[0].shape[n.attrs["axis"]]
        found: list[tuple[Dim, Expr]] = []
        for number, part in enumerate(n.inputs):
            place = (*index[:axis], index[axis] + number * width, *index[axis + 1 :])
            found.append((linear(place, n.shape), elements.read(part, index)))
        return found

    def loads(self, n: Node, elements: Elements) -> list[Load]:
        """Return what the kernel loads to compute a member."""
        found: dict[Load, None] = {}
        for _, e in self.parts(n, elements):
            found |= dict.fromkeys(elements.loads(e))
        return list(found)

    def element(self, n: Node, elements: Elements) -> Expr:
        """Return the expression of a member (for a reduction: of the element being folded)."""
        if n.op.kind == "reduction":
            return elements.compute(n, reduction_index(n, self.outer_symbols))
        return elements.compute(n, self.index(n))


def is_assembled(n: Node) -> bool:
    """Tell whether the kernel that computes n stores it part by part: a concatenation of equal parts."""
    return n.op.name == "concatenate" and len({i.shape for i in n.inputs}) == 1 and len(n.inputs) <= MOST_PARTS


def is_part_by_part(group: Group) -> bool:
    """Tell whether the kernel of a group is a concatenation of rows and nothing else, each part with its own loop.

    Where lanes run over parts, each of them asks of all parts which one it is in.
    """
    [n, *others] = group.members
    if others or n.op.name != "concatenate" or is_assembled(n) or n.attrs["axis"] != n.rank - 1:
        return False
    widths = [part.shape[-1] for part in n.inputs]
    fits = all(isinstance(width, int) and width >= _LEAST_WIDTH for width in widths)
    return fits and len(widths) <= MOST_PARTS and squeezed(n.shape[:-1]) != ()


def computed_shape(n: Node) -> tuple[Dim, ...]:
    """Return the shape of the loops that compute n: that of its parts where it is put together."""
    return n.inputs[0].shape if is_assembled(n) else n.shape


def label(group: Group) -> str:
    """Return what the group computes, for reports: its members' ops."""
    return "+".join(n.op.name for n in group.members)


def reduced_axes(n: Node) -> tuple[int, ...]:
    """Return the axes that a reduction folds."""
    axes: tuple[int, ...] = n.attrs["axes"]
    return axes


def kept_dims(n: Node) -> tuple[Dim, ...]:
    """Return the dims of a reduction's input that it keeps, those of length one aside."""
    return squeezed(tuple(d for axis, d in enumerate(n.inputs[0].shape) if axis not in reduced_axes(n)))


def folded_dims(n: Node) -> tuple[Dim, ...]:
    """Return the dims that a reduction folds, those of length one aside."""
    return squeezed(tuple(d for axis, d in enumerate(n.inputs[0].shape) if axis in reduced_axes(n)))


def folds_last_axes(n: Node) -> bool:
    """Tell whether a reduction folds just the trailing axes of its input (so that a row is contiguous)."""
    long_axes = [axis for axis, d in enumerate(n.inputs[0].shape) if d != 1]
    folded = [axis for axis in long_axes if axis in reduced_axes(n)]
    return folded == long_axes[len(long_axes) - len(folded) :]


def reduction_index(n: Node, outer: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Return the index of a reduction's input: outer variables on kept axes, `r` variables on folded ones."""
    kept, folded = iter(outer), iter(loop_symbols(folded_dims(n), "r"))
    return tuple(
        0 if d == 1 else next(folded if axis in reduced_axes(n) else kept) for axis, d in enumerate(n.inputs[0].shape)
    )


class Order:
    """The partial order of groups: an edge where one must run before another."""

    def __init__(self) -> None:
        self._ancestors: list[int] = []

    def new(self) -> int:
        """Return the number of a new, unordered group."""
        self._ancestors.append(0)
        return len(self._ancestors) - 1

    def precedes(self, a: int, b: int) -> bool:
        """Tell whether a must run before b."""
        return bool(self._ancestors[b] >> a & 1)

    def allows(self, before: Iterable[int], group: int) -> bool:
        """Tell whether `group` can run after all of `before` without a cycle."""
        return not any(self.precedes(group, b) for b in before if b != group)

    def require(self, before: Iterable[int], group: int) -> None:
        """Make `group` run after all of `before`; the caller asked `allows` first."""
        added = 0
        for b in before:
            if b != group:
                added |= self._ancestors[b] | 1 << b
        if added & ~self._ancestors[group]:
            self._ancestors[group] |= added
            for other, ancestors in enumerate(self._ancestors):
                if ancestors >> group & 1:
                    self._ancestors[other] |= added | self._ancestors[group]

    def sorted(self) -> list[int]:
        """Return the groups, each after those that must precede it; ties in order of making."""
        return sorted(range(len(self._ancestors)), key=lambda g: (self._ancestors[g].bit_count(), g))


def reads(e: Expr) -> set[str]:
    """Return the names of the buffers that e reads."""
    return {load.buffer for load in loads(e)}
