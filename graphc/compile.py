"""function(): the driver, and the way of the data.

    placeholders, states, ops  ──build──▶  Graph
    Graph      ──passes.run_pipeline──▶    Graph of primitives       (rewrite)
    Graph      ──schedule.lower_graph──▶   Plan of kernels            (lower)
    Plan       ──codegen.emit_plan──▶      LLVM IR                    (emit; for a GPU emit_cuda, CUDA C)
    LLVM IR    ──runtime.load_plan──▶      Executable                 (run; for a GPU load_program)

Data flows one way; this file alone knows all the rooms. A program that the cache knows by its graph goes from the
first line to the last; what lies between is done when somebody looks into it.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

import graphc.ops  # noqa: F401  (what operators on nodes call)
from graphc import config, dtypes, ops, runtime, symbolic
from graphc.collector import without_collections
from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.graph import (
    PLACEHOLDER,
    STATE,
    Graph,
    Node,
    State,
    TensorType,
    as_node,
    fingerprint,
    fresh_identity,
    inheriting,
    locate,
    substitute,
)
from graphc.graph import placeholder as _placeholder
from graphc.guard import describe_first_fault, guarded_graph
from graphc.loopir import DeviceProgram, Plan

if TYPE_CHECKING:
    from graphc import codegen

# What says whether a library is used on a GPU.
_LIBRARY_FLAGS = {"cublas": "GRAPHC_CUBLAS", "cudnn": "GRAPHC_CUDNN"}


def placeholder(shape: Sequence[int | symbolic.Dim | None], dtype: str = "float32", name: str | None = None) -> Node:
    """Return a node that stands for an array given at each call.

    `None` dims take any size at run time; where ops bring two of them together, they are taken to be equal.
    Raises ShapeError for negative dims, DTypeError for an unknown dtype.
    """
    identity = fresh_identity()
    name = name or f"input_{identity}"
    dims = tuple(symbolic.fresh_symbol(f"{name}_{axis}") if d is None else d for axis, d in enumerate(shape))
    try:
        return _placeholder(TensorType(dims, dtypes.canonical(dtype)), name, identity)
    except (ShapeError, DTypeError) as error:
        raise locate(error, f"placeholder '{name}'", ()) from error


def state(value: object, name: str | None = None, dtype: str | None = None) -> State:
    """Return a State: an array that lives between calls of compiled programs. Use `.node` in graphs."""
    return State(value, name, dtype)


def set_conv_precision(precision: str) -> None:
    """Let convolutions that are compiled from now on round as `exact` or `fast` asks for (GRAPHC_CONV_PRECISION).

    Raises ConfigError for another precision.
    """
    config.put("GRAPHC_CONV_PRECISION", precision)


def set_matmul_precision(precision: str) -> None:
    """Let contractions that are compiled from now on for a GPU round their float32 operands (GRAPHC_MATMUL_PRECISION).

    `float32` rounds nothing; `tf32` keeps 10 bits of the fraction and `bfloat16` 7, and tensor cores multiply; sums
    are float32 in any case. The CPU computes in float32 whatever is asked for. Raises ConfigError for another one.
    """
    config.put("GRAPHC_MATMUL_PRECISION", precision)


def set_libraries(use: str) -> None:
    """Let programs that are compiled from now on for a GPU `use` its libraries (GRAPHC_CUBLAS, GRAPHC_CUDNN).

    `measure`: each product and convolution is done by what is faster there, a kernel of ours or cuBLASLt or cuDNN,
    where they are installed. That is measured once and remembered, so that later runs give the same bits. `always` and
    `never` measure nothing. Raises ConfigError for another one.
    """
    for flag in _LIBRARY_FLAGS.values():
        config.put(flag, use)


def function(
    inputs: Sequence[Node],
    outputs: Node | Sequence[Node],
    updates: Sequence[tuple[State | Node, Node]] | None = None,
    givens: Mapping[Node, Node] | None = None,
    name: str | None = None,
    nan_guard: bool | None = None,
) -> runtime.Executable:
    """Compile a function of `inputs` and return the Executable.

    Calling it with arrays returns the outputs: an array where `outputs` is one node, else a list. `updates` are
    pairs (state, new value), done at every call after all reading; `givens` replaces nodes before compiling.
    States with a default update (random counters) that the program reads are advanced too. `nan_guard` (default:
    the flag GRAPHC_NAN_GUARD) makes a call that computes a non-finite output or update raise ExecutionError and
    change no state.

    Raises GraphError for inputs that are no placeholders or given twice, for placeholders that are used and not
    among the inputs, for a state updated twice; ShapeError for an update that does not fit its state.
    """
    single = isinstance(outputs, Node)
    results = (outputs,) if isinstance(outputs, Node) else tuple(as_node(n) for n in outputs)
    graph = build_graph(inputs, results, updates or (), givens or {})
    guard = config.get("GRAPHC_NAN_GUARD") if nan_guard is None else nan_guard
    profiled = config.get("GRAPHC_PROFILE")
    executable = compile_graph(graph, name or "function", single, guard, profiled)
    if profiled:
        runtime.collect(executable)
    return executable


def compile_graph(
    graph: Graph, name: str = "function", single: bool = False, guard: bool = False, profiled: bool = False
) -> runtime.Executable:
    """Compile a graph as it was built. `guard` checks results for being finite, `profiled` puts clocks in it."""
    with without_collections():
        return _compile_graph(graph, name, single, guard, profiled)


def _compile_graph(graph: Graph, name: str, single: bool, guard: bool, profiled: bool) -> runtime.Executable:
    checked: tuple[str, ...] = ()
    built = graph
    if guard:
        graph, checked = guarded_graph(graph)
    device = runtime.current_device()
    libraries = {} if isinstance(device, runtime.CpuDevice) else _library_uses(device)
    on_cpu = isinstance(device, runtime.CpuDevice)
    emit: Callable[[Plan], str | DeviceProgram] = functools.partial(_emit_cuda, libraries)
    if on_cpu:
        emit = functools.partial(_emit_llvm, profiled, len(checked))
    flags = config.texts()

    @functools.cache
    def translate() -> runtime.Translation:
        with config.holding(flags), without_collections():
            return _translate(graph, emit, on_cpu)

    identity = program_identity(graph, profiled, len(checked), libraries)
    if not isinstance(device, runtime.CpuDevice):
        return runtime.load_program(translate, device, name, single, checked, identity, built)

    def with_clocks() -> runtime.Executable:
        with config.holding(flags):
            return compile_graph(built, name, single, guard, True)

    instruments = runtime.Instruments(
        build=with_clocks,
        peak=machine_peak,
        blame=lambda arguments: describe_first_fault(translate().graph, arguments),
    )
    return runtime.load_plan(translate, name, single, checked, identity, built, instruments)


def program_identity(
    graph: Graph, profiled: bool = False, checked: int = 0, libraries: Mapping[str, str] | None = None
) -> runtime.Identity | None:
    """Return what tells the program that a graph becomes on this machine from every other one.

    None where there is no cache, where somebody wants to see it being compiled, and where that cannot be told: for ops
    that are not graphc's own.
    """
    flags = config.FLAGS.values()
    is_watched = any(config.get(flag.name) for flag in flags if flag.decides == "sight")
    if is_watched or runtime.cache_directory() is None:
        return None
    known, sources = fingerprint(graph), runtime.source_digest()
    if known is None or sources is None:
        return None
    choices = [f"{flag.name}={config.get(flag.name)!r}" for flag in flags if flag.decides == "program"]
    machine = repr(runtime.cpu().host), sys.version, np.__version__
    facts = known.digest, sources, *choices, str(profiled), str(checked), str(sorted(libraries or {})), *machine
    arguments = tuple((str(n.attrs["name"]), str(n.provenance)) for n in graph.inputs)
    return runtime.Identity("\n".join(facts), known.sizes, known.states, arguments)


def _translate(graph: Graph, emit: Callable[[Plan], str | DeviceProgram], for_cpu: bool) -> runtime.Translation:
    """Rewrite, lower and emit."""
    from graphc import passes, schedule  # a program that the cache knows needs neither

    report = passes.run_pipeline(graph)
    rewritten = time.perf_counter()
    plan = schedule.lower_graph(report.graph, for_cpu)
    lowered = time.perf_counter()
    emitted = emit(plan)
    stages: tuple[passes.PassRecord | runtime.Stage, ...] = (
        *report.records,
        runtime.Stage("lower", (lowered - rewritten) * 1e3),
        runtime.Stage("emit", (time.perf_counter() - lowered) * 1e3),
    )
    if isinstance(emitted, str):
        return runtime.Translation(plan, emitted, report.graph, stages)
    return runtime.Translation(plan, emitted.text, report.graph, stages, emitted.procedure)


def _emit_llvm(profiled: bool, checked: int, plan: Plan) -> str:
    from graphc import codegen  # needed as seldom

    return codegen.emit_plan(plan, cpu_target(), profiled, checked)


def _library_uses(device: runtime.Accelerator) -> dict[str, str]:
    """Return the libraries that programs for a GPU may use, and when: those that are there, or must be."""
    uses = {library: config.get(flag) for library, flag in _LIBRARY_FLAGS.items()}
    return {
        library: use
        for library, use in uses.items()
        if use == "always" or (use == "measure" and runtime.has_library(device, library))
    }


def _emit_cuda(libraries: Mapping[str, str], plan: Plan) -> DeviceProgram:
    from graphc import codegen  # needed as seldom

    return codegen.emit_cuda(plan, config.get("GRAPHC_MATMUL_PRECISION"), libraries)


def cpu_target() -> codegen.Target:
    """Return this machine's processor, as programs are emitted for it."""
    from graphc import codegen  # needed as seldom as the above

    host = runtime.cpu().host
    return codegen.describe_target(host.name, host.features, host.l1, host.l2, config.get("GRAPHC_SUBNORMALS"))


