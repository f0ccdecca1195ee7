"""Whether a kernel of ours or a library does a launch's work is measured, remembered, and changes nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import ConfigError
from graphc.graph import State
from graphc.runtime import CudaDevice, Executable
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import NO_LIBRARIES, EmulatedCompiler, StandIn
from tests.cuda.stand_in_cublas import StandInCublasLt

pytestmark = needs_compiler
ROWS, DEPTH, COLUMNS = 6, 7, 5


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    path = tmp_path / "cache"
    monkeypatch.setenv("GRAPHC_CACHE", str(path))
    return path


class Chip:
    """A GPU of a process of its own. `cublas` is what a product of the library takes, a kernel taking 1."""

    def __init__(self, cublas: float = 3.0, memory: int = 1 << 30, library: Any = None) -> None:
        self.stand_in = StandIn(order=3, memory=memory)
        self.stand_in.prices["cublas"] = cublas
        self.library = StandInCublasLt(self.stand_in) if library is None else library(self.stand_in)
        self.device = CudaDevice(
            self.stand_in, compiler=EmulatedCompiler(), libraries=NO_LIBRARIES | {"cublas": lambda: self.library}
        )

    @property
    def taken(self) -> list[str]:
        return [choice.taken for choice in self.device.choices.values()]


def product(device: CudaDevice, epilogue: bool = False) -> Executable:
    x, w = graphc.placeholder((None, DEPTH), name="x"), graphc.placeholder((DEPTH, COLUMNS), name="w")
    result = ops.matmul(x, w)
    with graphc.device(device):
        return graphc.function([x, w], ops.tanh(result) * 2.0 if epilogue else result)


def arrays(rows: int = ROWS) -> list[Any]:
    rng = np.random.default_rng(3)
    return [rng.standard_normal(s).astype("float32") for s in ((rows, DEPTH), (DEPTH, COLUMNS))]


def uses_library(chip: Chip, f: Executable, rows: int = ROWS) -> bool:
    """Tell whether a further set of sizes's calls, which are not replays yet, go to the library; checks the results."""
    x, w = arrays(rows)
    np.testing.assert_allclose(f(x, w), x @ w, rtol=1e-5, atol=1e-5)
    before = len(chip.library.products)
    np.testing.assert_allclose(f(x, w), x @ w, rtol=1e-5, atol=1e-5)
    return len(chip.library.products) > before


@pytest.mark.parametrize(("price", "taken"), [(0.5, "cublas"), (3.0, "ours"), (1.0, "ours")])
def test_the_faster_way_is_taken(price: float, taken: str) -> None:
    chip = Chip(price)
    assert uses_library(chip, product(chip.device)) is (taken == "cublas")
    [(facts, choice)] = chip.device.choices.items()
    assert choice.taken == taken
    assert choice.seconds == pytest.approx({"ours": 1e-3, "cublas": price * 1e-3})
    assert facts.startswith("product 6 x 7 x 5, strides 7, 5, 5, float32; kernel ")


def test_what_finishes_a_product_counts() -> None:
    chip = Chip(0.5)
    product(chip.device, epilogue=True)(*arrays())
    assert chip.taken == ["ours"], "1.5 with the kernel that is left"
    chip = Chip(-0.5)
    x, w = arrays(ROWS + 1)
    np.testing.assert_allclose(product(chip.device, epilogue=True)(x, w), 2 * np.tanh(x @ w), rtol=1e-5, atol=1e-5)
    assert chip.taken == ["cublas"]


def test_each_shape_is_measured_once() -> None:
    chip = Chip(0.5)
    f, again = product(chip.device), product(chip.device)
    for rows in (ROWS, 2 * ROWS, ROWS):
        f(*arrays(rows))
        again(*arrays(rows))
    assert len(chip.taken) == 2
    assert chip.stand_in.replays == 2 * 2 + 2, "two ways of two shapes; two programs of one shape"


def test_the_next_process_takes_the_same_whatever_the_time() -> None:
    first = Chip(0.5)
    product(first.device)(*arrays())
    second = Chip(9.0)
    assert uses_library(second, product(second.device))
    assert [c.seconds for c in second.device.choices.values()] == [c.seconds for c in first.device.choices.values()]
    slow = Chip(9.0)
    product(slow.device)(*arrays(ROWS + 1))
    fast = Chip(0.5)
    f = product(fast.device)
    assert not uses_library(fast, f, ROWS + 1)
    assert uses_library(fast, f, ROWS + 2), "another shape is another choice"


def test_another_gpu_measures_for_itself() -> None:
    product(Chip(0.5).device)(*arrays())
    other = Chip(9.0)
    other.device.model = "Another GPU"
    assert not uses_library(other, product(other.device))


class _Newer(StandInCublasLt):
    def __init__(self, owner: Any) -> None:
        super().__init__(owner)
        self.cublasLtGetVersion.number += 1


def test_another_version_is_measured_again() -> None:
    product(Chip(0.5).device)(*arrays())
    newer = Chip(9.0, library=_Newer)
    assert not uses_library(newer, product(newer.device))


