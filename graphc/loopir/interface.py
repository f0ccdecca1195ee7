"""What a compiled plan looks like from outside: shared by those who emit it and those who load it.

The module of a plan defines

- `graphc_run(ptr buffers, ptr sizes, i32 threads)`: runs the plan. `buffers` are the addresses of `plan.buffers` in
  order (temporaries' are not read), then the arena's, then the scratch memory's; `sizes` the values of `plan.sizes`;
- `graphc_call(ptr self, ptr args, i64 count) -> ptr`: the plan as a Python function;
- `graphc_epoch(ptr request) -> i64`: steps of an epoch, where every result is a float scalar; how many were done, 0
  where there is no memory for them;
- `graphc_buffers`: an array as `graphc_run` takes it, in which the loader fills in states and constants;
- `graphc_single`: a byte that the loader sets where a single result is returned bare;
- `graphc_block`: memory that calls hand to each other (bytes, address, whether a call holds it);
- `graphc_profile`: where it is built to be profiled, what it has counted of each launch.
"""

from __future__ import annotations

from graphc.errors import CompileError
from graphc.loopir.plan import Interface
from graphc.symbolic import Symbol, bare_symbol

# The fields of an epoch's request, 64 bits each:
# rows: address of an array of the address of each argument's first row
# row_bytes: address of an array of the bytes of a row of each argument; 0 where every step gets the same array
# index, count: address and number of the row numbers; batch: rows of a step; first, last: the steps to run
# buffers: as `graphc_run` takes them; those of gathered arguments, the arena and the scratch memory are filled in
# sizes: as `graphc_run` takes them, those of the first step, than which none is larger
# is_batch: address of a byte for each size: whether it is the number of rows of the step
# totals: address of a float64 for each result; nanoseconds: the time limit; stop: address of an i32; threads
EPOCH_FIELDS = (
    "rows", "row_bytes", "index", "count", "batch", "first", "last", "buffers", "sizes", "is_batch",
    "totals", "nanoseconds", "stop", "threads",
)  # fmt: skip


# What a profiled plan counts of each launch, 64 bits each, in `graphc_profile`: nanoseconds and runs so far, when the
# last run started, floating-point operations and bytes so far.
PROFILE_FIELDS = ("nanoseconds", "runs", "start", "operations", "bytes")


def size_sources(interface: Interface) -> dict[Symbol, tuple[int, int]]:
    """Return for each size of a program the argument and the axis that bind it: the first that is the bare symbol.

    Raises CompileError where no argument binds a size.
    """
    found: dict[Symbol, tuple[int, int]] = {}
    for position, argument in enumerate(interface.arguments):
        for axis, dim in enumerate(argument.shape):
            s = bare_symbol(dim)
            if s is not None:
                found.setdefault(s, (position, axis))
    missing = [str(s) for s in interface.sizes if s not in found]
    if missing:
        raise CompileError(f"no axis of an argument gives the size of {', '.join(missing)}")
    return {s: found[s] for s in interface.sizes}


def has_epoch(interface: Interface) -> bool:
    """Tell whether a program can run as an epoch: every result is a float scalar."""
    return all(not r.shape and r.dtype in ("float32", "float64") for r in interface.results)
