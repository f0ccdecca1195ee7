"""Which Keras 1 spellings the functions of the backend take."""

from __future__ import annotations

from typing import Any

from graphc.keras.legacy.renaming import Rewritten, generate_legacy_interface
from graphc.keras.legacy.spatial import FORMAT

_STATIC_SHAPES = ("image_shape", "volume_shape", "filter_shape")


def _drop_static_shapes(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """Shapes that Theano wanted to know beforehand are known here."""
    dropped = [("no argument", name) for name in _STATIC_SHAPES if name in kwargs]
    for _, name in dropped:
        del kwargs[name]
    return args, kwargs, dropped


legacy_image_function_support = generate_legacy_interface(
    None,
    [
        ("X", "x"),
        ("stride", "strides"),
        ("border_mode", "padding"),
        ("dim_ordering", "data_format"),
        ("filter_dilation", "dilation_rate"),
    ],
    _drop_static_shapes,
    FORMAT,
    object_type="function",
)
legacy_random_function_support = generate_legacy_interface(
    None, [("std", "stddev"), ("low", "minval"), ("high", "maxval")], object_type="function"
)
legacy_shape_function_support = generate_legacy_interface(
    None, [("dim", "axis"), ("nb_classes", "num_classes")], object_type="function"
)
