"""Where the time of a program goes: its launches one by one, its compilation stage by stage, Python around it.

    python benchmarks/profile_step.py [mlp_step | housing_fit | mlp_batch1 | ...] [--threads 1] [--rounds 15]

A launch's time is the difference of two programs, one that ends with it and one that ends before it. Programs are
run in turn and their least times taken, so that a busy machine disturbs little. Work is counted in the scheduler's
units: a multiply-add is one, a transcendental function several. The peak is the multiply-adds of one processor,
measured here, times the threads.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from problems import NETWORKS, Array
from worker import pin

from graphc.records import replace

_INFERENCE = ("call_dense", "mlp_batch1")
_TURN_SECONDS = 0.02
_PROFILED_CALLS = 300


class Given(argparse.Namespace):
    """The command line's settings."""

    case: str
    threads: int
    rounds: int


def times_of(calls: Sequence[Callable[..., object]], arguments: Sequence[Any], given: Given) -> list[list[float]]:
    """Return each call's seconds, round by round, in turn: processor time where there is one thread."""
    clock = time.process_time if given.threads == 1 else time.perf_counter
    timers = [timeit.Timer("call(*arguments)", "", clock, {"call": call, "arguments": arguments}) for call in calls]
    counts = []
    for timer in timers:
        count = 1
        while timer.timeit(count) < _TURN_SECONDS / 2:
            count *= 2
        counts.append(count)
    rows = [[timer.timeit(count) / count for timer, count in zip(timers, counts)] for _ in range(given.rounds)]
    return [list(column) for column in zip(*rows)]


def prefixes(executable: Any) -> list[Any]:
    """Return programs of the first 0, 1, 2, ... launches of a program."""
    from graphc import codegen, runtime  # it reads the number of threads when it is first used

    host, plan = runtime.cpu().host, executable.plan
    target = codegen.describe_target(host.name, host.features, host.l1, host.l2)
    shortened = [replace(plan, steps=plan.launches[:n]) for n in range(len(plan.launches) + 1)]
    return [runtime.load_plan(p, codegen.emit_plan(p, target), name=f"first_{i}") for i, p in enumerate(shortened)]


def print_launches(executable: Any, arguments: list[Array], given: Given) -> None:
    """Print a line a launch: microseconds, work, rate, share of the peak, memory traffic."""
    from gemm import host_target, peak_flops

    from graphc import symbolic

    times = [min(seen) for seen in times_of([p.native for p in prefixes(executable)], arguments, given)]
    sizes = {s: len(arguments[0]) for s in executable.plan.sizes}
    peak = max(peak_flops(host_target()) for _ in range(3)) / 2 * given.threads
    print(f"launches, {len(arguments[0])} rows; a call without any: {times[0] * 1e6:.2f} us")
    print(f"{'us':>10} {'Mop':>9} {'Gop/s':>8} {'of peak':>9} {'GB/s':>7}")
    for position, (before, after, launch) in enumerate(zip(times, times[1:], executable.plan.launches)):
        work, moved = (symbolic.evaluate(dim, sizes) for dim in (launch.work, launch.bytes))
        seconds = after - before
        rates = f"{'':>26}"
        if seconds > 1e-8:  # else it is lost in the difference
            rate = work / seconds
            rates = f"{rate / 1e9:8.1f} {100 * rate / peak:7.1f} % {moved / seconds / 1e9:7.1f}"
        label = launch.kernel.label or type(launch.kernel).__name__
        wait = "" if launch.barrier else ", no barrier"
        print(f"{seconds * 1e6:10.2f} {work / 1e6:9.3f} {rates}  [{position}] {label}{wait}")
    print(f"{times[-1] * 1e6:10.2f} in all; peak {peak / 1e9:.1f} G multiply-adds/s, threads {given.threads}\n")


def print_stages(executable: Any) -> None:
    """Print what compiling took."""
    code = executable.code
    stages = {record.name: record.milliseconds for record in executable.reports}
    stages |= {"from the cache" if code.cached else "LLVM": code.compile_ms, "loading": code.load_ms}
    text = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in stages.items())
    print(f"compiling, ms: {text}; {code.code_bytes} bytes of code\n")


def print_python(
    native: Callable[..., object],
    method: Callable[..., object],
    operands: list[Array],
    fed: list[Array],
    given: Given,
) -> None:
    """Print what a model's method costs beside its program, and in which functions."""
    whole, bare = times_of([lambda: method(*operands), lambda: native(*fed)], (), given)
    python = median(a - b for a, b in zip(whole, bare))
    print(f"{method.__name__}: {median(whole) * 1e6:.1f} us, of which Python {python * 1e6:.1f} us; profiled:")
    profile = cProfile.Profile()
    profile.runcall(lambda: [method(*operands) for _ in range(_PROFILED_CALLS)])
    statistics: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    slowest = sorted(statistics.items(), key=lambda row: -row[1][2])
    for (file, line, function), (_, calls, own, total, _) in slowest[:12]:
        place = "/".join(file.split("/")[-3:])
        each = [seconds / _PROFILED_CALLS * 1e6 for seconds in (own, total)]
        print(f"    own {each[0]:7.2f} us, with callees {each[1]:7.2f} us, {calls:6d} calls: {place}:{line} {function}")
    print()


def main(arguments: list[str]) -> None:
    """Profile a case."""
    parser = argparse.ArgumentParser(description="Where the time of a program goes.")
    parser.add_argument("case", nargs="?", default="mlp_step", choices=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args(arguments, Given())
    os.environ |= {"GRAPHC_THREADS": str(given.threads), "GRAPHC_CACHE": "0"}
    pin(given.threads)
    from peers.graphc import model_of

    network = NETWORKS[given.case](False)
    model, (x, y) = model_of(network), network.first_batch()
    if given.case in _INFERENCE:
        x = network.first_row()
        model.predict_on_batch(x)
        executable, fed = model.predict_function.executable(), [x]
        methods: list[tuple[Any, list[Array]]] = [(model.predict_on_batch, [x]), (model.predict, [x])]
    else:
        model.train_on_batch(x, y)
        executable, fed = model.train_function.executable(1), [x, y, x[:, 0] * 0 + 1]
        methods = [(model.train_on_batch, [x, y])]
    print_stages(executable)
    print_launches(executable, fed, given)
    for method, operands in methods:
        print_python(executable.native, method, operands, fed, given)


if __name__ == "__main__":
    main(sys.argv[1:])
