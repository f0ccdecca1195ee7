"""`graphc_epoch`: steps of an epoch without Python between them.

    i64 graphc_epoch(ptr request)

For each step: gather the rows that the index array names into the input buffers, run the plan on them, add every
result times the number of rows to its total. Returns the number of steps done, which is at least one: it stops
early when the time is over, the stop flag is set, or one of the last `checked` results is 0. Without memory for the
program's temporaries and the rows it returns 0. The request is an array of 64-bit fields, in the order of
`EPOCH_FIELDS`.
"""

from __future__ import annotations

from graphc.codegen.llvm.block import arena_bytes, store_memory, whole_lines
from graphc.codegen.llvm.builder import LINE, FunctionBuilder, FunctionText
from graphc.codegen.llvm.clock import read_clock
from graphc.codegen.llvm.entry import state_access
from graphc.codegen.llvm.sizes import load_sizes
from graphc.loopir import EPOCH_FIELDS, Plan, has_epoch

_SCALARS = {"float32": "float", "float64": "double"}


def emit_epoch(plan: Plan, scratch_bytes: int, checked: int = 0) -> list[FunctionText]:
    """Return `graphc_epoch` and what it calls; nothing where a result is not a float scalar."""
    if not has_epoch(plan):
        return []
    f = FunctionBuilder("graphc_epoch", [("ptr", "request")], result="i64", attributes="#1")
    field = {name: f.value(f"load i64, ptr {f.gep('%request', i, 'i64')}") for i, name in enumerate(EPOCH_FIELDS)}
    address = {
        name: f.value(f"inttoptr i64 {field[name]} to ptr")
        for name in ("rows", "row_bytes", "index", "buffers", "sizes", "is_batch", "totals", "stop")
    }
    threads = f.value(f"trunc i64 {field['threads']} to i32")
    clock = f.value("alloca [2 x i64], align 16")
    memory, gathered = _take_memory(f, plan, scratch_bytes, address, field)
    deadline = f.add(read_clock(f, clock), field["nanoseconds"])
    steps, finished = f.label("steps"), f.label("finished")
    before = f.block
    f.branch(steps)
    f.begin(steps)
    step, following = f.label("%step"), f.label("%following")
    phi = f.section()
    start = f.multiply(step, field["batch"])
    rows = f.minimum(field["batch"], f.subtract(field["count"], start))
    for position in range(len(plan.sizes)):
        flag = f.value(f"load i8, ptr {f.gep(address['is_batch'], position, 'i8')}")
        with f.when(f.value(f"icmp ne i8 {flag}, 0")):
            f.emit(f"store i64 {rows}, ptr {f.gep(address['sizes'], position, 'i64')}")
    first_index = f.gep(address["index"], start, "i64")
    names = [b.name for b in plan.buffers]
    for position, argument in enumerate(plan.arguments):
        size = f.value(f"load i64, ptr {f.gep(address['row_bytes'], position, 'i64')}")
        with f.when(f.compare("ne", size, 0)):
            source = f.value(f"load ptr, ptr {f.gep(address['rows'], position, 'i64')}")
            arguments = f"ptr {source}, ptr {gathered[position]}, ptr {first_index}, i64 {rows}, i64 {size}"
            chosen = f.value(f"call ptr @graphc_gather({arguments})")
            f.emit(f"store ptr {chosen}, ptr {f.gep(address['buffers'], names.index(argument.buffer), 'ptr')}")
    _emit_step(f, plan, address, threads)
    weight = f.value(f"sitofp i64 {rows} to double")
    sound = "true"
    for position, result in enumerate(plan.results):
        pointer = f.value(f"load ptr, ptr {f.gep(address['buffers'], names.index(result.buffer), 'ptr')}")
        value = f.value(f"load {_SCALARS[result.dtype]}, ptr {pointer}")
        if result.dtype == "float32":
            value = f.value(f"fpext float {value} to double")
        if position >= len(plan.results) - checked:
            sound = f.value(f"and i1 {sound}, {f.value(f'fcmp une double {value}, 0.0')}")
        total = f.gep(address["totals"], position, "double")
        product = f.value(f"fmul double {value}, {weight}")
        before_step = f.value(f"load double, ptr {total}")
        f.emit(f"store double {f.value(f'fadd double {before_step}, {product}')}, ptr {total}")
    f.emit(f"{following} = add nsw i64 {step}, 1")
    stop = f.value(f"load atomic i32, ptr {address['stop']} monotonic, align 4")
    unstopped = f.value(f"icmp eq i32 {stop}, 0")
    in_time = f.compare("slt", read_clock(f, clock), deadline)
    more = f.compare("slt", following, field["last"])
    may_go_on = f.value(f"and i1 {sound}, {f.value(f'and i1 {in_time}, {unstopped}')}")
    go_on = f.value(f"and i1 {more}, {may_go_on}")
    latch = f.block
    f.branch_if(go_on, steps, finished)
    with f.inside(phi):
        f.emit(f"{step} = phi i64 [{field['first']}, %{before}], [{following}, %{latch}]")
    f.begin(finished)
    f.emit(f"call void @graphc_give(ptr {memory})")
    return [_emit_gather(), f.finish(f"i64 {f.subtract(following, field['first'])}")]


