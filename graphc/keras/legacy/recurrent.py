"""Which Keras 1 spellings recurrent layers take."""

from __future__ import annotations

from typing import Any

from graphc.keras.legacy.renaming import Rewritten, generate_legacy_interface
from graphc.keras.legacy.spatial import FORMAT, WINDOW, after, gather_input_shape, gather_rows_and_columns
from graphc.keras.utils.location import warn

_GATES = [
    ("init", "kernel_initializer"),
    ("inner_init", "recurrent_initializer"),
    ("inner_activation", "recurrent_activation"),
    ("W_regularizer", "kernel_regularizer"),
    ("U_regularizer", "recurrent_regularizer"),
    ("b_regularizer", "bias_regularizer"),
    ("dropout_W", "dropout"),
    ("dropout_U", "recurrent_dropout"),
    ("bias", "use_bias"),
]


def _rename_forget_bias(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """Only ones are still a choice of how the bias of the forget gate starts."""
    if "forget_bias_init" not in kwargs:
        return args, kwargs, []
    if kwargs.pop("forget_bias_init") != "one":
        warn("`forget_bias_init` is left out: the bias starts at 1 with `unit_forget_bias=True`, else at 0.")
        return args, kwargs, []
    kwargs["unit_forget_bias"] = True
    return args, kwargs, [("unit_forget_bias", "forget_bias_init")]


legacy_recurrent_support = generate_legacy_interface(
    ["units"],
    [("output_dim", "units"), *_GATES, ("consume_less", "implementation")],
    after(_rename_forget_bias, gather_input_shape),
    {"consume_less": {"cpu": 1, "mem": 1, "gpu": 2}},
)
legacy_convlstm2d_support = generate_legacy_interface(
    ["filters", "kernel_size"],
    [*WINDOW, *_GATES],
    after(_rename_forget_bias, gather_rows_and_columns),
    FORMAT,
)
