"""Which Keras 1 spellings the layers of images and sequences take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import UsageError
from graphc.keras.legacy.renaming import Rewrite, Rewritten, generate_legacy_interface
from graphc.keras.utils.location import located

FORMAT = {"dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None}}
_BIAS = [("b_regularizer", "bias_regularizer"), ("b_constraint", "bias_constraint"), ("bias", "use_bias")]
_KERNEL = [
    ("init", "kernel_initializer"),
    ("W_regularizer", "kernel_regularizer"),
    ("W_constraint", "kernel_constraint"),
    *_BIAS,
]
WINDOW = [
    ("nb_filter", "filters"),
    ("subsample", "strides"),
    ("border_mode", "padding"),
    ("dim_ordering", "data_format"),
    ("atrous_rate", "dilation_rate"),
]


def _gather_kernel_size(*old: str) -> Rewrite:
    """Return a rewriter that makes one `kernel_size` of sizes given one by one, by position or by these names."""

    def rewrite(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
        if len(args) > len(old) + 2:
            raise UsageError(located(f"{type(args[0]).__name__} takes at most {len(old) + 1} positional arguments"))
        # Behind self and the filters; a tuple there is a kernel size of today's spelling.
        sizes = list(args[2:])
        named = old[len(sizes) :]
        if not all(isinstance(size, int) for size in sizes) or not all(name in kwargs for name in named):
            return args, kwargs, []
        kernel_size = (*sizes, *(kwargs.pop(name) for name in named))
        if len(args) > 2:
            args = (*args[:2], kernel_size)
        else:
            kwargs["kernel_size"] = kernel_size
        return args, kwargs, [("kernel_size", "/".join(old))]

    return rewrite


def after(first: Rewrite, second: Rewrite) -> Rewrite:
    """Return a rewriter that does one after the other."""

    def rewrite(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
        args, kwargs, replaced = first(args, kwargs)
        args, kwargs, more = second(args, kwargs)
        return args, kwargs, [*replaced, *more]

    return rewrite


def gather_input_shape(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """`input_dim` and `input_length` of layers of sequences are the input's shape."""
    if "input_dim" not in kwargs:
        return args, kwargs, []
    kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return args, kwargs, [("input_shape", "input_dim")]


def _drop_output_shape(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """Keras 1 asked for the shape of a transposed convolution; now it follows from the options."""
    has_fourth = len(args) == 5 and isinstance(args[4], tuple)
    if not has_fourth and "output_shape" not in kwargs:
        return args, kwargs, []
    kwargs.pop("output_shape", None)
    return args[:4] if has_fourth else args, kwargs, [("no argument", "output_shape")]


def _separate_init(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    if "init" not in kwargs:
        return args, kwargs, []
    kwargs["depthwise_initializer"] = kwargs["pointwise_initializer"] = kwargs.pop("init")
    return args, kwargs, [("depthwise_initializer/pointwise_initializer", "init")]


def _pair_padding(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """Four widths, or a dict of them, are two pairs."""
    padding = kwargs.get("padding", args[1] if len(args) > 1 else None)
    if isinstance(padding, dict):
        unknown = sorted(set(padding) - {"top_pad", "bottom_pad", "left_pad", "right_pad"})
        if unknown:
            raise UsageError(located(f"Unexpected keys in the `padding` dictionary: {unknown}"))
        top, bottom, left, right = (padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right"))
        old = "top_pad/bottom_pad/left_pad/right_pad"
    elif isinstance(padding, Sequence) and len(padding) == 4:
        top, bottom, left, right = padding
        old = "(top, bottom, left, right)"
    else:
        return args, kwargs, []
    kwargs["padding"] = ((top, bottom), (left, right))
    return args[:1], kwargs, [("((top, bottom), (left, right))", old)]


gather_rows_and_columns = _gather_kernel_size("nb_row", "nb_col")
_LENGTHS = [("filter_length", "kernel_size"), ("subsample_length", "strides")]

legacy_conv1d_support = generate_legacy_interface(
    ["filters", "kernel_size"], [*WINDOW, *_LENGTHS, *_KERNEL], gather_input_shape, FORMAT
)
legacy_conv2d_support = generate_legacy_interface(
    ["filters", "kernel_size"], [*WINDOW, *_KERNEL], gather_rows_and_columns, FORMAT
)
legacy_conv3d_support = generate_legacy_interface(
    ["filters", "kernel_size"],
    [*WINDOW, *_KERNEL],
    _gather_kernel_size("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    FORMAT,
)
legacy_deconv2d_support = generate_legacy_interface(
    ["filters", "kernel_size"], [*WINDOW, *_KERNEL], after(_drop_output_shape, gather_rows_and_columns), FORMAT
)
legacy_separable_conv2d_support = generate_legacy_interface(
    ["filters", "kernel_size"], [*WINDOW, *_BIAS], after(_separate_init, gather_rows_and_columns), FORMAT
)
legacy_local1d_support = legacy_conv1d_support
legacy_local2d_support = legacy_conv2d_support
legacy_pooling1d_support = generate_legacy_interface(
    ["pool_size", "strides", "padding"],
    [("pool_length", "pool_size"), ("stride", "strides"), ("border_mode", "padding")],
)
legacy_poolingNd_support = generate_legacy_interface(
    ["pool_size", "strides", "padding"],
    [("border_mode", "padding"), ("dim_ordering", "data_format")],
    value_conversions=FORMAT,
)
legacy_global_pooling_support = generate_legacy_interface(
    None, [("dim_ordering", "data_format")], value_conversions=FORMAT
)
legacy_upsampling1d_support = generate_legacy_interface(["size"], [("length", "size")])
legacy_upsamplingNd_support = generate_legacy_interface(
    ["size"], [("dim_ordering", "data_format")], value_conversions=FORMAT
)
legacy_croppingNd_support = generate_legacy_interface(
    ["cropping"], [("dim_ordering", "data_format")], value_conversions=FORMAT
)
legacy_zeropadding2d_support = generate_legacy_interface(
    ["padding"], [("dim_ordering", "data_format")], _pair_padding, FORMAT
)
legacy_zeropadding3d_support = generate_legacy_interface(
    ["padding"], [("dim_ordering", "data_format")], value_conversions=FORMAT
)
