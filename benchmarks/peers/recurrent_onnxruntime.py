"""Recurrent networks by ONNX Runtime: its LSTM operator, on one row of words."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from entry import Entry, Timed
from onnx import helper, numpy_helper
from problems import Array, sample
from recurrent_networks import RecurrentNetwork


def model_of(network: RecurrentNetwork, rows: int) -> bytes:
    """Return the network as an ONNX file; gates stand in the order input, output, forget, cell."""
    [(kernel, recurrent, bias)] = network.layer_weights()
    dense, dense_bias = network.dense_weights()

    def gates(columns: Array) -> Array:
        i, f, g, o = np.split(columns, 4, -1)
        return np.ascontiguousarray(np.concatenate([i, o, f, g], -1).T)

    both = np.concatenate([gates(bias), np.zeros_like(bias)])
    constants = {
        "words": network.embedding(), "W": gates(kernel)[None], "R": gates(recurrent)[None], "B": both[None],
        "kernel": dense, "bias": dense_bias, "axis": np.array([0]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["words", "x"], ["embedded"]),
        helper.make_node("Transpose", ["embedded"], ["steps"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["steps", "W", "R", "B"], ["", "last"], hidden_size=network.units[0]),
        helper.make_node("Squeeze", ["last", "axis"], ["state"]),
        helper.make_node("Gemm", ["state", "kernel", "bias"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info("x", onnx.TensorProto.INT32, [rows, network.length]),
        helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [rows, network.classes]),
    ]
    given = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    text: bytes = model.SerializeToString()
    return text


def prepare(network: RecurrentNetwork, session: Any, variant: str) -> Entry:
    """Return the entry of the case of one row."""
    x = network.inputs(1)
    check = sample(session.run(None, {"x": x})[0])
    if variant == "":
        return Entry(check, {"call": Timed("run(None, feed)", {"run": session.run, "feed": {"x": x}})})
    result = np.zeros((1, network.classes), np.float32)
    binding = session.io_binding()
    binding.bind_input("x", "cpu", 0, np.int32, x.shape, x.ctypes.data)
    binding.bind_output("y", "cpu", 0, np.float32, result.shape, result.ctypes.data)
    names = {"run": session.run_with_iobinding, "binding": binding, "memory": (x, result)}
    return Entry(check, {"call": Timed("run(binding)", names)})
