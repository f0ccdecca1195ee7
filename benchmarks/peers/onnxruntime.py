"""ONNX Runtime: session.run, or ("binding") its run over bound memory, which copies nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from entry import Entry, Timed
from fresh import first_call_entry, import_entry
from image_networks import APPLICATIONS, Pads, Step, batches, described, follow, images_of
from onnx import helper, numpy_helper
from problems import NETWORKS, Array, Network, sample
from recurrent_networks import RECURRENT

from peers import recurrent_onnxruntime


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


class _Onnx:
    """Builds an ONNX graph; values are names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def _node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(self, x: str, kernel: Array, strides: Sequence[int], pads: Pads, is_depthwise: bool) -> str:
        groups = kernel.shape[2] if is_depthwise else 1
        order = (2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1)
        inputs = [x, self._constant(kernel.transpose(order))]
        return self._node("Conv", inputs, strides=list(strides), pads=_edges(pads), group=groups)

    def add_bias(self, x: str, bias: Array) -> str:
        return self._node("Add", [x, self._constant(bias.reshape(1, -1, 1, 1))])

    def normalize(self, x: str, scale: Array, shift: Array, mean: Array, variance: Array, epsilon: float) -> str:
        parts = [self._constant(part) for part in (scale, shift, mean, variance)]
        return self._node("BatchNormalization", [x, *parts], epsilon=epsilon)

    def relu(self, x: str, limit: float | None) -> str:
        if limit is None:
            return self._node("Relu", [x])
        return self._node("Clip", [x, *(self._constant(np.float32(bound)) for bound in (0, limit))])

    def pool(self, x: str, is_max: bool, size: Sequence[int], strides: Sequence[int], pads: Pads) -> str:
        options = {"kernel_shape": list(size), "strides": list(strides), "pads": _edges(pads)}
        return self._node("MaxPool" if is_max else "AveragePool", [x], **options)

    def mean(self, x: str) -> str:
        return self._node("Flatten", [self._node("GlobalAveragePool", [x])])

    def flatten(self, x: str) -> str:
        return self._node("Flatten", [self._node("Transpose", [x], perm=[0, 2, 3, 1])])

    def pixel(self, x: str) -> str:
        return self._node("Unsqueeze", [x, self._constant(np.array([2, 3]))])

    def dense(self, x: str, kernel: Array, bias: Array) -> str:
        return self._node("Gemm", [x, self._constant(kernel), self._constant(bias)])

    def softmax(self, x: str) -> str:
        return self._node("Softmax", [x], axis=1)

    def pad(self, x: str, pads: Pads) -> str:
        edges = [0, 0, pads[0][0], pads[1][0], 0, 0, pads[0][1], pads[1][1]]
        return self._node("Pad", [x, self._constant(np.array(edges))])

    def add(self, xs: list[str]) -> str:
        return self._node("Add", xs)

    def concatenate(self, xs: list[str]) -> str:
        return self._node("Concat", xs, axis=1)


def _edges(pads: Pads) -> list[int]:
    return [pads[0][0], pads[1][0], pads[0][1], pads[1][1]]


def _image_session(steps: Sequence[Step], images: Array, threads: int) -> Any:
    b = _Onnx()
    result = follow(steps, b, "x")
    ends = [
        helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, images.shape),
        helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(b.nodes, "network", ends[:1], ends[1:], b.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return session_of(made.SerializeToString(), threads)


def _infer_images(case: str, threads: int, quick: bool) -> Entry:
    steps, size = described(case, quick)
    figures, check = {}, []
    for figure, batch in batches(quick).items():
        images = np.ascontiguousarray(images_of(size, batch).transpose(0, 3, 1, 2))
        session = _image_session(steps, images, threads)
        check += sample(session.run(None, {"x": images})[0])
        figures[figure] = Timed("run(None, feed)", {"run": session.run, "feed": {"x": images}})
    return Entry(check, figures)


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("onnxruntime")
    if case == "first_call":
        return first_call_entry("onnxruntime", variant, threads, ("predict",))
    if case in RECURRENT:
        recurrent = RECURRENT[case](quick)
        session = session_of(recurrent_onnxruntime.model_of(recurrent, 1), threads)
        return recurrent_onnxruntime.prepare(recurrent, session, variant)
    if case in APPLICATIONS:
        return _infer_images(case, threads, quick)
    return _infer(NETWORKS[case](quick), variant, threads)


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the making of a session and its first run."""
    network = NETWORKS["first_call"](False)
    model, (x, _) = model_of(network, network.batch), network.data()
    return lambda: session_of(model, threads).run(None, {"x": x})
