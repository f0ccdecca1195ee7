"""Everything that takes a GPU, in one go: the tests on it, the sanitizers, bandwidth, training steps.

    python benchmarks/gpu.py --into docs/performance.md
    python benchmarks/gpu.py --only figures --peer jax=PYTHON

Stages: `tests` (the whole suite with --device cuda), `sanitizers` (compute-sanitizer's memcheck and racecheck over the
registry, recurrences and epochs), `figures` (bandwidth, training steps and predictions with the number of kernels a
step, products by our kernels and by cuBLASLt), `peers` (`benchmarks/run.py` with JAX and PyTorch, compiled and not, on
the same GPU; --peer names their interpreters). A stage that fails makes the exit status 1; the others run all the same.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphc
from graphc import ops
from graphc.errors import DeviceError
from graphc.keras import applications, layers, models
from graphc.runtime import AnyDevice, current_device

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("tests", "sanitizers", "figures", "peers")
# Kernels of every op, a recurrence whose grid stays, and data that is sent beside the launches.
_SANITIZED = (
    "tests/ops/test_registry.py::test_compiled_function_means_the_same",
    "tests/schedule/test_scan.py",
    "tests/runtime/test_epoch.py",
)
_PEER_CASES = (
    "mlp_step",
    "housing_fit",
    "mnist_cnn_step",
    "lstm_stack",
    "lstm_words",
    "resnet50_step",
    "resnet50",
)
_MARKS = ("<!-- gpu: begin -->", "<!-- gpu: end -->")
_REPEATS = 7
# JAX would fall back to the CPU without a word.
_ENVIRONMENT = {"GRAPHC_DEVICE": "cuda", "JAX_PLATFORMS": "cuda"}


def seconds(run: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the median time of a call, which ends when its results are there; two calls warm up."""
    run(), run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def bandwidths(megabytes: float) -> Iterator[tuple[str, float]]:
    """Yield (what, bytes a second) of a copy, which is the measure of the others, and of programs bound by memory."""
    rows, columns = max(1, int(megabytes * 1e6 / 4 / 1024)), 1024
    x = graphc.state(np.ones((rows, columns), "float32"), "x")
    y = graphc.state(np.zeros((rows, columns), "float32"), "y")
    few, row = (graphc.state(np.zeros(n, "float32")) for n in (columns, rows))
    programs = {
        "copy": (y, x.node + 0.0, 2),
        "elementwise": (y, ops.tanh(x.node) * ops.sigmoid(x.node) + 1.0, 2),
        "softmax": (y, ops.softmax(x.node), 2),
        "sum of rows": (row, ops.sum(x.node, axis=1), 1),
        "sum of columns": (few, ops.sum(x.node, axis=0), 1),
    }
    for what, (state, value, passes) in programs.items():
        run = graphc.function([], [], [(state, value)])
        yield what, passes * rows * columns * 4 / seconds(run)


def products(quick: bool) -> Iterator[tuple[int, str, str]]:
    """Yield (size, speed of the generated kernel, of cuBLASLt)."""
    for size in (16, 24) if quick else (256, 512, 1024, 2048, 4096):
        cells = []
        for use in ("never", "always"):
            graphc.set_libraries(use)
            a, b, c = (graphc.state(np.ones((size, size), "float32"), name) for name in "abc")
            try:
                once = seconds(graphc.function([], [], [(c, ops.matmul(a.node, b.node))]))
                cells.append(f"{2e-12 * size**3 / once:.1f}")
            except DeviceError:
                cells.append("not installed")
        graphc.set_libraries("measure")
        yield size, cells[0], cells[1]


