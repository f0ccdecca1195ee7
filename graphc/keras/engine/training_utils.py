"""From what users pass to `fit` and friends to one array for each input, target and weight of a model."""

from __future__ import annotations

import copy
import reprlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras import losses
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]


_MOST_DESCRIBED = 4


class DataError(GraphError, DTypeError):
    """Data is of a Python type that cannot be read as arrays."""


def described(data: Any) -> str:
    """Return data in a few words: arrays by their shapes."""
    if isinstance(data, (list, tuple)):
        items = ", ".join(described(item) for item in data[:_MOST_DESCRIBED])
        more = ", ..." if len(data) > _MOST_DESCRIBED else ""
        return f"a {type(data).__name__} of {len(data)}: {items}{more}"
    if isinstance(data, np.ndarray):
        return f"an array of shape {data.shape}"
    return reprlib.repr(data)


def standardize_single_array(x: Any) -> Any:
    """Return the array with rank 2 at least: (samples,) becomes (samples, 1). Symbolic tensors need a batch size."""
    if x is None:
        return None
    if K.is_tensor(x):
        if K.int_shape(x)[:1] == (None,) or not K.int_shape(x):
            raise ShapeError(
                located(f"Symbolic tensors fed to a model need a static batch size. Got shape {K.int_shape(x)}")
            )
        return x
    return np.expand_dims(x, 1) if x.ndim == 1 else x


