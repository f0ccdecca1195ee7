"""`graphc_run`: the plan's launches as calls, its loops as loops, on one thread or in one region of several.

    void graphc_run(ptr buffers, ptr sizes, i32 threads)

`buffers` points to the addresses of `plan.buffers` in order (those of temporaries are not read), then the arena's,
then the scratch memory's; `sizes` to the values of `plan.sizes`. The bits of the results do not depend on `threads`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

from graphc.codegen.llvm.builder import FunctionBuilder, FunctionText, Operand
from graphc.codegen.llvm.choice import emit_choice
from graphc.codegen.llvm.cost import PlannedStep, is_parallel, plan_cost
from graphc.codegen.llvm.runner import Runner
from graphc.codegen.llvm.sizes import emit_dim, load_sizes
from graphc.codegen.target import Target
from graphc.loopir import Plan
from graphc.symbolic import Dim

# A region of threads costs two microseconds and, where they sleep or their processors are busy with something else,
# a hundred. Below the first estimate (picoseconds) a plan runs on one thread; plans that take less than the second find
# out whether all threads help.
_PARALLEL_PLAN, _TRIED_PLAN = 10_000_000, 400_000_000
_RUN_ARGUMENTS = [("ptr", "buffers"), ("ptr", "sizes"), ("i32", "threads")]
_GIVEN = ", ".join(f"{kind} %{name}" for kind, name in _RUN_ARGUMENTS)

# Makes the emitter of steps into a function: for its only thread, or for one of a team (its number, their count).
MakeRunner = Callable[[FunctionBuilder, Union[tuple[str, str], None]], Runner]


def emit_run(
    plan: Plan, steps: Sequence[PlannedStep], scratch_bytes: int, target: Target, profiled: bool = False
) -> list[FunctionText]:
    """Return `graphc_run` and what it calls. Thread t's scratch memory starts at t * scratch_bytes.

    What is kept is prepared again where the version of the states is not the one it was prepared from; a plan that
    writes states makes a new version. `profiled`: each launch is timed, see `llvm_clock`.
    """

    def runner(f: FunctionBuilder, team: tuple[str, str] | None) -> Runner:
        return Runner(f, plan, scratch_bytes, target, team, profiled)

    prepared, steps = steps[: plan.prepared], steps[plan.prepared :]
    functions = _emit_prepare(runner, prepared) if prepared else []
    total = plan_cost(steps)
    if not any(map(is_parallel, steps)) or (isinstance(total, int) and total < _PARALLEL_PLAN):
        f = FunctionBuilder("graphc_run", _RUN_ARGUMENTS)
        _follow_states(f, plan)
        runner(f, None).run(steps)
        return [*functions, f.finish()]
    functions += _emit_both_ways(runner, steps, "")
    return [*functions, _emit_choosing_run(plan, total)]


def _follow_states(f: FunctionBuilder, plan: Plan) -> None:
    """Prepare what is kept where states have changed, or tell that this program changes some."""
    if not plan.prepared and not plan.has_updates:
        return
    version = f.value("load i64, ptr @graphc_state_version")
    if plan.has_updates:
        f.emit(f"store i64 {f.add(version, 1)}, ptr @graphc_state_version")
        return
    with f.when(f.compare("ne", version, f.value("load i64, ptr @graphc_prepared"))):
        f.emit(f"call void @graphc_prepare({_GIVEN})")
        f.emit(f"store i64 {version}, ptr @graphc_prepared")


def _emit_prepare(runner: MakeRunner, steps: Sequence[PlannedStep]) -> list[FunctionText]:
    """Return `graphc_prepare`, which computes what is kept, on all threads, and what it calls."""
    functions = _emit_both_ways(runner, steps, "_prepare")
    f = FunctionBuilder("graphc_prepare", _RUN_ARGUMENTS, linkage="internal")
    with f.when(f.value("icmp sle i32 %threads, 1")):
        f.emit(f"call void @graphc_prepare_alone({_GIVEN})")
        f.emit("ret void")
        f.begin(f.label("unreachable"))
    f.emit(f"call void @graphc_prepare_together({_GIVEN})")
    return [*functions, f.finish()]


def _emit_choosing_run(plan: Plan, total: Dim) -> FunctionText:
    """Return the `graphc_run` that runs a plan of this estimated cost alone or together."""
    f = FunctionBuilder("graphc_run", _RUN_ARGUMENTS)
    _follow_states(f, plan)
    alone, together = f"call void @graphc_alone({_GIVEN})", f"call void @graphc_together({_GIVEN})"
    cost = emit_dim(f, total, load_sizes(f, plan, "%sizes"))
    is_single = f.value("icmp sle i32 %threads, 1")
    for condition, way in (
        (f.value(f"or i1 {is_single}, {f.compare('slt', cost, _PARALLEL_PLAN)}"), alone),
        (f.compare("sge", cost, _TRIED_PLAN), together),
    ):
        with f.when(condition):
            f.emit(way)
            f.emit("ret void")
            f.begin(f.label("unreachable"))
    emit_choice(f, cost, alone, together)
    return f.finish()


def _emit_both_ways(runner: MakeRunner, steps: Sequence[PlannedStep], part: str) -> list[FunctionText]:
    """Return the functions that run steps alone and together: `graphc{part}_alone`, `.._together`, and its region."""
    alone = FunctionBuilder(f"graphc{part}_alone", _RUN_ARGUMENTS, linkage="internal")
    runner(alone, None).run(steps)
    region = FunctionBuilder(f"graphc{part}_region", [("ptr", "context")], linkage="internal", attributes="#1")
    region.emit("%buffers = load ptr, ptr %context")
    region.emit(f"%sizes = load ptr, ptr {region.gep('%context', 1, 'ptr')}")
    thread = region.value(f"sext i32 {region.call('i32', 'omp_get_thread_num', [])} to i64")
    # The library may give fewer threads than were asked for.
    threads = region.value(f"sext i32 {region.call('i32', 'omp_get_num_threads', [])} to i64")
    runner(region, (thread, threads)).run(steps)
    f = FunctionBuilder(f"graphc{part}_together", _RUN_ARGUMENTS, linkage="internal", attributes="#1")
    context = f.value("alloca [2 x ptr]")
    f.emit(f"store ptr %buffers, ptr {context}")
    f.emit(f"store ptr %sizes, ptr {f.gep(context, 1, 'ptr')}")
    arguments: list[tuple[str, Operand]] = [("ptr", f"@graphc{part}_region"), ("ptr", context), ("i32", "%threads")]
    f.call("void", "GOMP_parallel", [*arguments, ("i32", "0")])
    return [alone.finish(), region.finish(), f.finish()]
