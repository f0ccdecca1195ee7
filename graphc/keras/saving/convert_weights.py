"""Weights of one layer as a file has them, turned into what the layer holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.keras import backend as K
from graphc.keras.saving.convert_recurrent import convert_cudnn, stack_gates
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.report import LoadReport
from graphc.keras.utils.conv_utils import convert_kernel

Array = np.ndarray[Any, Any]

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D")
_RECURRENT = ("LSTM", "CuDNNLSTM", "GRU", "CuDNNGRU")


@dataclass(frozen=True)
class Origin:
    """Where a file comes from: Keras's major version (0: not known), and the backend it ran on (None: not known)."""

    version: int = 2
    backend: str | None = None
    report: LoadReport = field(default_factory=LoadReport)

    @property
    def is_keras_1(self) -> bool:
        """Whether the layouts are those of Keras 1."""
        return self.version == 1

    @property
    def flips_kernels(self) -> bool:
        """Whether the backend convolves with reversed kernels, where ours and TensorFlow's correlate."""
        return self.backend == "theano"


def preprocess_weights_for_loading(
    layer: Any,
    weights: Sequence[Array],
    original_keras_version: str | None = None,
    original_backend: str | None = None,
    reshape: bool = False,
) -> list[Array]:
    """Return the weights of a file in the layouts of `layer`.

    `original_keras_version` is "1" for layouts of Keras 1; `original_backend` "theano" for kernels to be flipped;
    with `reshape`, a convolution kernel of the right number of values takes the layer's shape.
    Raises ValueError where they cannot fit.
    """
    origin = Origin(1 if original_keras_version == "1" else 2, original_backend)
    return convert_weights(layer, weights, origin, reshape)


def convert_weights(layer: Any, weights: Sequence[Array], origin: Origin, reshape: bool = False) -> list[Array]:
    """Return the weights of a file in the layouts of `layer`, telling the origin's report of each change.

    Nested layers and models are converted part by part. Raises ModelFileError where a conversion is not possible.
    """
    if hasattr(layer, "forward_layer") and hasattr(layer, "backward_layer"):
        half = len(weights) // 2
        return [
            *convert_weights(layer.forward_layer, weights[:half], origin),
            *convert_weights(layer.backward_layer, weights[half:], origin),
        ]
    if hasattr(layer, "_is_graph_network"):
        return _convert_model(layer, weights, origin)
    if hasattr(layer, "layer"):
        return convert_weights(layer.layer, weights, origin)
    found = list(weights)
    class_name = type(layer).__name__
    if origin.is_keras_1:
        found = _convert_keras_1(layer, class_name, found, origin.report)
    if class_name in _CONVOLUTIONS and found:
        found = _convert_kernels(layer, class_name, found, origin, reshape)
    if class_name in _RECURRENT:
        converted = convert_cudnn(found, class_name, getattr(layer, "reset_after", False))
        if any(a is not b for a, b in zip(converted, found)):
            origin.report.add(f"{layer.name}: weights converted between the layouts of cuDNN and {class_name}")
        found = converted
    return found


def _convert_model(model: Any, weights: Sequence[Array], origin: Origin) -> list[Array]:
    """Convert the weights of a nested model: a file has all trainable ones first, then the others."""
    rest = list(weights)
    parts: dict[tuple[int, bool], list[Array]] = {}
    for is_trainable in (True, False):
        for i, layer in enumerate(model.layers):
            trainable = {id(w) for w in layer.trainable_weights}
            count = sum((id(w) in trainable) == is_trainable for w in layer.weights)
            parts[i, is_trainable], rest = rest[:count], rest[count:]
    for i, layer in enumerate(model.layers):
        first = parts[i, True]
        converted = convert_weights(layer, [*first, *parts[i, False]], origin)
        parts[i, True], parts[i, False] = converted[: len(first)], converted[len(first) :]
    return [w for is_trainable in (True, False) for i in range(len(model.layers)) for w in parts[i, is_trainable]]


