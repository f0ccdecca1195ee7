"""What the architectures share: arguments, the image input, the ends of the network, small blocks of layers."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

from graphc.collector import without_collections
from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras import layers
from graphc.keras.applications.imagenet_utils import CLASSES, ImageShape, _obtain_input_shape
from graphc.keras.applications.pretrained import PretrainedFile, PretrainedWeights, find_pretrained
from graphc.keras.models import Model
from graphc.keras.utils.layer_utils import get_source_inputs
from graphc.keras.utils.location import located

P = ParamSpec("P")


def built_at_once(build: Callable[P, Model]) -> Callable[P, Model]:
    """Return the function that builds a model, without collections of cycles meanwhile: a sixth of its time."""

    @functools.wraps(build)
    def run(*args: P.args, **kwargs: P.kwargs) -> Model:
        with without_collections():
            return build(*args, **kwargs)

    return run


class Architecture:
    """The arguments of an architecture, checked; its image input; its end and its weights.

    `include_top`: whether the classifier of `classes` classes is part of the network. Without it, `pooling` "avg" or
    "max" makes a vector of the last images. `weights`: None for new ones, "imagenet", or the path of a file for
    `Model.load_weights`. `input_tensor`: a tensor to build on instead of a new input. `input_shape`: the images'
    shape without the batch; its sizes, where known, are at least `min_size`. `needs_sizes`: the sizes must be known.
    Raises GraphError or ShapeError (ValueErrors) for arguments out of these bounds.
    """

    def __init__(
        self,
        include_top: bool,
        weights: str | os.PathLike[str] | None,
        input_tensor: Any,
        input_shape: Sequence[int | None] | None,
        pooling: str | None,
        classes: int,
        *,
        default_size: int,
        min_size: int,
        needs_sizes: bool,
    ) -> None:
        self.include_top, self.pooling, self.classes = include_top, pooling, classes
        self.weights = weights if weights is None else os.fspath(weights)
        self.input_tensor = input_tensor
        self._check_arguments()
        self.input_shape: ImageShape = _obtain_input_shape(
            input_shape, default_size, min_size, K.image_data_format(), needs_sizes, self.weights
        )
        self._path = None if self.weights == "imagenet" else self.weights
        if input_tensor is None:
            self.image = layers.Input(shape=self.input_shape)
        elif K.is_keras_tensor(input_tensor):
            self.image = input_tensor
        else:
            self.image = layers.Input(tensor=input_tensor, shape=self.input_shape)

    def _check_arguments(self) -> None:
        is_known = self.weights in (None, "imagenet") or os.path.exists(self.weights or "")
        if not is_known:
            raise GraphError(
                located(f'`weights` must be None, "imagenet" or the path of a weights file; there is no {self.weights}')
            )
        if self.weights == "imagenet" and self.include_top and self.classes != CLASSES:
            raise GraphError(
                located(
                    f"ImageNet's weights with `include_top` are for {CLASSES} classes, not `classes={self.classes}`"
                )
            )
        if self.pooling not in (None, "avg", "max"):
            raise GraphError(located(f'`pooling` must be None, "avg" or "max", not {self.pooling!r}'))

    @property
    def space(self) -> ImageShape:
        """The rows and columns of the images."""
        return self.input_shape[1:] if channel_axis() == 1 else self.input_shape[:-1]

    def find_weights(self, pretrained: PretrainedWeights | None) -> None:
        """Find the file of ImageNet's weights, if they are asked for. Raises GraphError where there is none."""
        if self.weights != "imagenet":
            return
        if pretrained is None:
            raise GraphError(
                located("There are no weights for ImageNet of this variant: give `weights=None` or a path")
            )
        file: PretrainedFile = pretrained.whole if self.include_top else pretrained.no_top
        self._path = str(find_pretrained("The weights for ImageNet", file))

    def classified(self, x: Any, name: str, pool_name: str | None = None) -> Any:
        """Return the classes' probabilities from the mean of each channel; without the top, `self.pooled(x)`."""
        if not self.include_top:
            return self.pooled(x)
        x = layers.GlobalAveragePooling2D(name=pool_name)(x)
        return layers.Dense(self.classes, activation="softmax", name=name)(x)

    def pooled(self, x: Any, name: str | None = None) -> Any:
        """Return a network's end without its top: the images, or one number a channel."""
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name=name and f"avg_{name}")(x)
        if self.pooling == "max":
            return layers.GlobalMaxPooling2D(name=name and f"max_{name}")(x)
        return x

    def model(self, outputs: Any, name: str) -> Model:
        """Return the model from everything that the images depend on to `outputs`, its weights loaded."""
        inputs = self.image if self.input_tensor is None else get_source_inputs(self.input_tensor)
        model = Model(inputs, outputs, name=name)
        if self._path is not None:
            model.load_weights(self._path)
        return model


def channel_axis() -> int:
    """Return the axis of the channels of a batch of images."""
    return 1 if K.image_data_format() == "channels_first" else -1


def channels(x: Any) -> int:
    """Return the number of channels of a batch of images."""
    count = K.int_shape(x)[channel_axis()]
    assert count is not None, "layers before this one have fixed the number of channels"
    return int(count)


def halving_pads(x: Any, size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the pads with which a "valid" window of `size` by strides of 2 gives what "same" does.

    For sizes that are not known, those of even ones.
    """
    shape = K.int_shape(x)
    rows, columns = shape[2:] if channel_axis() == 1 else shape[1:3]
    half = size // 2
    before = [half - 1 if length is None else half - 1 + length % 2 for length in (rows, columns)]
    return (before[0], half), (before[1], half)
