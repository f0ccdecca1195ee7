"""Convolutions of torch and ONNX Runtime, timed for `convolution.py` in an interpreter of their own.

    PYTHON convolution_peers.py THREADS

Reads lines of JSON: {"shape": [n, h, w, channels in, channels out, kernel, stride, padding], "direction": ...} prepares
a case and is answered with the names of its contenders; {"name": ..., "seconds": ...} is answered with seconds a call.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Contenders = dict[str, Callable[[], object]]


def torch_contenders(shape: list[int], direction: str, threads: int) -> Contenders:
    """Return torch's convolution in both memory formats."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    n, h, w, before, after, kernel, stride, padding = shape
    x = torch.rand(n, before, h, w) - 0.5
    weights = torch.rand(after, before, kernel, kernel) - 0.5
    y = torch.nn.functional.conv2d(x, weights, None, stride, padding)
    wanted = [direction == "data gradient", direction == "weight gradient", False]

    def run(x: Any, y: Any, weights: Any) -> Callable[[], object]:
        if direction == "forward":
            return lambda: torch.nn.functional.conv2d(x, weights, None, stride, padding)
        backward, pair = torch.ops.aten.convolution_backward, [stride, stride]
        edge = [padding, padding]
        return lambda: backward(y, x, weights, None, pair, edge, [1, 1], False, [0, 0], 1, wanted)

    last = [a.contiguous(memory_format=torch.channels_last) for a in (x, y, weights)]
    return {"torch": run(x, y, weights), "torch channels last": run(*last)}


def onnxruntime_contenders(shape: list[int], direction: str, threads: int) -> Contenders:
    """Return ONNX Runtime's convolution with constant weights; it has no gradients."""
    onnx, onnxruntime = importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    if direction != "forward":
        return {}
    n, h, w, before, after, kernel, stride, padding = shape
    random_numbers = np.random.default_rng(0)
    x: Array = random_numbers.random((n, before, h, w), np.float32) - 0.5
    weights: Array = random_numbers.random((after, before, kernel, kernel), np.float32) - 0.5
    helper = onnx.helper
    ends = [helper.make_tensor_value_info(name, 1, [None] * 4) for name in "xy"]
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[stride] * 2, pads=[padding] * 4)
    constants = [onnx.numpy_helper.from_array(weights, "w")]
    graph = helper.make_graph([node], "convolution", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return {"onnxruntime": lambda: session.run(None, {"x": x})}


def seconds_each(run: Callable[[], object], budget: float, threads: int) -> float:
    """Return the seconds of a call, over about `budget` seconds: of processor time on one thread, else elapsed."""
    clock = time.process_time if threads == 1 else time.perf_counter
    start, count = clock(), 0
    while count == 0 or clock() - start < budget:
        run()
        count += 1
    return (clock() - start) / count


def main(threads: int) -> None:
    """Serve until the end of the input."""
    contenders: Contenders = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "name" in request:
            answer: Any = seconds_each(contenders[request["name"]], request["seconds"], threads)
        else:
            contenders = {}
            for prepare in (torch_contenders, onnxruntime_contenders):
                with contextlib.suppress(ImportError):
                    contenders |= prepare(request["shape"], request["direction"], threads)
            answer = list(contenders)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
