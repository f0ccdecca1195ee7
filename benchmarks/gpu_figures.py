"""Figures of one GPU, as Markdown: what `benchmarks/gpu.py` runs, each in a process of its own.

    GRAPHC_DEVICE=cuda python benchmarks/gpu_figures.py bandwidth

Figures: `machine` (GPU, driver, libraries, date), `bandwidth` (programs bound by memory, beside a copy), `products` and
`convolutions` (our kernels beside the library's), `networks` (training steps and predictions a second, kernels of a
step). Rows are printed when they are there; a row that fails says so and the others follow. What was chosen between
our kernels and a library is printed last.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import graphc
from graphc import ops, symbolic
from graphc.errors import GraphcError
from graphc.graph import Node, State
from graphc.keras import applications, layers, models
from graphc.runtime import Executable, current_device

_REPEATS, _LAUNCHES = 5, 10
_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "nvidia-cuda-nvrtc", "nvidia-cudnn-frontend")


def seconds(run: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the median time of a call, which ends when its results are there; two calls warm up."""
    run(), run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def device_seconds(program: Executable) -> float:
    """Return what the launches of a program without arguments take on the GPU, one replay after another."""
    for _ in range(2):
        program()
    [binding] = program._program._bindings.values()  # type: ignore[attr-defined]
    binding.run()
    device: Any = current_device()

    def replays() -> None:
        for _ in range(_LAUNCHES):
            binding.run()

    return min(device.seconds(replays) for _ in range(_REPEATS)) / _LAUNCHES