def _to_arrays(data: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(data, Mapping):
        missing = [name for name in names if name not in data]
        if missing:
            raise GraphError(located(f"No data provided for {missing}. Need data for each key in: {list(names)}"))
        arrays = [data[name] for name in names]
    elif isinstance(data, list):
        if data and isinstance(data[0], list):
            arrays = [np.asarray(d) for d in data]
        elif len(names) == 1 and data and isinstance(data[0], (float, int)):
            arrays = [np.asarray(data)]
        else:
            arrays = list(data)
    else:
        arrays = [data]
    # A pandas DataFrame keeps its array in `values`.
    return [x.values if type(x).__name__ == "DataFrame" else x for x in arrays]


def standardize_input_data(
    data: Any,
    names: Sequence[str],
    shapes: Sequence[Sequence[int | None] | None] | None = None,
    check_batch_axis: bool = True,
    exception_prefix: str = "",
) -> list[Any]:
    """Return one array for each name, from an array, a list, or a dictionary by name.

    Rank-1 arrays become columns. `shapes` are checked (None: any size), the first axis only with
    `check_batch_axis`. Raises ShapeError, GraphError or TypeError that begin with `exception_prefix`.
    """
    if not names:
        if data is not None and hasattr(data, "__len__") and len(data):
            prefix = f"Error when checking model {exception_prefix}"
            raise GraphError(located(f"{prefix}: expected no data, but got {described(data)}"))
        return []
    if data is None:
        return [None] * len(names)
    # The common case, of which training row by row does little else.
    is_plain = type(data) is np.ndarray and data.ndim > 1 and len(names) == 1
    arrays = [data] if is_plain else _standardized(data, names, f"Error when checking model {exception_prefix}: ")
    for name, array, shape in zip(names, arrays, shapes or ()):
        if shape is not None and array is not None and (is_plain or not K.is_tensor(array)):
            _check_shape(exception_prefix, name, array.shape, shape, check_batch_axis)
    return arrays


def _standardized(data: Any, names: Sequence[str], prefix: str) -> list[Any]:
    """Return one array for each name; errors begin with `prefix`."""
    given = _to_arrays(data, names)
    if any(x is not None and not hasattr(x, "shape") for x in given):
        if len(given) == 1:
            raise DataError(
                located(f"{prefix}data should be an array, or a list or dict of arrays. Found: {described(data)}")
            )
        given = [np.asarray(given)] if len(names) == 1 else given
    arrays = [x if not hasattr(x, "shape") else standardize_single_array(x) for x in given]
    if len(arrays) != len(names) or any(x is not None and not hasattr(x, "shape") for x in arrays):
        raise ShapeError(
            located(
                f"{prefix}the list of arrays is not the size the model expected. Expected to see {len(names)} array(s) "
                f"for {list(names)}, but got {len(arrays)}, of shapes {[getattr(x, 'shape', None) for x in arrays]}"
            )
        )
    return arrays


def _check_shape(
    what: str, name: str, given: tuple[int, ...], expected: Sequence[int | None], check_batch_axis: bool
) -> None:
    start = 0 if check_batch_axis else 1
    if len(given) != len(expected):
        wanted = f"{len(expected)} dimensions,"
    elif any(dim and dim != size for size, dim in zip(given[start:], expected[start:])):
        wanted = f"shape {tuple(expected)}"
    else:
        return
    raise ShapeError(
        located(f"Error when checking {what}: expected {name} to have {wanted} but got array with shape {given}")
    )


def standardize_sample_or_class_weights(x_weight: Any, output_names: Sequence[str], weight_type: str) -> list[Any]:
    """Return one entry of sample or class weights for each output, None where there is none."""
    if x_weight is not None and not hasattr(x_weight, "__len__"):
        raise DataError(located(f"`{weight_type}` should be an array, a list or a dict. Got: {described(x_weight)}"))
    if x_weight is None or len(x_weight) == 0:
        return [None] * len(output_names)
    if len(output_names) == 1:
        if isinstance(x_weight, list) and len(x_weight) == 1:
            return x_weight
        if isinstance(x_weight, Mapping) and output_names[0] in x_weight:
            return [x_weight[output_names[0]]]
        return [x_weight]
    if isinstance(x_weight, list):
        if len(x_weight) != len(output_names):
            raise GraphError(
                located(
                    f"Provided `{weight_type}` was a list of {len(x_weight)} elements, but the model has "
                    f"{len(output_names)} outputs: give one `{weight_type}` per output."
                )
            )
        return x_weight
    if isinstance(x_weight, Mapping):
        return [x_weight.get(name) for name in output_names]
    wanted = f"The model has several outputs, so `{weight_type}` should be a list or a dict"
    raise DataError(located(f"{wanted}. Got: {described(x_weight)}"))


def standardize_class_weights(class_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """Return one entry of class weights for each output."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """Return one entry of sample weights for each output."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def check_array_length_consistency(
    inputs: Sequence[Any] | None, targets: Sequence[Any] | None, weights: Sequence[Any] | None = None
) -> None:
    """Raise ShapeError unless all arrays have the same number of samples."""
    if inputs and targets and weights:
        every = [*inputs, *targets, *weights]
        if all(x is not None for x in every) and len({x.shape[0] for x in every}) == 1:
            return
    groups = {"input (x)": inputs, "target (y)": targets, "sample_weight": weights}
    lengths = {}
    for what, arrays in groups.items():
        found = {0 if x is None else int(x.shape[0]) for x in arrays} if arrays is not None else {0}
        if len(found) > 1:
            raise ShapeError(
                located(
                    f"All {what} arrays should have the same number of samples. Got array shapes: "
                    f"{[getattr(x, 'shape', None) for x in arrays or ()]}"
                )
            )
        lengths[what] = found.pop() if found else None
    x, y, w = lengths.values()
    if x is not None and y is not None and x != y:
        raise ShapeError(
            located(
                f"Input arrays should have the same number of samples as target arrays. "
                f"Found {x} input samples and {y} target samples."
            )
        )
    if y is not None and w is not None and y != w:
        raise ShapeError(
            located(
                f"Sample_weight arrays should have the same number of samples as target arrays. "
                f"Got {w} weights and {y} target samples."
            )
        )


def expected_target_shape(output_shape: Sequence[int | None], loss: Any) -> tuple[int | None, ...] | None:
    """Return the shape that targets must have for an output and a loss of Keras's own; None for a user's loss."""
    shape = tuple(output_shape)
    if loss is losses.sparse_categorical_crossentropy:
        if K.image_data_format() == "channels_first" and len(shape) in (4, 5):
            return (shape[0], 1, *shape[2:])
        return (*shape[:-1], 1)
    name = getattr(loss, "__name__", None)
    return shape if name is not None and getattr(losses, name, None) is loss else None


def check_loss_and_target_compatibility(
    targets: Sequence[Any], loss_fns: Sequence[Any], output_shapes: Sequence[Any]
) -> None:
    """Raise ShapeError where a target cannot be what the loss of Keras's own expects for the output."""
    same_shape = (losses.mean_squared_error, losses.binary_crossentropy, losses.categorical_crossentropy)
    for y, loss, shape in zip(targets, loss_fns, output_shapes):
        if y is None or loss is None or K.is_tensor(y):
            continue
        if loss is losses.categorical_crossentropy and y.shape[-1] == 1:
            raise ShapeError(
                located(
                    f"You are passing a target array of shape {y.shape} while using as loss "
                    "`categorical_crossentropy`, which expects one column per class. Convert integer classes with "
                    "`keras.utils.to_categorical`, or use the loss `sparse_categorical_crossentropy`."
                )
            )
        if loss in same_shape and shape is not None:
            for size, dim in zip(y.shape[1:], shape[1:]):
                if dim is not None and size != dim:
                    raise ShapeError(
                        located(
                            f"A target array with shape {y.shape} was passed for an output of shape {tuple(shape)} "
                            f"while using as loss `{loss.__name__}`, which expects "
                            "targets to have the same shape as the output."
                        )
                    )


def collect_metrics(metrics: Any, output_names: Sequence[str]) -> list[list[Any]]:
    """Return the list of metrics of each output, from one list for all or a dictionary by output name."""
    if not metrics:
        return [[] for _ in output_names]
    if isinstance(metrics, list):
        return [copy.copy(metrics) for _ in output_names]
    if isinstance(metrics, dict):
        return [to_list(metrics.get(name, [])) for name in output_names]
    raise DataError(located(f"`metrics` should be a list or a dictionary, found: {metrics}"))


def batch_shuffle(index_array: Array, batch_size: int) -> Array:
    """Return the indices with whole batches in random order; an incomplete last batch stays last."""
    whole = len(index_array) // batch_size * batch_size
    batches = index_array[:whole].reshape(-1, batch_size).copy()
    np.random.shuffle(batches)
    return np.append(batches.ravel(), index_array[whole:])


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """Return (start, end) of each batch of `size` samples."""
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def weighted_masked_objective(fn: Callable[[Any, Any], Any] | None) -> Any:
    """Return `fn(y_true, y_pred)` as a scalar function of (y_true, y_pred, weights, mask); None for None.

    With s the value for each sample (or step): where masked, s <- s * mask / mean(mask); where weighted, s is
    averaged over the axes that the weights lack, then s <- s * w / mean(w != 0). The result is mean(s).
    """
    if fn is None:
        return None

    def weighted(y_true: Any, y_pred: Any, weights: Any, mask: Any = None) -> Any:
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask / K.mean(mask)
        if weights is not None:
            extra = list(range(K.ndim(weights), K.ndim(score)))
            score = K.mean(score, axis=extra) if extra else score
            score = score * weights / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted


def standardize_weights(
    y: Array,
    sample_weight: Array | None = None,
    class_weight: Mapping[Any, float] | None = None,
    sample_weight_mode: str | None = None,
) -> Array:
    """Return the weights of the samples of a target, (samples,) or with mode "temporal" (samples, steps).

    They are `sample_weight`, or each sample's class weight (the class is the largest of several columns, or the only
    one), or ones. Raises ShapeError or GraphError where they do not fit.
    """
    _check_weight_rank(y, sample_weight, sample_weight_mode)
    if sample_weight is not None:
        if class_weight is not None:
            warnings.warn(
                "`sample_weight` and `class_weight` were both given: `class_weight` is ignored.", stacklevel=3
            )
        if sample_weight.ndim > y.ndim or y.shape[: sample_weight.ndim] != sample_weight.shape:
            raise ShapeError(
                located(
                    f"Found a sample_weight array with shape {sample_weight.shape} for a target with shape {y.shape}: "
                    "sample_weight cannot be broadcast."
                )
            )
        return sample_weight
    if isinstance(class_weight, Mapping):
        return _weights_of_classes(y, class_weight)
    return np.ones(y.shape[: 1 if sample_weight_mode is None else 2], K.floatx())


def _check_weight_rank(y: Array, sample_weight: Array | None, mode: str | None) -> None:
    if mode not in (None, "temporal"):
        raise GraphError(located(f'"sample_weight_mode" should be None or "temporal". Found: {mode}'))
    if mode == "temporal" and y.ndim < 3:
        raise ShapeError(
            located(
                f'sample_weight_mode="temporal" needs targets with a time axis, rank 3 at least; '
                f"the target has shape {y.shape}"
            )
        )
    rank = 1 if mode is None else 2
    if sample_weight is not None and sample_weight.ndim != rank:
        raise ShapeError(
            located(
                f"Found a sample_weight array with shape {sample_weight.shape}; with sample_weight_mode={mode!r} it "
                f'should have rank {rank}. (`compile(sample_weight_mode="temporal")` takes weights of time steps.)'
            )
        )


def _weights_of_classes(y: Array, class_weight: Mapping[Any, float]) -> Array:
    if y.ndim > 2:
        raise ShapeError(located(f"`class_weight` is not supported for targets of rank {y.ndim}, shape {y.shape}"))
    classes = np.argmax(y, axis=1) if y.shape[1] > 1 else np.reshape(y, y.shape[0])
    missing = sorted({c for c in classes.tolist() if c not in class_weight})
    if missing:
        raise GraphError(
            located(f"`class_weight` must contain all classes in the data; it lacks {missing}: {dict(class_weight)}")
        )
    return np.asarray([class_weight[c] for c in classes.tolist()])


def checked_batch_size(batch_size: Any, steps: int | None) -> int | None:
    """Return the batch size: 32 where it is None, but None where `steps` are counted.

    Raises GraphError for anything but a positive integer.
    """
    if batch_size is None:
        return 32 if steps is None else None
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise GraphError(located(f"`batch_size` should be a positive integer; got {batch_size!r}"))
    return int(batch_size)


def check_num_samples(
    ins: Sequence[Any], batch_size: int | None = None, steps: int | None = None, steps_name: str = "steps"
) -> int | None:
    """Return the number of samples of the arrays, None where it is not defined because `steps` are counted."""
    if steps is not None and batch_size is not None:
        raise GraphError(located(f"If {steps_name} is set, the `batch_size` must be None."))
    if not ins or any(K.is_tensor(x) for x in ins):
        if steps is None:
            raise GraphError(
                located(
                    f"If your data are tensors, you should specify the `{steps_name}` argument instead of batch_size."
                )
            )
        return None
    return int(ins[0].shape[0]) if hasattr(ins[0], "shape") else None
