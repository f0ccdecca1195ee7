"""compile_graph(): what it does to the process around it."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import CompileError


def test_nothing_is_collected_while_compiling_and_the_collector_is_as_before() -> None:
    seen: list[str] = []

    def note(phase: str, details: dict[str, int]) -> None:
        seen.append(phase)

    x = graphc.placeholder((None, 3))
    result = ops.softmax(ops.tanh(x) * 2)
    threshold = gc.get_threshold()
    gc.set_threshold(10, 1, 1)
    gc.collect()
    gc.callbacks.append(note)
    try:
        f = graphc.function([x], result)
        during = len(seen)
        enabled = gc.isenabled()
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*threshold)
    assert enabled
    # Building the graph and what follows may be interrupted; compiling creates ten thousands of objects.
    assert during < 100
    assert f(np.zeros((2, 3), np.float32)).shape == (2, 3)


def test_a_failed_compilation_leaves_the_collector_on() -> None:
    x, y = graphc.placeholder((None, 3)), graphc.placeholder((3,))
    size = x.shape[0]
    with pytest.raises(CompileError, match="is not the size of an axis of any input"):
        graphc.function([y], ops.broadcast_to(y, (size, 3)))
    assert gc.isenabled()


def test_operators_on_nodes_need_no_import_of_ops() -> None:
    script = "import graphc; x = graphc.placeholder((None, 3)); print((x * 2 + 1).shape[1])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "3\n", result.stderr
