"""Threads: of a program, of its callers; forked children."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from graphc.errors import ConfigError
from graphc.graph import State
from graphc.runtime import set_threads, threads
from tests.runtime.programs import N, compiled, counter, relu_twice, relu_twice_in_numpy


def test_number_of_threads() -> None:
    set_threads(3)
    assert threads() == 3
    with pytest.raises(ConfigError, match="at least 1; got 0"):
        set_threads(0)


def test_flag_and_default() -> None:
    code = "from graphc.runtime import threads; print(threads())"

    def shown(**environment: str) -> str:
        outside = {k: v for k, v in os.environ.items() if k != "GRAPHC_THREADS"}
        run = [sys.executable, "-c", code]
        return subprocess.run(run, capture_output=True, text=True, check=True, env=outside | environment).stdout.strip()

    assert shown(GRAPHC_THREADS="5") == "5"
    assert shown() == str(len(os.sched_getaffinity(0)))


def test_loading_leaves_the_environment_alone() -> None:
    code = "import os; from graphc.runtime import threads; threads(); print(os.environ.get('GOMP_SPINCOUNT'))"
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout.strip() == "None"


def _in_threads(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("rows", [2, 900, 30_000])
def test_callers_at_once_get_their_own_results(rows: int) -> None:
    executable = compiled(relu_twice(), single=True)
    failures: list[int] = []

    def caller(seed: int) -> None:
        generator = np.random.default_rng(seed)
        for _ in range(20):
            x, y = (generator.standard_normal((rows + seed, 10), np.float32) for _ in range(2))
            if not np.array_equal(executable(x, y), relu_twice_in_numpy(x, y)):
                failures.append(seed)

    _in_threads([threading.Thread(target=caller, args=(seed,)) for seed in range(4)])
    assert failures == []


def test_updates_of_callers_at_once_are_all_made() -> None:
    state = State(np.zeros(5, np.float32))
    executable = compiled(counter(state))
    torn: list[np.ndarray] = []

    def caller() -> None:
        for _ in range(500):
            executable(np.ones(5, np.float32))

    def reader() -> None:
        for _ in range(500):
            value = state.get_value()
            if not (value == value[0]).all():
                torn.append(value)

    _in_threads([threading.Thread(target=f) for f in (caller, reader, caller, caller)])
    assert state.get_value().tolist() == [1500.0] * 5
    assert torn == []


def test_forked_children_run_on_one_thread() -> None:
    executable = compiled(relu_twice(), single=True)
    set_threads(2)
    x, y = (np.ones((50_000, 10), np.float32) * factor for factor in (1, -3))
    expected = relu_twice_in_numpy(x, y)
    assert np.array_equal(executable(x, y), expected)
    child = os.fork()
    if child == 0:
        same = threads() == 1 and np.array_equal(executable(x, y), expected)
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert threads() == 2


def test_compiling_from_several_threads() -> None:
    x, y = np.ones((3, 10), np.float32), np.full((3, 10), -0.5, np.float32)
    failures: list[int] = []

    def caller(work: int) -> None:
        # Another estimate of work is another text, so that each compiles its own.
        executable = compiled(relu_twice(work=work * N), single=True)
        if not np.array_equal(executable(x, y), relu_twice_in_numpy(x, y)):
            failures.append(work)

    _in_threads([threading.Thread(target=caller, args=(work,)) for work in (5, 50, 500, 500)])
    assert failures == []


_WITHOUT_GOMP = """
import numpy as np
from graphc.runtime import set_threads, symbols, threads
symbols._gomp = lambda: None
from tests.runtime.programs import N, compiled, relu_twice, relu_twice_in_numpy
set_threads(4)
x = np.ones((60_000, 10), np.float32)
print(threads(), np.array_equal(compiled(relu_twice())(x, x)[0], relu_twice_in_numpy(x, x)))
"""


def test_without_libgomp_programs_run_on_one_thread() -> None:
    run = [sys.executable, "-c", _WITHOUT_GOMP]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.split() == ["1", "True"]
