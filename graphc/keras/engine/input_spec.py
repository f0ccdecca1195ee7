"""InputSpec: what a layer asks of an input, and the check that an input fulfils it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.errors import DTypeError, ShapeError
from graphc.keras import backend as K
from graphc.keras.utils.location import located

Shape = tuple[int | None, ...]


class TypeOfInputError(DTypeError, ValueError):
    """A layer was called with something that is no tensor, or a tensor of another dtype than it takes."""


class InputSpec:
    """What one input of a layer must look like.

    `shape` has None where any size will do and implies `ndim`; `min_ndim` and `max_ndim` bound the rank; `axes`
    maps an axis to the size it must have; `dtype` is a name. Whatever is None is not checked.
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
    ) -> None:
        self.dtype = dtype
        self.shape = shape
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = dict(axes or {})

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value}
        return f"InputSpec({', '.join(f'{name}={value}' for name, value in given.items())})"


def check_inputs(layer_name: str, input_spec: Any, inputs: Sequence[Any]) -> None:
    """Check a layer's inputs against its spec (None, an InputSpec, or one entry an input).

    Raises ShapeError or DTypeError naming the layer, what it expects and what it was given.
    """
    for x in inputs:
        if not K.is_tensor(x):
            raise TypeOfInputError(
                located(f"Layer {layer_name} was called with {type(x).__name__} {x!r}, which isn't a symbolic tensor")
            )
    if not input_spec:
        return
    specs = list(input_spec) if isinstance(input_spec, (list, tuple)) else [input_spec]
    if len(specs) != len(inputs):
        raise ShapeError(
            located(f"Layer {layer_name} expects {len(specs)} inputs, but it received {len(inputs)}: {list(inputs)}")
        )
    for position, (x, spec) in enumerate(zip(inputs, specs)):
        if spec is not None:
            _check_input(f"Input {position} is incompatible with layer {layer_name}: ", spec, x)


def _check_input(prefix: str, spec: InputSpec, x: Any) -> None:
    shape: Shape = K.int_shape(x)
    rank = len(shape)
    bounds = (
        ("ndim", spec.ndim, spec.ndim is not None and rank != spec.ndim),
        ("max_ndim", spec.max_ndim, spec.max_ndim is not None and rank > spec.max_ndim),
        ("min_ndim", spec.min_ndim, spec.min_ndim is not None and rank < spec.min_ndim),
    )
    for name, expected, is_wrong in bounds:
        if is_wrong:
            raise ShapeError(located(f"{prefix}expected {name}={expected}, found ndim={rank}, shape {shape}"))
    if spec.dtype is not None and K.dtype(x) != spec.dtype:
        raise TypeOfInputError(located(f"{prefix}expected dtype={spec.dtype}, found dtype={K.dtype(x)}"))
    for axis, size in spec.axes.items():
        if size is not None and shape[int(axis)] not in (size, None):
            raise ShapeError(
                located(f"{prefix}expected axis {axis} of input shape to have value {size} but got shape {shape}")
            )
    if spec.shape is not None:
        for expected_dim, dim in zip(spec.shape, shape):
            if expected_dim is not None and dim is not None and expected_dim != dim:
                raise ShapeError(located(f"{prefix}expected shape={spec.shape}, found shape={shape}"))
