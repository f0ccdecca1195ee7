"""What the explorer tells of one program: plain data, filled in by whoever watched the compilation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from graphc.graph import Graph, Node
from graphc.loopir import Kernel, Plan
from graphc.records import record
from graphc.symbolic import Symbol


@record
class RewriteStep:
    """The graph after one pass. `reasons` tells for nodes it made or removed which rule did it, `became` what was put
    in the place of nodes it removed."""

    name: str
    purpose: str
    graph: Graph
    milliseconds: float = 0.0
    reasons: Mapping[Node, str] = MappingProxyType({})
    became: Mapping[Node, Node] = MappingProxyType({})


@record
class KernelTime:
    """What one launch took: its time, when it began after the first one, and the part of the roofline it reached."""

    nanoseconds: float
    start: float
    operations: float
    bytes: float
    roofline: float


@record
class Story:
    """One program. The first of `steps` is the graph as it was built.

    `members` are for each launch of the plan the nodes it computes, those written out in place too, `layouts` what was
    decided on the order of the arrays it makes and reads; `code` are for each
    kernel the texts that became of it, by kind: llvm, assembly, cuda. `times` is empty
    where the program was not run; `sizes` are the run-time sizes that the memory is drawn for.
    """

    name: str
    steps: tuple[RewriteStep, ...]
    plan: Plan
    members: tuple[tuple[Node, ...], ...]
    code: Mapping[Kernel, Mapping[str, str]]
    report: str
    sizes: Mapping[Symbol, int]
    times: tuple[KernelTime, ...] = ()
    layouts: tuple[tuple[str, ...], ...] = ()
