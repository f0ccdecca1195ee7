"""`benchmarks/gpu.py`, which runs where there is a GPU: its parts one by one, and its figures on the emulated one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, gpu_figures
from benchmarks.cases import CASES
from benchmarks.gpu import Part
from graphc import device
from graphc.errors import DeviceError
from graphc.runtime import CudaDevice, Nvrtc
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import EmulatedCompiler, StandIn, emulated_device
from tests.cuda.stand_in_cublas import StandInCublasLt
from tests.cuda.stand_in_cudnn import StandInCudnn


def rows_of(figure: str) -> list[list[str]]:
    """Return the cells of a figure's table on a GPU with both libraries, and of what was chosen."""
    stand_in = StandIn()
    libraries = {"cublas": lambda: StandInCublasLt(stand_in), "cudnn": lambda: StandInCudnn(stand_in)}
    with device(CudaDevice(stand_in, compiler=EmulatedCompiler(), libraries=libraries)):
        lines = [*gpu_figures.FIGURES[figure](True), *gpu_figures.choices()]
    return [line.strip("| ").split(" | ") for line in lines]


@needs_compiler
def test_bandwidth() -> None:
    rows = rows_of("bandwidth")[2:]
    assert [row[0] for row in rows] == ["copy", "elementwise", "softmax", "sum of rows", "sum of columns"]
    # Each of them is one kernel, and every kernel takes the same time there.
    assert [row[2] for row in rows] == ["100 %", "100 %", "100 %", "50 %", "50 %"]


@needs_compiler
def test_products() -> None:
    rows = rows_of("products")
    assert [(row[0], row[-1]) for row in rows[2:4]] == [("16", "ours"), ("24", "ours")]
    assert [row[1:] for row in rows[-2:]] == [["ours", "ours 1000.0, cublas 3000.0"]] * 2


@needs_compiler
def test_convolutions() -> None:
    rows = rows_of("convolutions")
    assert [row[1:2] + row[4:5] for row in rows[2:5]] == [
        ["", "ours"],
        ["gradient of images", "ours"],
        ["gradient of weights", "ours"],
    ]
    assert {row[0].split()[1] for row in rows if row[0].startswith("convolution ")} >= {"forward", "weights"}


@needs_compiler
def test_networks() -> None:
    rows = rows_of("networks")[2:]
    assert [row[0] for row in rows[:4]] == ["MNIST MLP", "MNIST CNN", "LSTM 8, 4 steps", "stacked LSTM"]
    assert all(int(row[3]) > 5 and row[4] == "0" for row in rows[:4])


@needs_compiler
def test_a_row_that_fails_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with device(emulated_device()):
        lines = list(gpu_figures.products(True))
    assert [line.split(" | ")[2] for line in lines[2:]] == ["DeviceError", "DeviceError"]
    assert "DeviceError: the library is not installed" in capsys.readouterr().err


@needs_compiler
def test_the_machine() -> None:
    with device(emulated_device()):
        [line] = gpu_figures.machine(True)
    assert "emulator, sm_90, cublas DeviceError, cudnn DeviceError" in line


def python(name: str, code: str, seconds: float = 60) -> Part:
    return Part(name, seconds, (sys.executable, "-c", code))


def test_parts_do_not_need_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_PATIENCE_SECONDS", 0.2)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gpu: begin -->\n<!-- gpu: end -->\nafter\n")
    late = "import time; print('first row', flush=True); time.sleep(60)"
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    chosen = [
        python("machine", "import os; print('a GPU', os.environ['GRAPHC_DEVICE'])"),
        python("bandwidth", "print('half'); raise SystemExit(3)"),
        Part("memcheck", 5, ("no such program",)),
        python("products", late, 1.0),
        python("networks", deaf, 1.0),
        python("peers", "print('peers')"),
    ]
    outcomes = gpu.run_parts(chosen, 100, tmp_path / "results", page)
    assert [o.told for o in outcomes] == [
        "done",
        "failed with status 3",
        "not started: [Errno 2] No such file or directory: 'no such program'",
        "out of time after 1 s",
        "out of time after 1 s",
        "done",
    ]
    text = page.read_text()
    assert text.startswith("before\n<!-- gpu: begin -->\n| part |") and text.endswith("<!-- gpu: end -->\nafter\n")
    for found in ("a GPU cuda", "half", "first row", "deaf", "peers"):
        assert f"\n{found}" in text
    assert (tmp_path / "results" / "products.txt").read_text() == "first row\n"
    assert (tmp_path / "results" / "summary.md").read_text() in text


def test_all_parts_share_the_time(tmp_path: Path) -> None:
    chosen = [python("machine", "import time; time.sleep(60)"), python("peers", "print('peers')")]
    outcomes = gpu.run_parts(chosen, 0.5, tmp_path, None)
    assert [o.told for o in outcomes] == ["out of time after 0 s", "no time was left"]


def test_the_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for code, status in (("pass", 0), ("raise SystemExit(1)", 1)):
        monkeypatch.setattr(gpu, "parts", lambda peers, results, code=code: [python("machine", code)])
        assert gpu.main(["--results", str(tmp_path)]) == status


def test_figures_go_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gpu: begin -->\nold\n<!-- gpu: end -->\nafter\n")
    gpu.insert("new", page)
    assert page.read_text() == "before\n<!-- gpu: begin -->\nnew\n<!-- gpu: end -->\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="has no marks"):
        gpu.insert("new", page)


def test_commands() -> None:
    commands = {part.name: part.command for part in gpu.parts(["jax=python"], Path("results"))}
    assert commands["tests"][-2:] == ("--device", "cuda")
    assert [commands[name][6] for name in ("memcheck", "racecheck")] == ["memcheck", "racecheck"]
    assert commands["peers"][-2:] == ("--peer", "jax=python")
    assert set(commands["peers"][2:-4]) <= set(CASES)
    for name in gpu_figures.FIGURES:
        assert commands[name][1:] == ("benchmarks/gpu_figures.py", name)
        assert (gpu.ROOT / commands[name][1]).exists()


def test_what_is_sanitized_is_there() -> None:
    for path in gpu.SANITIZED:
        assert (gpu.ROOT / path.partition("::")[0]).exists()


def test_what_kernels_take(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        Nvrtc("sm_90")
    except DeviceError as error:
        pytest.skip(str(error))
    monkeypatch.syspath_prepend(str(gpu.ROOT / "benchmarks"))
    script = importlib.import_module("kernel_resources")
    name, make, *_ = next(gpu_figures.models_of(quick=True))
    rows = list(script.rows_of(name, script.training_plan(make())))
    assert [row.split(" | ")[1] for row in rows] == list(script.ARCHITECTURES)
    assert all(row.endswith("| 0 (0 bytes) |") for row in rows)
