"""A plan as one LLVM module: its kernels, `graphc_run`, the Python entry and the epoch driver."""

from __future__ import annotations

from graphc.codegen.llvm.block import emit_block
from graphc.codegen.llvm.builder import LINE, FunctionText
from graphc.codegen.llvm.clock import emit_profile_variable
from graphc.codegen.llvm.contraction.kernel import contract_scratch_bytes, emit_contract_kernel
from graphc.codegen.llvm.cost import plan_steps
from graphc.codegen.llvm.entry import emit_entry, emit_variables
from graphc.codegen.llvm.epoch import emit_epoch
from graphc.codegen.llvm.loops import emit_loop_kernel
from graphc.codegen.llvm.run import emit_run
from graphc.codegen.target import Target
from graphc.loopir import ContractKernel, Kernel, Plan


def emit_kernel(kernel: Kernel, name: str, target: Target) -> FunctionText:
    """Return the function of a kernel: its buffers, its sizes, scratch memory, thread, threads."""
    if isinstance(kernel, ContractKernel):
        return emit_contract_kernel(kernel, name, target)
    return emit_loop_kernel(kernel, name, target)


def scratch_bytes(plan: Plan, target: Target) -> int:
    """Return the bytes that a thread needs: for its private buffers, then for any kernel, in whole cache lines."""
    needed = [contract_scratch_bytes(x.kernel, target) for x in plan.launches if isinstance(x.kernel, ContractKernel)]
    return plan.private + -(-max(needed, default=0) // LINE) * LINE


def emit_plan(plan: Plan, target: Target, profiled: bool = False, checked: int = 0) -> str:
    """Return the text of the module of a plan; `profiled`: one that times its launches.

    An epoch ends where one of the last `checked` results is 0.

    Kernels that are equal become one function. The text names no address and no layer: equal programs have equal
    text, in every process. Raises CompileError where a size of the plan is bound by no argument.
    """
    names: dict[Kernel, str] = {}
    functions: list[FunctionText] = []
    for launch in plan.launches:
        if launch.kernel not in names:
            names[launch.kernel] = f"kernel_{len(names)}"
            functions.append(emit_kernel(launch.kernel, names[launch.kernel], target))
    steps = plan_steps(plan.steps, names)
    scratch = scratch_bytes(plan, target)
    functions += emit_run(plan, steps, scratch, target, profiled)
    functions += emit_block()
    functions.append(emit_entry(plan, steps, scratch))
    functions += emit_epoch(plan, scratch, checked)
    variables = emit_variables(plan, scratch) + (emit_profile_variable(plan) if profiled else "")
    return assemble_module(functions, variables, target)


def assemble_module(functions: list[FunctionText], variables: str, target: Target) -> str:
    """Return the text of a module: each declaration once, the variables, the functions, the attributes."""
    declarations = sorted(set().union(*(f.declarations for f in functions)))
    # Functions that only call others need no optimising: it halves the time LLVM takes for them.
    calling = target.attributes.replace("#0 = { nounwind", "#1 = { nounwind noinline optnone")
    return "\n".join([*declarations, variables, *(f.text for f in functions), target.attributes, calling])
