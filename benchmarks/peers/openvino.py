"""OpenVINO on the CPU, in float32, by an inference request that shares its memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino
from entry import Entry, Timed
from image_networks import APPLICATIONS, Pads, batches, described, follow, images_of
from openvino import opset13 as opset
from problems import NETWORKS, Array, Network, sample


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
    return _compiled(current, x, threads)


def _compiled(result: Any, x: Any, threads: int) -> Any:
    """Return an inference request of what computes a result from an input."""
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # else it picks bfloat16 where the processor has it
    }
    model = openvino.Core().compile_model(openvino.Model([result], [x], "network"), "CPU", settings)
    return model.create_infer_request()


class _OpenVino:
    """Builds an OpenVINO graph; values are its nodes."""

    def convolution(self, x: Any, kernel: Array, strides: Sequence[int], pads: Pads, is_depthwise: bool) -> Any:
        ends = (list(strides), *_edges(pads), [1, 1])
        if is_depthwise:
            return opset.group_convolution(x, opset.constant(_whole(kernel.transpose(2, 3, 0, 1)[:, :, None])), *ends)
        return opset.convolution(x, opset.constant(_whole(kernel.transpose(3, 2, 0, 1))), *ends)

    def add_bias(self, x: Any, bias: Array) -> Any:
        return opset.add(x, opset.constant(bias.reshape(1, -1, 1, 1)))

    def normalize(self, x: Any, scale: Array, shift: Array, mean: Array, variance: Array, epsilon: float) -> Any:
        parts = [opset.constant(part) for part in (scale, shift, mean, variance)]
        return opset.batch_norm_inference(x, *parts, epsilon)

    def relu(self, x: Any, limit: float | None) -> Any:
        return opset.relu(x) if limit is None else opset.clamp(x, 0.0, float(limit))

    def pool(self, x: Any, is_max: bool, size: Sequence[int], strides: Sequence[int], pads: Pads) -> Any:
        if is_max:
            return opset.max_pool(x, list(strides), [1, 1], *_edges(pads), list(size)).output(0)
        return opset.avg_pool(x, list(strides), *_edges(pads), list(size), True)

    def mean(self, x: Any) -> Any:
        return opset.reduce_mean(x, opset.constant(np.array([2, 3])), False)

    def flatten(self, x: Any) -> Any:
        moved = opset.transpose(x, opset.constant(np.array([0, 2, 3, 1])))
        return opset.reshape(moved, opset.constant(np.array([0, -1])), True)

    def pixel(self, x: Any) -> Any:
        return opset.unsqueeze(x, opset.constant(np.array([2, 3])))

    def dense(self, x: Any, kernel: Array, bias: Array) -> Any:
        return opset.add(opset.matmul(x, opset.constant(kernel), False, False), opset.constant(bias[None]))

    def softmax(self, x: Any) -> Any:
        return opset.softmax(x, 1)

    def pad(self, x: Any, pads: Pads) -> Any:
        begin, end = (opset.constant(np.array([0, 0, *edge])) for edge in _edges(pads))
        return opset.pad(x, begin, end, "constant", opset.constant(np.float32(0)))

    def add(self, xs: list[Any]) -> Any:
        return opset.add(*xs)

    def concatenate(self, xs: list[Any]) -> Any:
        return opset.concat(xs, 1)


def _edges(pads: Pads) -> tuple[list[int], list[int]]:
    return [low for low, _ in pads], [high for _, high in pads]


def _whole(kernel: Array) -> Array:
    return np.ascontiguousarray(kernel)


def _infer_images(case: str, threads: int, quick: bool) -> Entry:
    steps, size = described(case, quick)
    figures, check = {}, []
    for figure, batch in batches(quick).items():
        images = np.ascontiguousarray(images_of(size, batch).transpose(0, 3, 1, 2))
        x = opset.parameter(list(images.shape), np.float32)
        request = _compiled(follow(steps, _OpenVino(), x), x, threads)
        check += sample(request.infer({0: images})[0])
        text = "infer(feed, share_inputs=True, share_outputs=True)"
        figures[figure] = Timed(text, {"infer": request.infer, "feed": {0: images}})
    return Entry(check, figures)


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case in APPLICATIONS:
        return _infer_images(case, threads, quick)
    network = NETWORKS[case](quick)
    request, x = request_of(network, 1, threads), network.first_row()
    names = {"infer": request.infer, "feed": {0: x}}
    text = "infer(feed, share_inputs=True, share_outputs=True)"
    return Entry(sample(request.infer({0: x})[0]), {"call": Timed(text, names)})
