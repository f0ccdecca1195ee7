"""Programs for a GPU known by their graph: what the cache says is started is what was compiled."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops, passes
from graphc.runtime import CudaDevice, Executable
from graphc.runtime.encoding import decode_record, encode_record
from graphc.symbolic import Symbol, symbol
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import NO_LIBRARIES, EmulatedCompiler, StandIn, emulated_device
from tests.cuda.stand_in_cublas import StandInCublasLt
from tests.cuda.test_persistent import data, recurrence

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache."""
    monkeypatch.setenv("GRAPHC_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("processors", [1, 4])
def test_loops_and_grids_that_stay(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (emulated_device(processors=processors) for _ in range(2))
    expected = recurrence(first)(data(3))
    monkeypatch.setattr(passes, "run_pipeline", None)
    known = recurrence(second)
    assert known.code.cached
    for found, value in zip(known(data(3)), expected, strict=True):
        np.testing.assert_array_equal(found, value)
    assert second._cupy.launches == first._cupy.launches


def library_device() -> tuple[CudaDevice, StandInCublasLt]:
    stand_in = StandIn()
    library = StandInCublasLt(stand_in)
    return CudaDevice(
        stand_in, compiler=EmulatedCompiler(), libraries=NO_LIBRARIES | {"cublas": lambda: library}
    ), library


def test_what_a_library_may_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CUBLAS", "always")

    def build(device: CudaDevice) -> Executable:
        x, b = graphc.placeholder((None, 7), name="x"), graphc.placeholder((5,), name="b")
        w = graphc.state(np.linspace(-1, 1, 35, dtype="float32").reshape(7, 5))
        with graphc.device(device):
            return graphc.function([x, b], ops.tanh(ops.matmul(x, w.node) + b))

    x, b = np.linspace(-1, 1, 21, dtype="float32").reshape(3, 7), np.arange(5, dtype="float32")
    (first, _), (second, library) = library_device(), library_device()
    expected = build(first)(x, b)
    monkeypatch.setattr(passes, "run_pipeline", None)
    np.testing.assert_array_equal(build(second)(x, b), expected)
    assert len(library.products) == 1


def test_indices_of_64_bits_are_compiled_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def build() -> Executable:
        x = graphc.placeholder((None, 3), name="x")
        with graphc.device(emulated_device()):
            return graphc.function([x], ops.exp(x))

    build()
    known = build()
    assert known.code.cached
    monkeypatch.setattr("graphc.runtime.cuda.binding._NARROW_LIMIT", 4)
    np.testing.assert_allclose(known(np.ones((4, 3), "float32")), np.e, rtol=1e-6)


@pytest.mark.parametrize("processors", [1, 4])
def test_records_come_back(processors: int) -> None:
    f = recurrence(emulated_device(processors=processors))
    procedure, sizes = f._program._procedure, f.interface.sizes  # type: ignore[attr-defined]
    encoded = encode_record(procedure, {s: i for i, s in enumerate(sizes)})
    again = decode_record(json.loads(json.dumps(encoded)), list(sizes))
    assert encode_record(again, {s: i for i, s in enumerate(sizes)}) == encoded
    assert again.written == procedure.written and again.scratch == procedure.scratch
    assert [s.geometries for s in again.started] == [s.geometries for s in procedure.started]
    loops = re.findall(r"Repeated", json.dumps(encoded))
    assert len(loops) >= 2


def test_a_size_without_a_number_is_not_written() -> None:
    with pytest.raises(KeyError):
        encode_record((symbol("unknown"),), {Symbol("known"): 0})


_START = """
import sys
import numpy as np
import graphc
from graphc import ops
from tests.cuda.stand_in import emulated_device
x = graphc.placeholder((None, 3), name="x")
with graphc.device(emulated_device()):
    f = graphc.function([x], ops.softmax(ops.tanh(x) * 2))
print(f(np.arange(6, dtype=np.float32).reshape(2, 3)).tobytes().hex())
print(*(name for name in ("graphc.passes", "graphc.schedule", "graphc.codegen") if name in sys.modules))
"""


def test_another_process_starts_without_what_compiles() -> None:
    def start() -> Any:
        done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    first, second = start(), start()
    assert first[0] == second[0]
    assert first[1].split() == ["graphc.passes", "graphc.schedule", "graphc.codegen"]
    assert second[1] == ""