def _take_memory(
    f: FunctionBuilder, plan: Plan, scratch_bytes: int, address: dict[str, str], field: dict[str, str]
) -> tuple[str, list[str]]:
    """Find memory for the temporaries and a batch of rows of each argument; return it, and where each rows' are."""
    arena = arena_bytes(f, plan, load_sizes(f, plan, address["sizes"]))
    ends = [f.add(arena, f.multiply(field["threads"], scratch_bytes))]
    batch = f.minimum(field["batch"], field["count"])
    for position in range(len(plan.arguments)):
        size = f.value(f"load i64, ptr {f.gep(address['row_bytes'], position, 'i64')}")
        ends.append(f.add(ends[-1], whole_lines(f, f.multiply(size, batch))))
    # A line more, so that there is something to find.
    memory = f.value(f"call ptr @graphc_take(i64 {f.add(ends[-1], LINE)})")
    with f.when(f.value(f"icmp eq ptr {memory}, null")):
        f.emit("ret i64 0")
        f.begin(f.label("unreachable"))
    store_memory(f, plan, address["buffers"], memory, arena)
    return memory, [f.gep(memory, start, "i8") for start in ends[:-1]]


def _emit_step(f: FunctionBuilder, plan: Plan, address: dict[str, str], threads: str) -> None:
    """Run the plan once, holding the states' lock as it needs; Python's lock is not held here."""
    kind = state_access(plan)
    if kind is not None:
        f.call("i32", f"pthread_rwlock_{kind}lock", [("ptr", "@graphc_state_lock")])
    f.emit(f"call void @graphc_run(ptr {address['buffers']}, ptr {address['sizes']}, i32 {threads})")
    if kind is not None:
        f.call("i32", "pthread_rwlock_unlock", [("ptr", "@graphc_state_lock")])


def _emit_gather() -> FunctionText:
    """Return the function that gathers rows: the address of `rows` rows in the order that `index` names.

    Rows that follow each other are used where they are.
    """
    arguments = [("ptr", "source"), ("ptr", "target"), ("ptr", "index"), ("i64", "rows"), ("i64", "size")]
    f = FunctionBuilder("graphc_gather", arguments, result="ptr", linkage="internal", attributes="#1")
    first = f.value("load i64, ptr %index")
    with f.loop(1, "%rows", carried=[("i1", "true")]) as loop:
        found = f.value(f"load i64, ptr {f.gep('%index', loop.index, 'i64')}")
        follows = f.compare("eq", found, f.add(first, loop.index))
        loop.next = [f.value(f"and i1 {loop.carried[0]}, {follows}")]
    with f.when(loop.results[0]):
        f.emit(f"ret ptr {f.gep('%source', f.multiply(first, '%size'), 'i8')}")
        f.begin(f.label("unreachable"))
    with f.loop(0, "%rows") as rows:
        row = f.value(f"load i64, ptr {f.gep('%index', rows.index, 'i64')}")
        source = f.gep("%source", f.multiply(row, "%size"), "i8")
        target = f.gep("%target", f.multiply(rows.index, "%size"), "i8")
        f.call("ptr", "memcpy", [("ptr", target), ("ptr", source), ("i64", "%size")])
    return f.finish("ptr %target")