def networks(quick: bool) -> Iterator[tuple[str, Any, tuple[int, ...], int, int]]:
    """Yield (name, model, shape of an example, classes, batch size)."""
    width = 16 if quick else 512
    mlp = [layers.Dense(width, activation="relu", input_shape=(784,)), layers.Dense(10, activation="softmax")]
    yield "MNIST MLP", models.Sequential(mlp), (784,), 10, 128
    side, filters = (8, 4) if quick else (28, 32)
    cnn = [
        layers.Conv2D(filters, 3, activation="relu", input_shape=(side, side, 1)),
        layers.Conv2D(2 * filters, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(width // 4, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    yield "MNIST CNN", models.Sequential(cnn), (side, side, 1), 10, 128
    steps, units = (4, 8) if quick else (200, 128)
    lstm = [layers.LSTM(units, input_shape=(steps, 16)), layers.Dense(10, activation="softmax")]
    yield f"LSTM {units}, {steps} steps", models.Sequential(lstm), (steps, 16), 10, 32
    stacked = [
        layers.LSTM(units // 4, return_sequences=True, input_shape=(8, 16)),
        layers.LSTM(units // 4),
        layers.Dense(10, activation="softmax"),
    ]
    yield "stacked LSTM", models.Sequential(stacked), (8, 16), 10, 32
    if not quick:
        resnet = applications.ResNet50(weights=None, input_shape=(224, 224, 3), classes=1000)
        yield "ResNet50", resnet, (224, 224, 3), 1000, 32


def speeds(quick: bool) -> Iterator[tuple[str, float, float, int]]:
    """Yield (network, training steps a second within an epoch, predictions of a batch a second, kernels of a step)."""
    rng = np.random.default_rng(0)
    for name, model, shape, classes, batch in networks(quick):
        model.compile("rmsprop", "categorical_crossentropy")
        rows = batch * (2 if quick else 100)
        x = rng.standard_normal((rows, *shape)).astype("float32")
        y = np.eye(classes, dtype="float32")[rng.integers(0, classes, rows)]
        once = seconds(lambda x=x, y=y, m=model, b=batch: m.fit(x, y, b, epochs=1, verbose=0), 1 if quick else 3)  # type: ignore[misc]
        predicting = seconds(lambda x=x, m=model, b=batch: m.predict_on_batch(x[:b]), 1 if quick else _REPEATS)  # type: ignore[misc]
        yield name, rows / batch / once, 1 / predicting, started(model)


def started(model: Any) -> int:
    """Return how many kernels a training step starts, those around the plan left out."""
    program = model.train_function.executable(1)._program
    return max(len(binding.starts) for binding in program._bindings.values())


def figures(quick: bool = False) -> str:
    """Return the tables, as Markdown."""
    lines = [f"{_machine(current_device())}, {datetime.date.today().isoformat()}.", ""]
    lines += ["| program | GB/s | of a copy |", "|---|---:|---:|"]
    copy = 0.0
    for what, rate in bandwidths(0.1 if quick else 256):
        copy = copy or rate
        lines.append(f"| {what} | {rate / 1e9:.0f} | {100 * rate / copy:.0f} % |")
    lines += ["", "| network | training steps a second | predicted batches a second | kernels of a step |"]
    lines += ["|---|---:|---:|---:|"]
    lines += [f"| {name} | {rate:.0f} | {batches:.0f} | {count} |" for name, rate, batches, count in speeds(quick)]
    lines += ["", "| product, size squared | generated kernel, TFLOP/s | cuBLASLt, TFLOP/s |", "|---|---:|---:|"]
    lines += [f"| {size} | {own} | {library} |" for size, own, library in products(quick)]
    return "\n".join(lines)


def _machine(device: AnyDevice) -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    if shutil.which(query[0]) is None:
        return device.name
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip().replace("\n", "; ")


def insert(text: str, path: Path, marks: tuple[str, str] = _MARKS) -> None:
    """Put the tables between the page's marks."""
    page, (begin, end) = path.read_text(), marks
    found = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", page, flags=re.S)
    if found == page and begin not in page:
        raise SystemExit(f"{path} has no marks {begin} ... {end}")
    path.write_text(found)


def command(stage: str, peers: list[str]) -> list[list[str]]:
    """Return the commands of a stage that runs other programs."""
    pytest = [sys.executable, "-m", "pytest", "--device", "cuda"]
    match stage:
        case "tests":
            return [pytest]
        case "sanitizers":
            check = ["compute-sanitizer", "--error-exitcode", "9", "--target-processes", "all", "--tool"]
            return [[*check, tool, *pytest, "-x", *_SANITIZED] for tool in ("memcheck", "racecheck")]
        case _:
            given = [word for peer in peers for word in ("--peer", peer)]
            return [[sys.executable, "benchmarks/run.py", *_PEER_CASES, *given]]


def main(arguments: list[str]) -> int:
    """Run the stages; return 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=STAGES, action="append", help="a stage to run; may be repeated")
    parser.add_argument("--peer", action="append", default=[], help="passed on to benchmarks/run.py")
    parser.add_argument("--into", type=Path, help="page that gets the figures")
    options = parser.parse_args(arguments)
    failed = False
    for stage in options.only or STAGES:
        print(f"== {stage}", flush=True)
        if stage == "figures":
            graphc.set_device("cuda")
            text = figures()
            print(text, flush=True)
            if options.into is not None:
                insert(text, options.into)
            continue
        for words in command(stage, options.peer):
            done = subprocess.run(words, cwd=ROOT, env=os.environ | _ENVIRONMENT, check=False)
            failed |= done.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
