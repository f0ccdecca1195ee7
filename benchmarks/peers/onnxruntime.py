"""ONNX Runtime: session.run, or ("binding") its run over bound memory, which copies nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from entry import Entry, Timed
from fresh import first_call_entry, import_entry
from onnx import helper, numpy_helper
from problems import NETWORKS, Network, sample


def model_of(network: Network, rows: int) -> bytes:
    """Return the network as an ONNX file."""
    nodes, constants, current = [], [], "x"
    for i, (kernel, bias) in enumerate(network.weights()):
        constants += [numpy_helper.from_array(kernel, f"kernel{i}"), numpy_helper.from_array(bias, f"bias{i}")]
        nodes.append(helper.make_node("Gemm", [current, f"kernel{i}", f"bias{i}"], [f"dense{i}"]))
        current = f"dense{i}"
        if i < len(network.widths) - 2:
            nodes.append(helper.make_node("Relu", [current], [f"relu{i}"]))
            current = f"relu{i}"
    nodes.append(helper.make_node("Softmax" if network.is_classifier else "Identity", [current], ["y"]))
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [rows, width])
        for name, width in (("x", network.widths[0]), ("y", network.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    text: bytes = model.SerializeToString()
    return text


def session_of(model: bytes, threads: int) -> Any:
    """Return a session with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _infer(network: Network, variant: str, threads: int) -> Entry:
    session, x = session_of(model_of(network, 1), threads), network.first_row()
    names = {"run": session.run, "feed": {"x": x}}
    check = sample(session.run(None, {"x": x})[0])
    if variant == "":
        return Entry(check, {"call": Timed("run(None, feed)", names)})
    result = np.zeros((1, network.widths[-1]), np.float32)
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", "cpu", 0, np.float32, result.shape, result.ctypes.data)
    names = {"run": session.run_with_iobinding, "binding": binding, "memory": (x, result)}
    return Entry(check, {"call": Timed("run(binding)", names)})


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("onnxruntime")
    if case == "first_call":
        return first_call_entry("onnxruntime", variant, threads, ("predict",))
    return _infer(NETWORKS[case](quick), variant, threads)


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the making of a session and its first run."""
    network = NETWORKS["first_call"](False)
    model, (x, _) = model_of(network, network.batch), network.data()
    return lambda: session_of(model, threads).run(None, {"x": x})
