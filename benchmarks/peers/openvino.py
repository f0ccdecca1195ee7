"""OpenVINO on the CPU, in float32, by an inference request that shares its memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from entry import Entry, Timed
from openvino import opset13 as opset
from problems import NETWORKS, Network, sample


def request_of(network: Network, rows: int, threads: int) -> Any:
    """Return an inference request of the network."""
    x = current = opset.parameter([rows, network.widths[0]], np.float32)
    for i, (kernel, bias) in enumerate(network.weights()):
        product = opset.matmul(current, opset.constant(kernel), False, False)
        current = opset.add(product, opset.constant(bias[None]))
        if i < len(network.widths) - 2:
            current = opset.relu(current)
    if network.is_classifier:
        current = opset.softmax(current, 1)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # else it picks bfloat16 where the processor has it
    }
    model = openvino.Core().compile_model(openvino.Model([current], [x], "network"), "CPU", settings)
    return model.create_infer_request()


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    network = NETWORKS[case](quick)
    request, x = request_of(network, 1, threads), network.first_row()
    names = {"infer": request.infer, "feed": {0: x}}
    text = "infer(feed, share_inputs=True, share_outputs=True)"
    return Entry(sample(request.infer({0: x})[0]), {"call": Timed(text, names)})