def machine_peak() -> runtime.Peak:
    """Return the arithmetic and the bandwidth that this machine reaches at most; measured once, then remembered."""
    from graphc import codegen  # needed as seldom as the above

    target = cpu_target()
    return runtime.measure_peak(codegen.emit_peak(target), codegen.operations_of_turn(target))


def build_graph(
    inputs: Sequence[Node],
    outputs: Sequence[Node],
    updates: Sequence[tuple[State | Node, Node]],
    givens: Mapping[Node, Node],
) -> Graph:
    """Return the checked Graph that `function` compiles, default updates included; raises as `function` does."""
    for n in inputs:
        if not isinstance(n, Node) or n.op is not PLACEHOLDER:
            raise GraphError(f"inputs must be placeholders; {n!r} is computed [{getattr(n, 'provenance', '')}]")
    for n in _repeated(inputs):
        raise GraphError(f"placeholder '{n.attrs['name']}' is given twice among the inputs [{n.provenance}]")
    pairs = [(s.node if isinstance(s, State) else s, as_node(new)) for s, new in updates]
    roots = substitute((*outputs, *(new for _, new in pairs)), dict(givens))
    states = [s for s, _ in pairs]
    fitted = tuple((s, _fit_update(s, new)) for s, new in zip(states, roots[len(outputs) :]))
    for s in _repeated(states):
        raise GraphError(f"state '{s.attrs['name']}' is updated twice [{s.provenance}]")
    graph = _with_default_updates(Graph(tuple(inputs), tuple(roots[: len(outputs)]), fitted))
    for n in graph.free_placeholders:
        raise GraphError(
            f"'{n.attrs['name']}' {n.type} is needed and is not among the inputs [{n.provenance}]: the outputs are not "
            f"connected to the inputs ({', '.join(str(i.attrs['name']) for i in inputs) or 'none'}) alone"
        )
    return graph


def _repeated(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that are there more than once."""
    return [n for n, count in Counter(nodes).items() if count > 1]


def _fit_update(state: Node, new: Node) -> Node:
    if state.op is not STATE:
        raise GraphError(f"only states can be updated, not {state!r} [{state.provenance}]")
    if len(new.shape) != len(state.shape) or any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(new.shape, state.shape)
    ):
        raise ShapeError(
            f"the update of state '{state.attrs['name']}' {state.type} has type {new.type} [{new.provenance}]"
        )
    return new if new.dtype == state.dtype else ops.cast(new, state.dtype)


def _with_default_updates(graph: Graph) -> Graph:
    updated = {s for s, _ in graph.updates}
    extra = []
    for s in graph.states:
        update = s.attrs["state"].default_update
        if s not in updated and update is not None:
            with inheriting(s.provenance):
                extra.append((s, update(s)))
    return Graph(graph.inputs, graph.outputs, (*graph.updates, *extra)) if extra else graph
