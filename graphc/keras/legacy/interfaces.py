"""Which Keras 1 spellings each layer and method takes."""

from __future__ import annotations

from typing import Any

from graphc.errors import UsageError
from graphc.keras.legacy.recurrent import legacy_convlstm2d_support, legacy_recurrent_support
from graphc.keras.legacy.renaming import Rewritten, generate_legacy_interface, raise_duplicate_arg_error
from graphc.keras.legacy.spatial import (
    legacy_conv1d_support,
    legacy_conv2d_support,
    legacy_conv3d_support,
    legacy_croppingNd_support,
    legacy_deconv2d_support,
    legacy_global_pooling_support,
    legacy_pooling1d_support,
    legacy_poolingNd_support,
    legacy_separable_conv2d_support,
    legacy_upsampling1d_support,
    legacy_upsamplingNd_support,
    legacy_zeropadding2d_support,
    legacy_zeropadding3d_support,
)
from graphc.keras.utils.location import located, warn

__all__ = [
    "generate_legacy_interface",
    "legacy_conv1d_support",
    "legacy_conv2d_support",
    "legacy_conv3d_support",
    "legacy_convlstm2d_support",
    "legacy_cropping2d_support",
    "legacy_cropping3d_support",
    "legacy_deconv2d_support",
    "legacy_global_pooling_support",
    "legacy_pooling1d_support",
    "legacy_pooling2d_support",
    "legacy_pooling3d_support",
    "legacy_recurrent_support",
    "legacy_separable_conv2d_support",
    "legacy_upsampling1d_support",
    "legacy_upsampling2d_support",
    "legacy_upsampling3d_support",
    "legacy_zeropadding2d_support",
    "legacy_zeropadding3d_support",
    "raise_duplicate_arg_error",
]

# Keras has a name for each number of axes.
legacy_cropping2d_support = legacy_cropping3d_support = legacy_croppingNd_support
legacy_pooling2d_support = legacy_pooling3d_support = legacy_poolingNd_support
legacy_upsampling2d_support = legacy_upsampling3d_support = legacy_upsamplingNd_support

_KERNEL = [
    ("init", "kernel_initializer"),
    ("W_regularizer", "kernel_regularizer"),
    ("b_regularizer", "bias_regularizer"),
    ("W_constraint", "kernel_constraint"),
    ("b_constraint", "bias_constraint"),
    ("bias", "use_bias"),
]
_DATA_FORMAT = {"dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None}}

legacy_dense_support = generate_legacy_interface(["units"], [("output_dim", "units"), *_KERNEL])
legacy_dropout_support = generate_legacy_interface(["rate", "noise_shape", "seed"], [("p", "rate")])
legacy_spatialdropout1d_support = generate_legacy_interface(["rate"], [("p", "rate")])
legacy_spatialdropoutNd_support = generate_legacy_interface(
    ["rate"], [("p", "rate"), ("dim_ordering", "data_format")], value_conversions=_DATA_FORMAT
)
legacy_gaussiannoise_support = generate_legacy_interface(["stddev"], [("sigma", "stddev")])
legacy_gaussiandropout_support = generate_legacy_interface(["rate"], [("p", "rate")])
legacy_prelu_support = generate_legacy_interface(["alpha_initializer"], [("init", "alpha_initializer")])
legacy_lambda_support = generate_legacy_interface(["function", "output_shape"])
legacy_model_constructor_support = generate_legacy_interface(None, [("input", "inputs"), ("output", "outputs")])
legacy_input_support = generate_legacy_interface(None, [("input_dtype", "dtype")])


def _drop_embedding_dropout(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    if kwargs.pop("dropout", None) is not None:
        warn("`Embedding` no longer takes `dropout`: put a `SpatialDropout1D` layer after it.")
    return args, kwargs, []


legacy_embedding_support = generate_legacy_interface(
    ["input_dim", "output_dim"],
    [
        ("init", "embeddings_initializer"),
        ("W_regularizer", "embeddings_regularizer"),
        ("W_constraint", "embeddings_constraint"),
    ],
    _drop_embedding_dropout,
)


def _drop_batchnorm_mode(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    if len(args) > 1:
        raise UsageError(
            located(f"`BatchNormalization` takes keyword arguments only, but you passed: {list(args[1:])}")
        )
    if kwargs.get("mode") != 0:
        return args, kwargs, []
    kwargs.pop("mode")
    return args, kwargs, [("no argument", "mode")]


legacy_batchnorm_support = generate_legacy_interface(
    [], [("beta_init", "beta_initializer"), ("gamma_init", "gamma_initializer")], _drop_batchnorm_mode
)


def _shape_before_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """`add_weight(shape, initializer, name)` was Keras 1's order."""
    if len(args) > 1 and isinstance(args[1], (tuple, list)):
        kwargs["shape"] = args[1]
        args = (args[0], *args[2:])
        if len(args) > 1 and isinstance(args[1], str):
            kwargs["name"] = args[1]
            args = (args[0], *args[2:])
    return args, kwargs, []


legacy_add_weight_support = generate_legacy_interface(["name", "shape"], preprocessor=_shape_before_name)


def _count_steps(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """Samples become steps where the generator says how many there are in a batch."""
    counts = sorted({"samples_per_epoch", "val_samples", "nb_val_samples"} & set(kwargs))
    if counts:
        warn(
            "Keras 1 counted samples, Keras 2 counts batches drawn from the generator: `steps_per_epoch` is "
            "`samples_per_epoch` / batch size, and so are `validation_steps` and `steps`."
        )
    generator = args[1] if len(args) > 1 else kwargs.get("generator")
    for name in counts:
        batch_size = getattr(kwargs.get("validation_data") if name == "nb_val_samples" else generator, "batch_size", 0)
        # An epoch leaves out a last batch that is not full, as in Keras 2; whoever evaluates wants every sample.
        is_rounded_up = name != "samples_per_epoch"
        kwargs[name] = (kwargs[name] + (batch_size - 1) * is_rounded_up) // batch_size if batch_size else kwargs[name]
    if len(args) > 2 or "samples_per_epoch" not in kwargs or "steps_per_epoch" in kwargs:
        return args, kwargs, []
    kwargs["steps_per_epoch"] = kwargs.pop("samples_per_epoch")
    return args, kwargs, [("steps_per_epoch", "samples_per_epoch")]


legacy_generator_methods_support = generate_legacy_interface(
    ["generator", "steps_per_epoch", "epochs"],
    [
        ("samples_per_epoch", "steps_per_epoch"),
        ("val_samples", "steps"),
        ("nb_epoch", "epochs"),
        ("nb_val_samples", "validation_steps"),
        ("nb_worker", "workers"),
        ("pickle_safe", "use_multiprocessing"),
        ("max_q_size", "max_queue_size"),
    ],
    _count_steps,
    object_type="method",
)


def _loss_before_parameters(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rewritten:
    """Keras 1's order was (params, constraints, loss); constraints now belong to the parameters."""
    owner, *given = args
    is_keras_1 = len(given) == 3 or "loss" in kwargs
    order = ("params", "constraints", "loss") if is_keras_1 else ("loss", "params")
    named = {**dict(zip(order, given)), **kwargs}
    named.pop("constraints", None)
    return (owner,), named, []


legacy_get_updates_support = generate_legacy_interface(None, [], _loss_before_parameters)