def _convert_keras_1(layer: Any, class_name: str, weights: list[Array], report: LoadReport) -> list[Array]:
    """Return Keras 1's weights in the layouts of Keras 2 (before kernels are flipped)."""
    if class_name in ("GRU", "LSTM", "ConvLSTM2D") and len(weights) in (9, 12):
        if class_name == "ConvLSTM2D" and layer.data_format == "channels_first":
            expected: tuple[Any, ...] = tuple(K.int_shape(layer.weights[0]))
            if weights[0].shape != (*expected[:3], expected[3] // 4):
                weights = [np.transpose(w, (2, 3, 1, 0)) if w.ndim == 4 else w for w in weights]
        report.add(f"{layer.name}: {len(weights)} arrays, one a gate, stacked into 3 in the gate order of Keras 2")
        return stack_gates(weights, class_name)
    axes = _keras_1_axes(layer, class_name, weights)
    if axes is not None:
        report.add(f"{layer.name}: kernel of shape {weights[0].shape} transposed from the layout of Keras 1")
        kernels = 2 if class_name == "SeparableConv2D" else 1
        weights = [np.transpose(w, axes) if i < kernels else w for i, w in enumerate(weights)]
    if class_name == "Conv1D" and weights and weights[0].ndim == 4:
        weights = [weights[0][:, 0], *weights[1:]]
    return weights


def _keras_1_axes(layer: Any, class_name: str, weights: list[Array]) -> tuple[int, ...] | None:
    """Return how to transpose the kernel of a Keras 1 convolution, None where it stays."""
    is_th = getattr(layer, "data_format", None) == "channels_first"
    if class_name == "Conv1D":
        shape = weights[0].shape
        is_current = shape[:2] == (layer.kernel_size[0], 1) and shape[3:] == (layer.filters,)
        return None if is_current or len(shape) != 4 else (2, 3, 1, 0)
    if class_name in ("Conv2D", "SeparableConv2D") and is_th:
        return (2, 3, 1, 0)
    if class_name == "Conv2DTranspose":
        return (2, 3, 0, 1) if is_th else (0, 1, 3, 2)
    if class_name == "Conv3D" and is_th:
        return (2, 3, 4, 1, 0)
    return None


def flipped_kernels(layer: Any) -> list[Any]:
    """Return the weights of a layer or model that are flipped when they come from a backend that convolves."""
    if hasattr(layer, "forward_layer") and hasattr(layer, "backward_layer"):
        return [*flipped_kernels(layer.forward_layer), *flipped_kernels(layer.backward_layer)]
    if hasattr(layer, "_is_graph_network"):
        return [kernel for below in layer.layers for kernel in flipped_kernels(below)]
    if hasattr(layer, "layer"):
        return flipped_kernels(layer.layer)
    class_name = type(layer).__name__
    return list(layer.weights[: _kernel_count(class_name)]) if class_name in _CONVOLUTIONS else []


def _kernel_count(class_name: str) -> int:
    return 2 if class_name == "ConvLSTM2D" else 1


def _convert_kernels(layer: Any, class_name: str, weights: list[Array], origin: Origin, reshape: bool) -> list[Array]:
    kernels = _kernel_count(class_name)
    if origin.flips_kernels:
        weights = [convert_kernel(w) if i < kernels else w for i, w in enumerate(weights)]
        origin.report.add(f"{layer.name}: kernel rotated by 180 degrees, as Theano convolves and does not correlate")
    expected: tuple[Any, ...] = tuple(K.int_shape(layer.weights[0]))
    if weights[0].shape == expected:
        return weights
    if reshape:
        if weights[0].size != math.prod(expected):
            raise ModelFileError(
                f"Weights must be of equal size to apply a reshape operation. Layer {layer.name}'s weights have shape "
                f"{expected} and size {math.prod(expected)}. The weights for loading have shape {weights[0].shape} "
                f"and size {weights[0].size}."
            )
        return [weights[0].reshape(expected), *weights[1:]]
    if weights[0].ndim == 4:
        # Files between Keras 1 and 2 have (filters, channels, rows, columns) kernels under the name of Keras 2.
        turned = [np.transpose(w, (3, 2, 0, 1)) if i < kernels else w for i, w in enumerate(weights)]
        if turned[0].shape == expected:
            origin.report.add(f"{layer.name}: kernel of shape {weights[0].shape} transposed to {expected}")
            return turned
    return weights


def origin_of(version: str | None, backend: str | None, weight_names: Sequence[str], report: LoadReport) -> Origin:
    """Return the origin that a file's version, backend and names of weights tell.

    Keras 1 wrote no backend; but its variables on TensorFlow had names that end in `:0`, and on Theano none had.
    """
    major = int(version.split(".")[0]) if version and version.split(".")[0].isdigit() else 1
    if backend is None and major == 1 and weight_names:
        backend = "tensorflow" if any(name.endswith(":0") for name in weight_names) else "theano"
        report.add(f"the file is of Keras 1 on {backend}, as the names of its weights tell")
    return Origin(major, backend, report)
