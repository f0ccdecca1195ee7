"""lower_graph(): Graph -> Plan. Anchors, fusion, storage, steps, memory."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.errors import CompileError
from graphc.graph import Graph, Node, assumed_equalities, body_of
from graphc.loopir import Argument, Buffer, Loop, Plan, Requirement, Result, Step
from graphc.schedule.anchor import choose_anchors
from graphc.schedule.bands import form_bands
from graphc.schedule.columns import split_columns
from graphc.schedule.elements import buffer_name
from graphc.schedule.fuse import Fusion
from graphc.schedule.keep import keep_prepared
from graphc.schedule.memory import place_temporaries
from graphc.schedule.panels import pack_panels
from graphc.schedule.results import separate_results
from graphc.schedule.split import split_reductions
from graphc.schedule.steps import lower_steps
from graphc.schedule.storage import choose_storage
from graphc.symbolic import Dim, Symbol, bare_symbol, symbols

# Programs that change states are mostly training steps, which come with batches; others must be fast for one row too.
TRAINING_BATCH = 32


def lower_graph(graph: Graph, for_cpu: bool = False) -> Plan:
    """Return the plan of a graph of primitives.

    `for_cpu`: as suits vectors and caches, large weights in panels, neighbouring windows together, and chains of
    kernels in strips.

    Raises CompileError where a run-time dim is not an axis of an argument.
    """
    graph = prepare_graph(graph, for_cpu)
    fusion = Fusion(graph, choose_anchors(graph, for_cpu), for_cpu)
    storage = choose_storage(graph, fusion)
    steps = lower_steps(fusion, storage)
    kept, steps, prepared = keep_prepared(storage.buffers, steps)
    bands: tuple[Step, ...] = steps[prepared:]
    if for_cpu:
        kept, bands = form_bands(kept, storage.depths, bands, TRAINING_BATCH if graph.updates else 1)
    steps = (*steps[:prepared], *bands)
    buffers, arena, private = place_temporaries(kept, storage.depths, steps)
    arguments = tuple(
        Argument(storage.read[buffer_name(n)], n.attrs["name"], n.shape, n.dtype, str(n.provenance))
        for n in graph.inputs
    )
    results = tuple(Result(f"out{i}", n.shape, n.dtype) for i, n in enumerate(graph.outputs))
    sizes = _sizes(graph, arguments, buffers, steps)
    requirements = _requirements(graph)
    return Plan(sizes, buffers, arguments, results, arena, requirements, steps, prepared, private)


def prepare_graph(graph: Graph, for_cpu: bool = False) -> Graph:
    """Return the graph whose nodes the plan's kernels compute: large folds in two, results in memory of their own.

    `for_cpu`: large weights that stay the same are laid out in panels.
    """
    split = split_columns(split_reductions(graph))
    return separate_results(pack_panels(split) if for_cpu else split)


def _requirements(graph: Graph) -> tuple[Requirement, ...]:
    """Return what shape rules assume of the sizes and the algebra does not prove (a size that must divide another)."""
    found: dict[tuple[Dim, Dim], Requirement] = {}
    for left, right, n in assumed_equalities(graph):
        if left != right:
            options = (f"{name}={value}" for name, value in n.attrs.items())
            given = ", ".join([*(str(i.type) for i in n.inputs), *options])
            found.setdefault((left, right), Requirement(left, right, f"{n.op.name}({given}) [{n.provenance}]"))
    return tuple(found.values())


def _graphs(graph: Graph) -> Iterator[Graph]:
    """Yield a graph and the bodies of the recurrences in it, in theirs too."""
    yield graph
    for body in dict.fromkeys(n.attrs["body"] for n in graph.nodes if body_of(n) is not None):
        yield from _graphs(body)


def _sizes(
    graph: Graph, arguments: tuple[Argument, ...], buffers: tuple[Buffer, ...], steps: tuple[Step, ...]
) -> tuple[Symbol, ...]:
    bound = {s for argument in arguments for d in argument.shape if (s := bare_symbol(d)) is not None}
    needed: dict[Symbol, Node | None] = {}
    for n in (n for part in _graphs(graph) for n in part.nodes):
        for d in n.shape:
            needed |= dict.fromkeys(symbols(d), n)
    used = [b.size for b in buffers] + [step.extent for step in steps if isinstance(step, Loop)]
    needed |= {s: None for dim in used for s in symbols(dim) if s not in needed}
    for s, user in needed.items():
        if s not in bound:
            where = f" of {user.op.name}: {user.type} [{user.provenance}]" if user is not None else ""
            raise CompileError(f"the size {s}{where} is not the size of an axis of any input")
    return tuple(sorted(needed.keys() | bound, key=lambda s: s.name))
