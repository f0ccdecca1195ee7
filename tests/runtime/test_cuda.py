"""Programs on a GPU, through a stand-in for CuPy over the emulator: memory, states, graphs, epochs, errors."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import ConfigError, DeviceError, ExecutionError, ShapeError
from graphc.graph import Node, State
from graphc.runtime import CudaDevice, Executable, current_device, find_device, set_device
from graphc.runtime.cuda.device import cuda
from graphc.runtime.cuda.streaming import _Slot
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import EmulatedCompiler, StandIn, emulated_device

pytestmark = needs_compiler
Array = np.ndarray[Any, Any]
FEATURES = 6


@pytest.fixture(autouse=True)
def same_device() -> Iterator[None]:
    """The device that programs are compiled for, restored."""
    before = current_device()
    yield
    set_device(before)


def training_step(weights: State, chip: Any = "cpu") -> Executable:
    """Return one step of least squares on rows of 6 features; it returns the mean squared error of before."""
    x, y = graphc.placeholder((None, FEATURES), name="x"), graphc.placeholder((None,), name="y")
    error = ops.sum(x * weights.node, axis=1) - y
    loss = ops.mean(error * error)
    with graphc.device(chip):
        return graphc.function(
            [x, y], loss, [(weights, weights.node - 0.1 * graphc.gradients(loss, [weights.node])[0])]
        )


def data(rows: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(rows)
    x = rng.standard_normal((rows, FEATURES)).astype("float32")
    return x, (x @ np.arange(FEATURES)).astype("float32")


def weights() -> State:
    return graphc.state(np.zeros(FEATURES, "float32"), "weights")


def test_training_is_that_of_the_cpu() -> None:
    here, there = weights(), weights()
    steps = training_step(here), training_step(there, emulated_device())
    for rows in (8, 8, 8, 5, 8):
        losses = [step(*data(rows)) for step in steps]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(there.get_value(), here.get_value(), rtol=1e-5)


def test_the_second_call_captures_one_graph_and_later_ones_replay_it() -> None:
    chip = emulated_device()
    step = training_step(weights(), chip)
    first = None
    for call in range(4):
        before = chip._cupy.launches
        step(*data(8))
        launched = chip._cupy.launches - before
        first = launched if first is None else first
        assert launched == (first if call < 2 else 0)
    assert chip._cupy.replays == 1
    step(*data(3))
    step(*data(3))
    assert chip._cupy.replays == 2, "another size has its own graph"


def test_states_stay_on_the_device_until_somebody_asks() -> None:
    w = weights()
    step = training_step(w, emulated_device())
    step(*data(8))
    assert not np.any(w.storage)
    value = w.get_value()
    assert np.all(value != 0)
    w.set_value(np.zeros(FEATURES))
    np.testing.assert_array_equal(w.get_value(), 0)
    step(*data(8))
    np.testing.assert_array_equal(w.get_value(), value)


@pytest.mark.parametrize("cpu_first", [True, False])
def test_a_state_may_be_used_on_both_sides(cpu_first: bool) -> None:
    w, alone = weights(), weights()
    chip = emulated_device()
    if cpu_first:
        here, there = training_step(w), training_step(w, chip)
    else:
        there = training_step(w, chip)
        there(*data(4))
        here = training_step(w)
    reference = training_step(alone)
    if not cpu_first:
        reference(*data(4))
    for step in (here, there, there, here, here, there):
        step(*data(8))
        reference(*data(8))
    np.testing.assert_allclose(w.get_value(), alone.get_value(), rtol=1e-5)


def test_an_epoch_is_its_steps_bit_by_bit() -> None:
    x, y = data(50)
    order = np.random.default_rng(1).permutation(50)
    together, apart = weights(), weights()
    chip = emulated_device()
    run, step = training_step(together, chip), training_step(apart, chip)
    for _ in range(2):
        totals, expected = np.zeros(1), np.zeros(1)
        done = 0
        while done < 4:
            done += run.epoch([x, y], order, 16, done, 4, totals, 0.0)
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            expected += np.asarray(step(x[rows], y[rows]), "float64") * len(rows)
        np.testing.assert_array_equal(totals, expected)
        np.testing.assert_array_equal(together.get_value(), apart.get_value())


def test_an_epoch_replays_and_copies_nothing_between_its_steps() -> None:
    x, y = data(64)
    chip = emulated_device()
    run = training_step(weights(), chip)
    copies: list[int] = []
    copy_in = chip.copy_in
    chip.copy_in = lambda address, array: (copies.append(array.nbytes), copy_in(address, array))[1]  # type: ignore[method-assign]
    assert run.epoch([x, y], np.arange(64), 4, 0, 16, np.zeros(1), 60.0) == 16
    assert copies.count(4 * FEATURES * 4) == 0
    assert chip._cupy.replays == 1


# The device's streams, by number: that of the launches and that of the copies beside them.
LAUNCHES, COPIES = 1, 2


@pytest.mark.parametrize("late", [(), (LAUNCHES,), (COPIES,), (LAUNCHES, COPIES)])
def test_data_that_does_not_fit_is_sent_step_by_step(late: tuple[int, ...]) -> None:
    x, y = data(50_000)
    w, small = weights(), weights()
    order = np.random.default_rng(2).permutation(50_000)[:120]
    totals = [np.zeros(1), np.zeros(1)]
    roomy, tight = emulated_device(), emulated_device(memory=500_000)
    tight._cupy.late = frozenset(late)
    assert training_step(w, roomy).epoch([x, y], order, 16, 0, 8, totals[0], 60.0) == 8
    assert training_step(small, tight).epoch([x, y], order, 16, 0, 8, totals[1], 60.0) == 8
    np.testing.assert_array_equal(totals[0], totals[1])
    np.testing.assert_array_equal(w.get_value(), small.get_value())


@pytest.mark.parametrize(
    ("forgotten", "late"), [("sent", COPIES), ("read", LAUNCHES), ("hold", COPIES)], ids=["sent", "read", "hold"]
)
def test_every_wait_for_a_buffer_is_needed(monkeypatch: pytest.MonkeyPatch, forgotten: str, late: int) -> None:
    x, y = data(50_000)
    order = np.random.default_rng(2).permutation(50_000)[:120]
    w, careless = weights(), weights()
    assert training_step(w, emulated_device()).epoch([x, y], order, 16, 0, 8, np.zeros(1), 60.0) == 8
    tight = emulated_device(memory=500_000)
    tight._cupy.late = frozenset({late})
    if forgotten == "hold":
        tight.hold = lambda event: None  # type: ignore[method-assign]
    else:
        monkeypatch.setattr(_Slot, forgotten, property(lambda slot: None, lambda slot, event: None), raising=False)
    assert training_step(careless, tight).epoch([x, y], order, 16, 0, 8, np.zeros(1), 60.0) == 8
    assert not np.array_equal(w.get_value(), careless.get_value())


def test_an_interrupted_epoch_returns_after_its_step() -> None:
    x, y = data(32)
    run = training_step(weights(), emulated_device())

    class Rung:
        def __init__(self) -> None:
            self.value = 0

        def __setattr__(self, name: str, value: int) -> None:
            object.__setattr__(self, name, 1)

    run._stop = Rung()  # type: ignore[assignment]
    assert run.epoch([x, y], np.arange(32), 4, 0, 8, np.zeros(1), 60.0) == 1


def test_too_little_memory_leaves_weights_as_they_were() -> None:
    w = weights()
    step = training_step(w, emulated_device(memory=100_000))
    step(*data(8))
    before = w.get_value()
    with pytest.raises(DeviceError, match=r"cuda:0 has too little memory for [\d,]+ bytes more"):
        step(*data(20_000))
    np.testing.assert_array_equal(w.get_value(), before)
    step(*data(8))
    assert not np.array_equal(w.get_value(), before)
    training_step(w)(*data(20_000))


def test_memory_of_other_sizes_is_given_up_first() -> None:
    chip = emulated_device()
    step = training_step(weights(), chip)
    for rows in range(1, 12):
        step(*data(rows))
    assert len(step._program._bindings) == 4  # type: ignore[attr-defined]


def test_indices_of_64_bits_where_32_do_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphc.runtime.cuda.binding._NARROW_LIMIT", 100)
    chip = emulated_device()
    compiled: list[str] = []
    compile_text = chip.compile
    chip.compile = lambda text: (compiled.append(text), compile_text(text))[1]  # type: ignore[method-assign]
    x = graphc.placeholder((None, 7), name="x")
    with graphc.device(chip):
        f = graphc.function([x], ops.cumsum(ops.exp(x), axis=0))
    big = data(40)[0][:, :5].repeat(2, axis=1)[:, :7]
    np.testing.assert_allclose(f(big), np.cumsum(np.exp(big), axis=0), rtol=1e-5)
    assert [text.startswith("#define GC_INDEX long long") for text in compiled] == [False, True]


def test_arguments_are_checked_as_on_the_cpu() -> None:
    step = training_step(weights(), emulated_device())
    with pytest.raises(ShapeError, match="argument 1 'y'"):
        step(data(5)[0], data(4)[1])
    with pytest.raises(ExecutionError, match="takes 2 arrays"):
        step(data(5)[0])
    assert step(*(a.astype("float64") for a in data(5))).dtype == np.float32


def test_a_program_without_sizes_or_results_runs() -> None:
    counter = graphc.state(np.zeros((), "int64"), "counter")
    with graphc.device(emulated_device()):
        count = graphc.function([], [], [(counter, counter.node + 1)])
    for _ in range(3):
        assert count() == []
    assert counter.get_value() == 3


def test_empty_arrays() -> None:
    x = graphc.placeholder((None, 5), name="x")
    with graphc.device(emulated_device()):
        f = graphc.function([x], [ops.exp(x), ops.sum(x), ops.matmul(x, ops.transpose(x))])
    exponentials, total, products = f(np.zeros((0, 5), "float32"))
    assert (exponentials.shape, products.shape, total) == ((0, 5), (0, 0), 0)


def test_what_states_alone_decide_is_computed_when_one_changes() -> None:
    chip = emulated_device()
    w, scale = graphc.state(np.ones((3, 4), "float32"), "w"), graphc.state(np.full(4, 2, "float32"), "scale")
    x = graphc.placeholder((None, 3), name="x")
    with graphc.device(chip):
        f = graphc.function([x], ops.matmul(x, w.node * ops.sum(scale.node)))
        double = graphc.function([], [], [(scale, scale.node * 2.0)])
    assert f.plan.prepared == 2
    launched = []
    for rows, factor, change in (
        (5, 8, None),
        (7, 8, None),
        (7, 16, double),
        (5, 24, lambda: w.set_value(1.5 * w.get_value())),
    ):
        if change is not None:
            change()
        before = chip._cupy.launches
        given = np.arange(3 * rows, dtype="float32").reshape(rows, 3)
        np.testing.assert_array_equal(f(given), given @ np.full((3, 4), factor, "float32"))
        launched.append(chip._cupy.launches - before)
    assert launched == [3, 1, 3, 3], "what is kept serves every size, and every call until a state changes"


def test_guard_and_sources() -> None:
    x = graphc.placeholder((None,), name="x")
    with graphc.device(emulated_device()):
        f = graphc.function([x], ops.log(x), nan_guard=True)
    assert f(np.ones(3, "float32")).tolist() == [0, 0, 0]
    with pytest.raises(ExecutionError, match="not finite"):
        f(-np.ones(3, "float32"))
    assert "__global__" in f.source() == f.source("cuda")
    assert f.source("asm").startswith(".version")
    with pytest.raises(ExecutionError, match="'cuda' and 'asm'; got 'llvm'"):
        f.source("llvm")
    with pytest.raises(ExecutionError, match="profile"):
        f.profile(np.ones(3, "float32"))


def test_object_code_is_cached() -> None:
    def build() -> Executable:
        x = graphc.placeholder((None, 3), name="x")
        with graphc.device(emulated_device()):
            return graphc.function([x], ops.tanh(x))

    assert [build().code.cached for _ in range(2)] == [False, True]


# which device


def test_choosing_a_device() -> None:
    chip, other = emulated_device(), emulated_device()
    set_device(chip)
    assert current_device() is chip
    with graphc.device(other) as found:
        assert current_device() is other is found
        with graphc.device("cpu"):
            assert current_device().name == "cpu"
        assert current_device() is other
    assert current_device() is chip
    graphc.set_device("cpu")
    assert current_device().name == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", ""])
def test_names_that_are_no_device(name: str) -> None:
    with pytest.raises(ConfigError, match="'cpu', 'cuda' or 'cuda:N'"):
        find_device(name)


def test_without_cupy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "cupy":
            raise ImportError("No module named 'cupy'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    cuda.cache_clear()
    before = current_device()
    with pytest.raises(DeviceError, match=r"cuda:0: CuPy is not installed .*graphc\[cuda13\]"):
        graphc.set_device("cuda")
    assert current_device() is before


def test_without_a_driver() -> None:
    stand_in = StandIn()
    stand_in.has_driver = False
    with pytest.raises(DeviceError, match="no NVIDIA driver, or no GPU that it can use"):
        CudaDevice(stand_in, compiler=EmulatedCompiler())


def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match=r"cuda:2: this machine has 2 CUDA device\(s\), counted from 0"):
        CudaDevice(StandIn(count=2), 2, EmulatedCompiler())


def test_a_gpu_that_is_too_old() -> None:
    with pytest.raises(DeviceError, match=r"Emulated GPU\) has compute capability 7\.5; graphc needs 8\.0"):
        CudaDevice(StandIn(capability=(7, 5)), compiler=EmulatedCompiler())


def test_the_flag_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = emulated_device()
    monkeypatch.setattr("graphc.runtime.choice._chosen", None)
    monkeypatch.setattr("graphc.runtime.cuda.cuda", lambda number: (chip, number))
    monkeypatch.setenv("GRAPHC_DEVICE", "cuda:3")
    assert current_device() == (chip, 3)
    x: Node = graphc.placeholder((2,))
    monkeypatch.setenv("GRAPHC_DEVICE", "cpu")
    assert graphc.function([x], x + 1.0)(np.zeros(2, "float32")).tolist() == [1, 1]
