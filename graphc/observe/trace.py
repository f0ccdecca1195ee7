"""tell_story(): how a program came to be, from the graph that was built to its assembly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from graphc import passes, schedule
from graphc.graph import Graph, Node
from graphc.guard import guarded_graph
from graphc.loopir import Kernel, Plan
from graphc.observe.programs import ROWS, sizes_of
from graphc.records import replace
from graphc.runtime import Executable, Profile, describe_layouts
from graphc.viz import KernelTime, RewriteStep, Story


def tell_story(
    program: Executable, arrays: Sequence[Any] | None = None, name: str | None = None, rows: int = ROWS
) -> Story:
    """Return the story of a program; with arrays for its arguments it is run on them, and the story has times.

    Without arrays, its memory is that for `rows` rows.
    The passes are run once more on the graph as it was built, watched.
    """
    profile = None if arrays is None else program.profile(*arrays, seconds=0.5)
    return Story(
        name or program.name,
        tuple(_rewrite_steps(program)),
        program.plan,
        _members(program.plan),
        _code(program),
        program.report(),
        sizes_of(program.plan, arrays or (), rows),
        () if profile is None else _times(profile),
        _layouts(program.plan),
    )


def _rewrite_steps(program: Executable) -> list[RewriteStep]:
    start: Graph = guarded_graph(program.built)[0] if program.checked else program.built
    steps = [RewriteStep("as built", "What the layers and the user's expressions described.", start)]

    def watch(rewrite: passes.Pass, before: Graph, after: Graph, rewrites: list[passes.Rewrite]) -> None:
        purpose = " ".join((rewrite.__doc__ or "").split("\n\n")[0].split())
        reasons = {n: r.algebra for r in rewrites if r.algebra for n in (r.before, r.after)}
        became = {r.before: r.after for r in rewrites}
        steps.append(RewriteStep(rewrite.__name__, purpose, after, reasons=reasons, became=became))

    report = passes.run_pipeline(start, watch=watch)
    times = {record.name: record.milliseconds for record in report.records}
    timed = [replace(step, milliseconds=times.get(step.name, 0.0)) for step in steps]
    purpose = "What the kernels compute: large folds in two steps, each result in memory of its own."
    prepared = schedule.prepare_graph(program.graph, for_cpu=program.language == "llvm")
    return [*timed, RewriteStep("schedule", purpose, prepared)]


def _members(plan: Plan) -> tuple[tuple[Node, ...], ...]:
    """Return for each launch the nodes it computes: its own, and those written out in place inside them."""
    kept = {origin.node for launch in plan.launches for origin in launch.origin}
    result = []
    for launch in plan.launches:
        found: dict[Node, None] = {}
        stack: list[Node] = [origin.node for origin in reversed(launch.origin) if origin.node is not None]
        while stack:
            n = stack.pop()
            if n in found:
                continue
            found[n] = None
            stack += [i for i in n.inputs if i not in kept and i.op.kind != "source"]
        result.append(tuple(sorted(found, key=lambda n: n.serial)))
    return tuple(result)


def _code(program: Executable) -> dict[Kernel, dict[str, str]]:
    """Return the texts of each kernel by kind; functions are numbered in the order in which the plan has kernels."""
    kernels = list(dict.fromkeys(launch.kernel for launch in program.plan.launches))
    if "__global__" in program.source():
        return _cuda_code(program.source(), kernels)
    llvm = dict(re.findall(r"^define [^\n]*@(kernel_\d+)\((.*?\n\})$", program.source("llvm"), re.M | re.S))
    parts = re.split(r"^(kernel_\d+):", program.source("asm"), flags=re.M)
    assembly = {name: text.split(".Lfunc_end", 1)[0] for name, text in zip(parts[1::2], parts[2::2])}
    return {
        kernel: {
            "llvm": f"define void @kernel_{i}({llvm.get(f'kernel_{i}', '')}",
            "assembly": _readable(assembly, f"kernel_{i}"),
        }
        for i, kernel in enumerate(kernels)
    }


def _cuda_code(text: str, kernels: Sequence[Kernel]) -> dict[Kernel, dict[str, str]]:
    """Return the CUDA functions of each kernel; one that is there twice, for other alignments, by its label."""
    functions: dict[str, str] = {}
    for part in re.split(r'^(?=// [^\n]*\nextern "C" __global__)', text, flags=re.M)[1:]:
        [number] = re.findall(r"^kernel_(\d+)", part, re.M)[:1]
        functions[number] = functions.get(number, "") + part
    found = list(functions.values())
    if len(found) == len(kernels):
        return {kernel: {"cuda": part} for kernel, part in zip(kernels, found)}
    by_label = {part.split("\n", 1)[0]: part for part in reversed(found)}
    return {kernel: {"cuda": by_label.get(f"// {kernel.label}", "")} for kernel in kernels}


def _readable(assembly: dict[str, str], name: str) -> str:
    """Return a function's assembly without directives that tell the assembler nothing of what runs."""
    lines = assembly.get(name, "").splitlines()
    kept = [line for line in lines if not re.match(r"\s*\.(cfi_|p2align|size|type|globl|section)", line)]
    return f"{name}:\n" + "\n".join(line.split("#", 1)[0].rstrip() for line in kept if line.strip())


def _layouts(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """Return for each launch what was decided on layouts."""
    found: list[list[str]] = [[] for _ in plan.launches]
    for layout in describe_layouts(plan):
        found[layout.launch].append(str(layout))
    return tuple(map(tuple, found))


def _times(profile: Profile) -> tuple[KernelTime, ...]:
    """Return what each launch took in one run of the program."""
    first = min((k.start for k in profile.kernels), default=0)
    return tuple(KernelTime(k.nanoseconds, k.start - first, k.operations, k.bytes, k.roofline) for k in profile.kernels)