@pytest.mark.parametrize("content", [b"", b"{", b"7", b'["ours"]', b'["other", {}]', b"[[], {}]", b"\xff"])
def test_a_choice_that_is_none_is_measured_again(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, bytes] = {}
    monkeypatch.setattr("graphc.runtime.cuda.trial.cache.load_entry", lambda key: content)
    monkeypatch.setattr("graphc.runtime.cuda.trial.cache.store_entry", stored.__setitem__)
    monkeypatch.setattr("graphc.runtime.load._recalled", lambda *facts: None)
    monkeypatch.setattr("graphc.runtime.load._object_code", lambda text, key, device: (device.compile(text), False))
    chip = Chip(0.5)
    assert uses_library(chip, product(chip.device))
    [found] = [json.loads(entry) for entry in stored.values() if entry.startswith(b'["')]
    assert found[0] == "cublas"


class _Failing(StandInCublasLt):
    def cublasLtMatmul(self, *arguments: Any) -> int:
        return 13


class _FailingInGraphs(StandInCublasLt):
    def cublasLtMatmul(self, *arguments: Any) -> int:
        return 13 if self._owner.current.recorded is not None else super().cublasLtMatmul(*arguments)


class _EndsRecordings(StandInCublasLt):
    """Fails as what waits in the middle of a recording does; or says nothing, and it shows at the end."""

    status = 13

    def cublasLtMatmul(self, *arguments: Any) -> int:
        if self._owner.current.recorded is None:
            return super().cublasLtMatmul(*arguments)
        self._owner.current.is_broken = True
        return self.status


class _EndsRecordingsSilently(_EndsRecordings):
    status = 0


@pytest.mark.parametrize("library", [_Failing, _FailingInGraphs, _EndsRecordings, _EndsRecordingsSilently])
def test_a_library_that_fails_is_not_taken(library: Any) -> None:
    chip = Chip(0.5, library=library)
    assert not uses_library(chip, product(chip.device))
    assert chip.taken == ["ours"]
    works = Chip(0.5)
    assert uses_library(works, product(works.device)), "a failure is not remembered"
    fails = Chip(0.5, library=_Failing)
    assert not uses_library(fails, product(fails.device)), "nor is what worked relied on"


def test_without_a_library_nothing_is_tried() -> None:
    stand_in = StandIn()
    device = CudaDevice(stand_in, compiler=EmulatedCompiler(), libraries=NO_LIBRARIES)
    x, w = arrays()
    np.testing.assert_allclose(product(device)(x, w), x @ w, rtol=1e-5, atol=1e-5)
    assert (stand_in.launches, device.choices) == (1, {})


def update_step(device: Any, weights: State, momentum: State) -> Executable:
    """A step that writes the sums' function to one state and reads another."""
    x, y = graphc.placeholder((None, DEPTH), name="x"), graphc.placeholder((None, COLUMNS), name="y")
    g = ops.matmul(ops.transpose(x), y)
    with graphc.device(device):
        return graphc.function([x, y], [], [(momentum, 0.5 * weights.node + g)])


def test_trials_leave_states_alone() -> None:
    def run(device: Any) -> Any:
        weights, momentum = (graphc.state(np.full((DEPTH, COLUMNS), v, "float32"), "s") for v in (2.0, 3.0))
        step = update_step(device, weights, momentum)
        rng = np.random.default_rng(8)
        x, y = (rng.standard_normal((ROWS, n)).astype("float32") for n in (DEPTH, COLUMNS))
        momentum.set_value(np.full((DEPTH, COLUMNS), 7, "float32"))
        step(x, y)
        return weights.get_value(), momentum.get_value()

    chip = Chip(-9.0)
    for found, expected in zip(run(chip.device), run("cpu"), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert chip.taken == ["cublas"]


def test_a_state_is_as_it_was_before_its_program_ran_and_after_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = Chip(-9.0)
    weights, momentum = (graphc.state(np.full((DEPTH, COLUMNS), v, "float32"), "s") for v in (2.0, 3.0))
    step = update_step(chip.device, weights, momentum)
    program = step._program
    program.prepare_states()  # type: ignore[attr-defined]
    sizes = dict.fromkeys(step.interface.sizes, ROWS)
    program.bound(sizes)  # type: ignore[attr-defined]
    assert chip.taken == ["cublas"]
    program.finished()  # type: ignore[attr-defined]
    np.testing.assert_array_equal(momentum.get_value(), 3.0)
    np.testing.assert_array_equal(weights.get_value(), 2.0)


@pytest.mark.parametrize(("memory", "taken"), [(270_000, ["ours"]), (200_000, [])])
def test_too_little_memory(memory: int, taken: list[str]) -> None:
    """For what a trial writes to, or for sums that lie apart from a weight."""
    weights, momentum = (graphc.state(np.zeros((400, 50), "float32"), "s") for _ in range(2))
    x, y = graphc.placeholder((None, 400), name="x"), graphc.placeholder((None, 50), name="y")
    chip = Chip(-9.0, memory=memory)
    with graphc.device(chip.device):
        step = graphc.function([x, y], [], [(momentum, 0.5 * weights.node + ops.matmul(ops.transpose(x), y))])
    a, b = np.ones((3, 400), "float32"), np.ones((3, 50), "float32")
    step(a, b)
    assert chip.taken == taken
    np.testing.assert_array_equal(momentum.get_value(), 3.0)


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHC_CUBLAS", raising=False)
    chip = Chip(9.0)
    graphc.set_libraries("always")
    assert uses_library(chip, product(chip.device))
    graphc.set_libraries("never")
    fast = Chip(0.5)
    assert not uses_library(fast, product(fast.device))
    assert fast.taken == []
    with pytest.raises(ConfigError, match="expected measure, always"):
        graphc.set_libraries("sometimes")
    monkeypatch.setenv("GRAPHC_CUBLAS", "measure")
