"""Layers that change the sizes of the axes of space: UpSampling, ZeroPadding, Cropping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.legacy import spatial as legacy
from graphc.keras.utils.conv_utils import normalize_steps, normalize_tuple
from graphc.keras.utils.location import located

Pairs = tuple[tuple[int, ...], ...]


def _pairs(value: Any, rank: int, name: str) -> Pairs:
    """Return an option as a (low, high) pair for each of `rank` axes of space.

    An int is for both ends of all axes, an int for an axis for both its ends. Raises ShapeError for other values and
    for numbers below 0.
    """
    if isinstance(value, int):
        values: tuple[Any, ...] = (value,) * rank
    elif isinstance(value, (tuple, list)) and len(value) == rank:
        values = tuple(value)
    else:
        raise ShapeError(
            located(f"`{name}` should be an int or {rank} values, each an int or a pair of ints. Received: {value}")
        )
    pairs = tuple(normalize_tuple(v, 2, f"entry {i + 1} of {name}") for i, v in enumerate(values))
    if any(width < 0 for pair in pairs for width in pair):
        raise ShapeError(located(f"`{name}` should have no number below 0. Received: {value}"))
    return pairs


class _Resizing(Layer):
    rank: int

    def __init__(self, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _first(self) -> int:
        """The first axis of space."""
        return 2 if self.data_format == "channels_first" else 1

    def _resized(self, shape: Any, resize: Callable[[int, int], int]) -> Shape:
        """Return the shape with each known size of space replaced by `resize(size, number of the axis of space)`."""
        first, last = self._first, self._first + self.rank
        space = (None if d is None else resize(d, axis) for axis, d in enumerate(shape[first:last]))
        return (*shape[:first], *space, *shape[last:])


class _UpSampling(_Resizing):
    def __init__(self, size: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.size: Any = normalize_steps(size, self.rank, "size")

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with the sizes of space multiplied."""
        return self._resized(input_shape, lambda d, axis: d * self.size[axis])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


class UpSampling1D(_UpSampling):
    """Each step of (batch, steps, channels) `size` times."""

    rank = 1

    @legacy.legacy_upsampling1d_support
    def __init__(self, size: Any = 2, **kwargs: Any) -> None:
        super().__init__(size, "channels_last", **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with each step repeated."""
        return K.repeat_elements(inputs, self.size[0], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {**super().get_config(), "size": self.size[0]}
        config.pop("data_format")
        return config


class UpSampling2D(_UpSampling):
    """Images with each pixel repeated (`nearest`), or with pixels between (`bilinear`), `size` times a side.

    Raises ShapeError for another interpolation.
    """

    rank = 2

    @legacy.legacy_upsamplingNd_support
    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise ShapeError(located(f'interpolation should be "nearest" or "bilinear". Received: {interpolation!r}'))
        self.interpolation = interpolation

    def call(self, inputs: Any) -> Any:
        """Return the enlarged images."""
        rows, columns = self.size
        return K.resize_images(inputs, rows, columns, self.data_format, self.interpolation)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Volumes with each element repeated, `size` times an axis."""

    rank = 3

    @legacy.legacy_upsamplingNd_support
    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(size, data_format, **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the enlarged volumes."""
        first, second, third = self.size
        return K.resize_volumes(inputs, first, second, third, self.data_format)


class _ZeroPadding(_Resizing):
    def __init__(self, padding: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding: Any = _pairs(padding, self.rank, "padding")

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with the padding added."""
        return self._resized(input_shape, lambda d, axis: d + sum(self.padding[axis]))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(_ZeroPadding):
    """(batch, steps, channels) with zeros before and after the steps: an int for both, or a pair."""

    rank = 1

    def __init__(self, padding: Any = 1, **kwargs: Any) -> None:
        super().__init__((normalize_tuple(padding, 2, "padding"),), "channels_last", **kwargs)
        [self.padding] = self.padding

    def call(self, inputs: Any) -> Any:
        """Return the padded steps."""
        return K.temporal_padding(inputs, self.padding)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with the padding added."""
        return self._resized(input_shape, lambda d, axis: d + sum(self.padding))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("data_format")
        return config


class ZeroPadding2D(_ZeroPadding):
    """Images with zeros around: an int, (rows, columns), or ((top, bottom), (left, right))."""

    rank = 2

    @legacy.legacy_zeropadding2d_support
    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the padded images."""
        return K.spatial_2d_padding(inputs, self.padding, self.data_format)


class ZeroPadding3D(_ZeroPadding):
    """Volumes with zeros around: an int, one for each axis, or a pair for each axis."""

    rank = 3

    @legacy.legacy_zeropadding3d_support
    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the padded volumes."""
        return K.spatial_3d_padding(inputs, self.padding, self.data_format)


class _Cropping(_Resizing):
    def __init__(self, cropping: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping: Any = _pairs(cropping, self.rank, "cropping")

    @property
    def _cuts(self) -> Pairs:
        return self.cropping  # type: ignore[no-any-return]

    def call(self, inputs: Any) -> Any:
        """Return the inputs without their borders. Raises ShapeError where they are more than there is."""
        self.compute_output_shape(K.int_shape(inputs))
        inner = tuple(slice(low, -high if high else None) for low, high in self._cuts)
        return inputs[(*(slice(None),) * self._first, *inner)]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape without the borders. Raises ShapeError where they are more than there is."""
        shape = self._resized(input_shape, lambda d, axis: d - sum(self._cuts[axis]))
        if any(d is not None and d < 0 for d in shape[1:]):
            raise ShapeError(
                located(f"Layer {self.name}: cropping {self.cropping} is more than an input {tuple(input_shape)} has")
            )
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}


class Cropping1D(_Cropping):
    """(batch, steps, channels) without the first and last steps: an int for both, or a pair."""

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__((normalize_tuple(cropping, 2, "cropping"),), "channels_last", **kwargs)
        [self.cropping] = self.cropping

    @property
    def _cuts(self) -> Pairs:
        return (self.cropping,)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("data_format")
        return config


class Cropping2D(_Cropping):
    """Images without their borders: an int, (rows, columns), or ((top, bottom), (left, right))."""

    rank = 2

    @legacy.legacy_croppingNd_support
    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Volumes without their borders: an int, one for each axis, or a pair for each axis."""

    rank = 3

    @legacy.legacy_croppingNd_support
    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)
