"""What the kernels of training steps take of a GPU, compiled by NVRTC: registers, stack, shared memory. Needs no GPU.

python benchmarks/kernel_resources.py --into docs/cuda.md
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gpu import insert
from gpu_figures import models_of

from graphc.codegen import emit_cuda
from graphc.loopir import ContractKernel, Plan
from graphc.runtime import KernelResources, Nvrtc, resources

ARCHITECTURES = ("sm_80", "sm_90")
MARKS = ("<!-- resources: begin -->", "<!-- resources: end -->")
# Registers of a multiprocessor, and the most threads that it holds.
_REGISTERS, _MOST_THREADS = 65536, 2048


def training_plan(model: Any) -> Plan:
    """Return the plan of a compiled model's training step."""
    model.compile("rmsprop", "categorical_crossentropy")
    model._make_train_function()
    plan: Plan = model.train_function.executable(1).plan
    return plan


def rows_of(name: str, plan: Plan) -> Iterator[str]:
    """Yield a line of the table for each architecture."""
    program = emit_cuda(plan)
    for architecture in ARCHITECTURES:
        yield table_line(name, plan, architecture, program.text, resources(Nvrtc(architecture).compile(program.text)))


def table_line(name: str, plan: Plan, architecture: str, text: str, taken: dict[str, KernelResources]) -> str:
    """Return a line of the table."""
    threads = {k: int(t) for t, k in re.findall(r"__launch_bounds__\((\d+)\)\n(\w+)\(", text)}
    registers = np.array([kernel.registers for kernel in taken.values()])
    held = [min(_MOST_THREADS, _REGISTERS // k.registers // threads[n] * threads[n]) for n, k in taken.items()]
    spilled = sum(kernel.stack > 0 for kernel in taken.values())
    contractions = sum(isinstance(x.kernel, ContractKernel) for x in plan.launches)
    shared = max(kernel.shared for kernel in taken.values()) / 1024
    cells = (
        name, architecture, f"{len(plan.launches)} ({contractions})", len(taken), f"{np.median(registers):.0f}",
        registers.max(), f"{min(held)}", f"{shared:.1f}", f"{spilled} ({max(k.stack for k in taken.values())} bytes)",
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def table(quick: bool = False) -> str:
    """Return the table, as Markdown."""
    lines = [
        f"{Nvrtc(ARCHITECTURES[0]).version}, training steps with RMSprop:",
        "",
        "| network | for | launches (contractions) | functions | registers, median | most | threads at once, fewest |"
        " KiB shared, most | with a stack (most) |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, make, _, _, _ in models_of(quick):
        lines += rows_of(name, training_plan(make()))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the table, or put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, help="page that gets the table")
    options = parser.parse_args(arguments)
    text = table()
    print(text)
    if options.into is not None:
        insert(text, options.into, MARKS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
