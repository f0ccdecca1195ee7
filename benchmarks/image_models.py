"""Networks of `keras.applications` as graphc's Keras has them, with random weights; as a script, pickled as steps.

python benchmarks/image_models.py CASE QUICK
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from image_networks import APPLICATIONS, Pads, Step
from problems import Array

from graphc import keras


def model_of(case: str, quick: bool) -> Any:
    """Return the model with its weights: small numbers of the size that keeps signals as they are.

    Its images are in the order of axes that Keras is set to.
    """
    name, size = APPLICATIONS[case]
    if quick:
        size = 128 if case == "mobilenet" else 96
    options: dict[str, Any] = {"classes": 10} if quick else {}
    options["input_shape"] = ordered((size, size, 3))
    model = getattr(keras.applications, name)(weights=None, **options)
    random = np.random.default_rng(7)
    for layer in model.layers:
        weights = [_weight(random, value.shape, w.name) for w, value in zip(layer.weights, layer.get_weights())]
        if weights:
            layer.set_weights(weights)
    return model


def ordered(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a row (an image: channels last) in the order of axes that Keras is set to."""
    is_first = len(shape) == 3 and keras.backend.image_data_format() == "channels_first"
    return (shape[-1], *shape[:-1]) if is_first else shape


def _weight(random: np.random.Generator, shape: tuple[int, ...], name: str) -> Array:
    if len(shape) > 1:
        inputs = shape[0] * shape[1] * (1 if "depthwise" in name else shape[2]) if len(shape) == 4 else shape[0]
        return random.standard_normal(shape, np.float32) * np.float32((1.5 / inputs) ** 0.5)
    if "gamma" in name or "variance" in name:
        return random.uniform(0.8, 1.2, shape).astype(np.float32)
    return random.standard_normal(shape, np.float32) * np.float32(0.1)


def steps_of(model: Any) -> list[Step]:
    """Return a model's layers as steps, in order."""
    steps = []
    for layer in model.layers:
        sources = layer._inbound_nodes[0].inbound_layers
        options = layer.get_config()
        pads: Pads = ((0, 0), (0, 0))
        if options.get("padding") == "same":
            window = options.get("kernel_size") or options["pool_size"]
            pads = _same(layer.input_shape[1:3], window, options["strides"])
        inputs = tuple(source.name for source in sources)
        steps.append(Step(type(layer).__name__, layer.name, inputs, options, layer.get_weights(), pads))
    return steps


def _same(space: Sequence[int], window: Sequence[int], strides: Sequence[int]) -> Pads:
    totals = [max((-(-d // s) - 1) * s + w - d, 0) for d, w, s in zip(space, window, strides)]
    return tuple((total // 2, total - total // 2) for total in totals)  # type: ignore[return-value]


def main(arguments: list[str]) -> None:
    """Write the pickled steps of a case, and the size of its images, on the standard output."""
    case, quick = arguments
    model = model_of(case, bool(int(quick)))
    pickle.dump((steps_of(model), model.input_shape[1]), sys.stdout.buffer, protocol=5)


if __name__ == "__main__":
    main(sys.argv[1:])