def tried(measure: Callable[[], str]) -> str:
    """Return a cell of a table: a measurement, or in a word why there is none."""
    try:
        return measure()
    except (GraphcError, MemoryError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return type(error).__name__


def machine(quick: bool) -> Iterator[str]:
    """Yield what the figures were measured on, and when."""
    device: Any = current_device()
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    found = device.model
    if shutil.which(query[0]) is not None:
        found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip().replace("\n", "; ")
    facts = [found, *device.fingerprint]
    for name in ("cublas", "cudnn"):
        facts.append(f"{name} {tried(lambda name=name: device.find_library(name))}")  # type: ignore[misc]
    for package in _PACKAGES:
        try:
            facts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    yield f"{', '.join(facts)}; {datetime.date.today().isoformat()}."


def bandwidth(quick: bool) -> Iterator[str]:
    """Yield bytes a second of a copy, which is the measure of the others, and of programs bound by memory."""
    rows, columns = 24 if quick else 65536, 1024
    x = graphc.state(np.ones((rows, columns), "float32"), "x")
    y = graphc.state(np.zeros((rows, columns), "float32"), "y")
    few, row = (graphc.state(np.zeros(n, "float32")) for n in (columns, rows))
    programs: dict[str, tuple[State, Node, int]] = {
        "copy": (y, x.node + 0.0, 2),
        "elementwise": (y, ops.tanh(x.node) * ops.sigmoid(x.node) + 1.0, 2),
        "softmax": (y, ops.softmax(x.node), 2),
        "sum of rows": (row, ops.sum(x.node, axis=1), 1),
        "sum of columns": (few, ops.sum(x.node, axis=0), 1),
    }
    yield "| program | GB/s | of a copy |"
    yield "|---|---:|---:|"
    copy = 0.0
    for what, (state, value, passes) in programs.items():
        rate = passes * rows * columns * 4 / device_seconds(graphc.function([], [], [(state, value)]))
        copy = copy or rate
        yield f"| {what} | {rate / 1e9:.0f} | {100 * rate / copy:.0f} % |"


def products(quick: bool) -> Iterator[str]:
    """Yield the speed of products by our kernel and by cuBLASLt, and what a program would choose."""
    yield "| product, size squared | ours, TFLOP/s | cuBLASLt, TFLOP/s | chosen |"
    yield "|---|---:|---:|---|"
    for size in (16, 24) if quick else (128, 256, 512, 1024, 2048, 4096):
        a, b = (graphc.state(np.ones((size, size), "float32"), name) for name in "ab")
        yield f"| {size} | {_ways(ops.matmul(a.node, b.node), 2 * size**3)} |"


# Of ResNet50's: side, channels in, channels out, size of a window, stride.
_CONVOLUTIONS = (
    (224, 3, 64, 7, 2),
    (56, 64, 64, 3, 1),
    (28, 128, 128, 3, 1),
    (14, 256, 256, 3, 1),
    (7, 512, 512, 3, 1),
)


def convolutions(quick: bool) -> Iterator[str]:
    """Yield the speed of a convolution, also with its gradients: ours, cuDNN's, and ours by Winograd's tiles."""
    yield "| convolution of 32 images | with | ours, TFLOP/s | cuDNN, TFLOP/s | chosen | by tiles, TFLOP/s |"
    yield "|---|---|---:|---:|---|---:|"
    for side, inside, outside, size, stride in ((6, 3, 5, 3, 1),) if quick else _CONVOLUTIONS:
        x = graphc.state(np.ones((2 if quick else 32, side, side, inside), "float32"), "x")
        w = graphc.state(np.ones((size, size, inside, outside), "float32"), "w")
        y = ops.convolution(x.node, w.node, strides=stride, padding="same")
        gradients = graphc.gradients(ops.sum(y * ops.tanh(y)), [x.node, w.node])
        work = 2 * math.prod(_shape(y)) * size * size * inside
        name = f"{side} x {side} x {inside} -> {outside}, {size} x {size}, stride {stride}"
        values = ((y, "", 1), (gradients[0], "gradient of images", 2), (gradients[1], "gradient of weights", 2))
        for value, what, times in values:
            with _without("use_winograd"):
                cells = _ways(value, times * work)
            yield f"| {name} | {what} | {cells} | {_speed(value, times * work, 'never')} |"


def _shape(n: Node) -> list[int]:
    return [symbolic.evaluate(d, {}) for d in n.shape]


@contextmanager
def _without(passes: str) -> Iterator[None]:
    """Compile without these passes."""
    before = os.environ.get("GRAPHC_DISABLE", "")
    os.environ["GRAPHC_DISABLE"] = passes
    try:
        yield
    finally:
        os.environ["GRAPHC_DISABLE"] = before


def _ways(value: Node, operations: int) -> str:
    """Return the cells of computing a value: the speed without libraries and with them, and what would be chosen."""
    return f"{_speed(value, operations, 'never')} | {_speed(value, operations, 'always')} | {_chosen(value)}"


def _speed(value: Node, operations: int, use: str) -> str:
    """Return the TFLOP/s of computing a value where libraries are used `always`, or `never`."""
    state = graphc.state(np.zeros(_shape(value), "float32"))
    graphc.set_libraries(use)
    try:
        return tried(lambda: f"{operations * 1e-12 / device_seconds(graphc.function([], [], [(state, value)])):.2f}")
    finally:
        graphc.set_libraries("measure")


def _chosen(value: Node) -> str:
    """Return what a program that computes a value takes where it chooses."""
    device: Any = current_device()
    state = graphc.state(np.zeros(_shape(value), "float32"))
    before = set(device.choices)

    def taken() -> str:
        graphc.function([], [], [(state, value)])()
        return ", ".join(dict.fromkeys(c.taken for facts, c in device.choices.items() if facts not in before)) or "-"

    return tried(taken)


def models_of(quick: bool) -> Iterator[tuple[str, Callable[[], Any], tuple[int, ...], int, int]]:
    """Yield (name, what makes the model, shape of an example, classes, batch size)."""
    width = 16 if quick else 512
    mlp = [layers.Dense(width, activation="relu", input_shape=(784,)), layers.Dense(10, activation="softmax")]
    yield "MNIST MLP", lambda: models.Sequential(mlp), (784,), 10, 128
    side, filters = (8, 4) if quick else (28, 32)
    cnn = [
        layers.Conv2D(filters, 3, activation="relu", input_shape=(side, side, 1)),
        layers.Conv2D(2 * filters, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(width // 4, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    yield "MNIST CNN", lambda: models.Sequential(cnn), (side, side, 1), 10, 128
    steps, units = (4, 8) if quick else (200, 128)
    lstm = [layers.LSTM(units, input_shape=(steps, 16)), layers.Dense(10, activation="softmax")]
    yield f"LSTM {units}, {steps} steps", lambda: models.Sequential(lstm), (steps, 16), 10, 32
    stacked = [
        layers.LSTM(units // 4, return_sequences=True, input_shape=(8, 16)),
        layers.LSTM(units // 4),
        layers.Dense(10, activation="softmax"),
    ]
    yield "stacked LSTM", lambda: models.Sequential(stacked), (8, 16), 10, 32
    if not quick:
        shape = (224, 224, 3)
        yield "ResNet50", lambda: applications.ResNet50(weights=None, input_shape=shape, classes=1000), shape, 1000, 32


def networks(quick: bool) -> Iterator[str]:
    """Yield training steps and predictions a second, and how many launches the one graph of a step has."""
    yield "| network | training steps a second | predicted batches a second | kernels of a step | a library's |"
    yield "|---|---:|---:|---:|---:|"
    for name, make, shape, classes, batch in models_of(quick):
        yield f"| {name} | {_network(make, shape, classes, batch, quick)} |"
        if name == "ResNet50":
            with _without("use_winograd"):
                yield f"| {name}, direct sums | {_network(make, shape, classes, batch, quick)} |"


def _network(make: Callable[[], Any], shape: tuple[int, ...], classes: int, batch: int, quick: bool) -> str:
    """Return the cells of a network."""
    rng = np.random.default_rng(0)
    rows = batch * (2 if quick else 10 if classes == 1000 else 100)
    x = rng.standard_normal((rows, *shape)).astype("float32")
    y = np.eye(classes, dtype="float32")[rng.integers(0, classes, rows)]

    def cells() -> str:
        model = make()
        model.compile("rmsprop", "categorical_crossentropy")
        once = seconds(lambda: model.fit(x, y, batch, epochs=1, verbose=0), 1 if quick else 3)
        predicting = seconds(lambda: model.predict_on_batch(x[:batch]), 1 if quick else _REPEATS)
        kernels, calls = started(model)
        return f"{rows / batch / once:.0f} | {1 / predicting:.0f} | {kernels} | {calls}"

    return tried(cells)


def started(model: Any) -> tuple[int, int]:
    """Return how many kernels a training step starts, those around the plan left out, and what libraries start."""
    program = model.train_function.executable(1)._program
    starts = max((binding.starts for binding in program._bindings.values()), key=len)
    kernels = sum(hasattr(call, "function") for call in starts)
    return kernels, len(starts) - kernels


def choices() -> Iterator[str]:
    """Yield what was chosen in this process, and what each way took where it was measured now."""
    device: Any = current_device()
    if not device.choices:
        return
    yield ""
    yield "| launch | taken | microseconds of each |"
    yield "|---|---|---|"
    for facts, choice in device.choices.items():
        times = ", ".join(f"{name} {time * 1e6:.1f}" for name, time in choice.seconds.items())
        yield f"| {facts.partition('; kernel')[0]} | {choice.taken} | {times} |"


FIGURES: dict[str, Callable[[bool], Iterator[str]]] = {
    "machine": machine,
    "bandwidth": bandwidth,
    "products": products,
    "convolutions": convolutions,
    "networks": networks,
}


def main(arguments: list[str]) -> int:
    """Print a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("--quick", action="store_true", help="tiny data: shows that it runs")
    options = parser.parse_args(arguments)
    for line in FIGURES[options.figure](options.quick):
        print(line, flush=True)
    for line in choices():
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
