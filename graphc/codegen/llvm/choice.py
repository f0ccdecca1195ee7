"""Whether a program of middling cost runs on one thread or on all: found out by trying, at its own calls.

Threads that wait for work spin for some microseconds and then sleep. To a caller who comes back at once they are worth
nearly as much as there are of them; to one who comes back later, or whose processors are busy with something else,
waking them takes longer than the program itself. No estimate tells which caller this is, so programs that cost
little compare: both ways are timed, and the results do not depend on the choice.

    @graphc_choice = { calls left on one thread, or phase; the next rest; picoseconds on one thread }

A rest is a number of calls on one thread, of which the last is timed. Then all threads are tried: one call wakes them,
the following ones are timed, until two in a row take longer than one thread did; a single one is a moment's
disturbance, which costs less than to rest and to wake the threads again. Each such end makes the next rest twice as
long, so that a caller whom threads do not help pays for them once in thousands of calls; each good call makes it
shorter.
"""

from __future__ import annotations

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.codegen.llvm.clock import read_clock

_TIMED, _WAKING, _TRYING, _DOUBTING = 1, 0, -1, -2
_FIRST_REST, _SHORTEST_REST, _LONGEST_REST = 3, 2, 4096
# Times are compared a unit of estimated cost, which the batch size changes: in parts of 1/1024.
_PARTS = 1024

_VARIABLE = (
    f"@graphc_choice = internal global [3 x i64] [i64 {_FIRST_REST}, i64 {_SHORTEST_REST}, i64 {1 << 40}], align 64"
)


def emit_choice(f: FunctionBuilder, cost: Operand, alone: str, together: str) -> None:
    """Emit one run of a program of this estimated cost: the call `alone`, or `together`; for a function without result.

    The function's end follows.
    """
    f.declarations.add(_VARIABLE)
    memory = f.value("alloca [2 x i64], align 16")
    phase = _load(f, 0)
    resting, awake = f.label("resting"), f.label("awake")
    f.branch_if(f.compare("sgt", phase, _TIMED), resting, awake)
    f.begin(resting)
    _store(f, 0, f.subtract(phase, 1))
    f.emit(alone)
    f.emit("ret void")
    f.begin(awake)
    start = read_clock(f, memory)
    timed, trying = f.label("timed"), f.label("trying")
    f.branch_if(f.compare("eq", phase, _TIMED), timed, trying)
    f.begin(timed)
    f.emit(alone)
    before = _load(f, 2)
    # A moment's disturbance does not make one thread look slow for long.
    slower = f.add(before, f.divide(before, 8))
    _store(f, 2, f.minimum(_rate(f, memory, start, cost), slower))
    _store(f, 0, _WAKING)
    f.emit("ret void")
    f.begin(trying)
    f.emit(together)
    rate, rest = _rate(f, memory, start, cost), _load(f, 1)
    is_judged = f.compare("slt", phase, _WAKING)
    is_slow = f.value(f"and i1 {is_judged}, {f.compare('sgt', rate, _load(f, 2))}")
    is_over = f.value(f"and i1 {is_slow}, {f.compare('eq', phase, _DOUBTING)}")
    next_try = f.value(f"select i1 {is_slow}, i64 {_DOUBTING}, i64 {_TRYING}")
    _store(f, 0, f.value(f"select i1 {is_over}, i64 {rest}, i64 {next_try}"))
    longer = f.minimum(f.multiply(rest, 2), _LONGEST_REST)
    shorter = f.maximum(f.divide(rest, 2), _SHORTEST_REST)
    unless_good = f.value(f"select i1 {is_over}, i64 {longer}, i64 {rest}")
    is_good = f.value(f"xor i1 {is_slow}, {is_judged}")
    _store(f, 1, f.value(f"select i1 {is_good}, i64 {shorter}, i64 {unless_good}"))


def _rate(f: FunctionBuilder, memory: str, start: Operand, cost: Operand) -> Operand:
    """Return the time since the start, for each picosecond of estimated cost."""
    return f.divide(f.multiply(f.subtract(read_clock(f, memory), start), 1000 * _PARTS), cost)


def _load(f: FunctionBuilder, position: int) -> str:
    # Callers at once may disturb each other's count, no more.
    return f.value(f"load atomic i64, ptr {f.gep('@graphc_choice', position, 'i64')} monotonic, align 8")


def _store(f: FunctionBuilder, position: int, value: Operand) -> None:
    f.emit(f"store atomic i64 {value}, ptr {f.gep('@graphc_choice', position, 'i64')} monotonic, align 8")
