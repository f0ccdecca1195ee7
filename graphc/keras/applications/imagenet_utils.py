"""ImageNet's conventions: how pixels are scaled, what the classes are called, which sizes a network takes."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.applications.pretrained import PretrainedFile, find_pretrained
from graphc.keras.utils.location import located

ImageShape = tuple[int | None, ...]

CLASSES = 1000
# Of ImageNet's red, green and blue for pixels in [0, 1]; of its blue, green and red for pixels in [0, 255].
_TORCH_MEAN, _TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_CLASS_INDEX = PretrainedFile(
    "imagenet_class_index.json",
    "https://s3.amazonaws.com/deep-learning-models/image-models/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Return images, (batch, ...) or a single one, of RGB pixels in [0, 255], scaled as a network was trained on them.

    `mode`: "tf" scales to [-1, 1]; "torch" scales to [0, 1] and gives each channel ImageNet's mean 0 and deviation 1;
    "caffe" turns RGB into BGR and gives each channel ImageNet's mean 0, unscaled. An array of floats is overwritten;
    one of integers becomes `K.floatx()`; a tensor gives a tensor. Raises ShapeError (a ValueError) for an unknown mode
    or data format, and for what are no images of three channels.
    """
    data_format = K.normalize_data_format(data_format)
    if mode not in ("caffe", "tf", "torch"):
        raise ShapeError(located(f'preprocess_input has no mode {mode!r}; it has "caffe", "tf" and "torch"'))
    x = as_floats(x)
    if mode == "tf":
        x /= 127.5
        x -= 1.0
        return x
    axis = _channel_axis(x, data_format)
    if mode == "torch":
        x /= 255.0
        x -= _per_channel(_TORCH_MEAN, x, axis)
        x /= _per_channel(_TORCH_STD, x, axis)
        return x
    if isinstance(x, np.ndarray):
        x = np.flip(x, axis)
    else:
        x = K.reverse(x, axis)
    x -= _per_channel(_CAFFE_MEAN, x, axis)
    return x


def as_floats(x: Any) -> Any:
    """Return an array or tensor of floats as it is, one of integers as `K.floatx()`."""
    is_array = isinstance(x, np.ndarray)
    if np.issubdtype(x.dtype if is_array else K.dtype(x), np.floating):
        return x
    return x.astype(K.floatx()) if is_array else K.cast(x, K.floatx())


def _channel_axis(x: Any, data_format: str) -> int:
    shape = x.shape if isinstance(x, np.ndarray) else K.int_shape(x)
    axis = -3 if data_format == "channels_first" else -1
    if len(shape) not in (3, 4) or shape[axis] not in (3, None):
        raise ShapeError(
            located(f"preprocess_input takes images of three channels, {data_format}, not the shape {tuple(shape)}")
        )
    return len(shape) + axis


def _per_channel(values: Sequence[float], x: Any, axis: int) -> Any:
    is_array = isinstance(x, np.ndarray)
    dtype = x.dtype if is_array else K.dtype(x)
    aligned = np.reshape(np.asarray(values, dtype), [3] + [1] * ((x.ndim if is_array else K.ndim(x)) - 1 - axis))
    return aligned if is_array else K.constant(aligned, dtype)


def decode_predictions(preds: Any, top: int = 5, path: str | Path | None = None) -> list[list[tuple[str, str, Any]]]:
    """Return for each row of class scores (samples, 1000) its `top` best as (WordNet id, name, score), best first.

    The classes' names come from the JSON file at `path`, by default Keras's `models/imagenet_class_index.json` in its
    cache, {"0": [id, name], ...}. Raises ShapeError (a ValueError) for another shape, and DataFileError where the file
    is neither there nor on the network.
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise ShapeError(
            located(f"`decode_predictions` expects a batch of predictions, (samples, {CLASSES}), not {scores.shape}")
        )
    index = _read_class_index(str(path or find_pretrained("The names of ImageNet's classes", _CLASS_INDEX)))
    best = np.argsort(scores, axis=1)[:, ::-1][:, : max(top, 0)]
    return [[(*index[i], row[i]) for i in order] for row, order in zip(scores, best)]


@functools.cache
def _read_class_index(path: str) -> list[tuple[str, str]]:
    read = json.loads(Path(path).expanduser().read_text())
    try:
        return [(str(read[str(i)][0]), str(read[str(i)][1])) for i in range(CLASSES)]
    except (KeyError, IndexError, TypeError) as error:
        raise ShapeError(located(f'{path} does not name {CLASSES} classes as {{"0": [id, name], ...}}')) from error


def _obtain_input_shape(
    input_shape: Sequence[int | None] | None,
    default_size: int,
    min_size: int,
    data_format: str,
    require_flatten: bool,
    weights: str | None = None,
) -> ImageShape:
    """Return the shape of a network's images: the one given, if it will do, else the default.

    `require_flatten`: the sizes must be known; otherwise rows and columns of the default are None. With ImageNet's
    weights there are three channels, and with `require_flatten` the default size. Raises ShapeError (a ValueError).
    """
    given: ImageShape | None = None if not input_shape else tuple(input_shape)
    is_first, is_imagenet = data_format == "channels_first", weights == "imagenet"
    axis = 0 if is_first else -1
    channels = 3 if given is None or is_imagenet or len(given) != 3 else given[axis]
    if channels not in (1, 3):
        warnings.warn(f"This network is made for images of 1 or 3 channels; `input_shape` has {channels}", stacklevel=5)
    space = (default_size, default_size)
    default: ImageShape = (channels, *space) if is_first else (*space, channels)
    if is_imagenet and require_flatten and given not in (None, default):
        raise ShapeError(
            located(f"With ImageNet's weights and `include_top`, `input_shape` is {default}; it was given as {given}")
        )
    if given is None:
        return default if require_flatten else tuple(size if size == 3 else None for size in default)
    if len(given) != 3:
        raise ShapeError(located(f"`input_shape` must be three integers, without the batch; got {given}"))
    if is_imagenet and given[axis] != 3:
        raise ShapeError(located(f"The input must have 3 channels for ImageNet's weights; got `input_shape={given}`"))
    if any(size is not None and size < min_size for size in (given[1:] if is_first else given[:-1])):
        raise ShapeError(
            located(f"Input size must be at least {min_size}x{min_size} for this network; got `input_shape={given}`")
        )
    if require_flatten and None in given:
        raise ShapeError(
            located(f"With `include_top` the network needs a static `input_shape`; got `input_shape={given}`")
        )
    return given
