"""Networks of `keras.applications` as lists of steps that every peer can follow. Standard library and NumPy only."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from problems import Array

Pads = tuple[tuple[int, int], tuple[int, int]]

# By case: the application and the size of its images.
APPLICATIONS = {
    "resnet50": ("ResNet50", 224),
    "vgg16": ("VGG16", 224),
    "mobilenet": ("MobileNet", 224),
    "inception_v3": ("InceptionV3", 299),
    "resnet50_step": ("ResNet50", 224),
}
# The cases that train a network.
TRAINED = ("resnet50_step",)
# The first steps of RMSprop change each weight by three times the rate, with the sign of its gradient: at larger rates
# the signs that rounding decides drive losses apart.
LEARNING_RATE = 1e-7
MOMENTUM = 0.99  # of the moving statistics, as Keras 2.2.4 has it


@dataclass(frozen=True)
class Step:
    """A layer: its class, the layers it reads, its options, its weights, and what pads its windows."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    options: dict[str, Any]
    weights: list[Any] = field(default_factory=list)
    pads: Pads = ((0, 0), (0, 0))

    @property
    def trained(self) -> list[Any]:
        """The weights that have gradients."""
        return self.weights[:-2] if self.kind == "BatchNormalization" else self.weights

    @property
    def moving(self) -> list[Any]:
        """The moving statistics."""
        return self.weights[len(self.trained) :]


class Builder(Protocol):
    """What a peer provides: each method takes and returns its own kind of values, images channels first.

    Kernels are (height, width, channels in, channels out), of depthwise convolutions (height, width, channels, 1).
    `flatten` gives the elements channels last; `pixel` makes rows images of one pixel; averages leave out the padding.
    """

    def convolution(self, x: Any, kernel: Array, strides: Sequence[int], pads: Pads, is_depthwise: bool) -> Any: ...
    def add_bias(self, x: Any, bias: Array) -> Any: ...
    def normalize(self, x: Any, scale: Array, shift: Array, mean: Array, variance: Array, epsilon: float) -> Any: ...
    def relu(self, x: Any, limit: float | None) -> Any: ...
    def pool(self, x: Any, is_max: bool, size: Sequence[int], strides: Sequence[int], pads: Pads) -> Any: ...
    def mean(self, x: Any) -> Any: ...
    def flatten(self, x: Any) -> Any: ...
    def pixel(self, x: Any) -> Any: ...
    def dense(self, x: Any, kernel: Array, bias: Array) -> Any: ...
    def softmax(self, x: Any) -> Any: ...
    def pad(self, x: Any, pads: Pads) -> Any: ...
    def add(self, xs: list[Any]) -> Any: ...
    def concatenate(self, xs: list[Any]) -> Any: ...


def batches(quick: bool) -> dict[str, int]:
    """Return the images of a call by the figures' names."""
    return {"batch 1": 1, "batch 8": 2 if quick else 8}


def images_of(size: int, batch: int) -> Array:
    """Return a batch of images, channels last."""
    return np.random.default_rng(11).standard_normal((batch, size, size, 3), np.float32)


def training_batch(steps: Sequence[Step], size: int, quick: bool) -> tuple[Array, Array]:
    """Return images and their classes one-hot: as many as a processor, or where there is one a GPU, trains on."""
    is_gpu = os.environ.get("GRAPHC_DEVICE", "cpu").startswith("cuda")
    images = images_of(size, 2 if quick else 32 if is_gpu else 8)
    classes = steps[-1].weights[-1].size
    return images, np.eye(classes, dtype=np.float32)[np.random.default_rng(13).integers(0, classes, len(images))]


def described(case: str, quick: bool) -> tuple[list[Step], int]:
    """Return a network's steps and the size of its images, from an interpreter that has graphc."""
    script = Path(__file__).with_name("image_models.py")
    command = [os.environ["BENCHMARK_PYTHON"], str(script), case, str(int(quick))]
    found: tuple[list[Step], int] = pickle.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def follow(steps: Sequence[Step], b: Builder, x: Any) -> Any:
    """Return what a peer makes of the steps, from its images to its classes."""
    values: dict[str, Any] = {}
    result = x
    for step in steps:
        inputs = [values[name] for name in step.inputs]
        result = values[step.name] = _one(step, b, inputs, x)
    return result


def _one(step: Step, b: Builder, inputs: list[Any], images: Any) -> Any:
    options, weights = step.options, step.weights
    match step.kind:
        case "InputLayer":
            return images
        case "Conv2D" | "DepthwiseConv2D":
            is_depthwise = step.kind != "Conv2D"
            y = b.convolution(inputs[0], weights[0], options["strides"], step.pads, is_depthwise)
            y = b.add_bias(y, weights[1]) if options["use_bias"] else y
            return _activated(y, b, options["activation"])
        case "BatchNormalization":
            rest = list(weights)
            scale = rest.pop(0) if options["scale"] else np.ones_like(weights[0])
            shift = rest.pop(0) if options["center"] else np.zeros_like(weights[0])
            mean, variance = rest
            return b.normalize(inputs[0], scale, shift, mean, variance, options["epsilon"])
        case "Activation":
            return _activated(inputs[0], b, options["activation"])
        case "ReLU":
            return b.relu(inputs[0], options["max_value"])
        case "ZeroPadding2D":
            return b.pad(inputs[0], options["padding"])
        case "MaxPooling2D" | "AveragePooling2D":
            return b.pool(inputs[0], step.kind == "MaxPooling2D", options["pool_size"], options["strides"], step.pads)
        case "GlobalAveragePooling2D":
            return b.mean(inputs[0])
        case "Flatten":
            return b.flatten(inputs[0])
        case "Dense":
            return _activated(b.dense(inputs[0], *weights), b, options["activation"])
        case "Add":
            return b.add(inputs)
        case "Concatenate":
            return b.concatenate(inputs)
        case "Dropout":
            return inputs[0]
        case "Reshape":
            # MobileNet's: to an image of one pixel and back.
            return b.flatten(inputs[0]) if len(options["target_shape"]) == 1 else b.pixel(inputs[0])
    raise ValueError(f"layer {step.name}: no peer knows {step.kind}")


def _activated(x: Any, b: Builder, activation: str | None) -> Any:
    match activation:
        case "relu":
            return b.relu(x, None)
        case "softmax":
            return b.softmax(x)
        case "linear" | None:
            return x
    raise ValueError(f"no peer knows the activation {activation}")
