"""multi_gpu_model: data parallelism. A batch is cut into parts, a replica of the model works on each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.layers import Lambda, concatenate
from graphc.keras.models import Model, clone_model
from graphc.keras.utils.location import located


def _get_available_devices() -> list[str]:
    return ["/device:CPU:0"]


def _normalize_device_name(name: str) -> str:
    """Return `/cpu:0` for `/device:CPU:0` and `/job:localhost/device:CPU:0`."""
    return "/" + ":".join(name.lower().replace("/", "").split(":")[-2:])


def get_slice(data: Any, i: int, parts: int) -> Any:
    """Return rows of part `i` of `parts`: equal numbers of rows, and what is left over in the last part."""
    step = K.shape(data)[0] // parts
    return data[step * i : None if i == parts - 1 else step * (i + 1)]


def multi_gpu_model(
    model: Any, gpus: int | Sequence[int] | None = None, cpu_merge: bool = True, cpu_relocation: bool = False
) -> Any:
    """Return a model that cuts each batch into as many parts as `gpus`, applies `model` to each and joins the outputs.

    `gpus` is a number of at least 2, or a list. The replicas share the weights of `model`, or of a clone of it with
    `cpu_relocation`; save the model itself, not what is returned. Predictions and losses are those of the model on
    the whole batch, except that layers which look at the batch, as BatchNormalization in training, see one part.
    The replicas are parts of one program, which runs on one device however many are asked for: all replicas work on
    the device that there is. So it needs no GPU, and on one device the model alone is as fast or faster.
    Where the results are joined (`cpu_merge`) makes no difference. Raises GraphError (a ValueError) for fewer than 2.
    """
    replicas = list(gpus) if isinstance(gpus, Sequence) else list(range(gpus or 0))
    if len(replicas) <= 1:
        available = [_normalize_device_name(name) for name in _get_available_devices()]
        raise GraphError(
            located(
                f"`multi_gpu_model` needs at least 2 replicas to be of use. Received: gpus={gpus}; "
                f"this machine has the devices {available}. Train the model itself: it uses all cores of the CPU."
            )
        )
    if cpu_relocation:
        model = clone_model(model)
    outputs = [_replica(model, number, position, len(replicas)) for position, number in enumerate(replicas)]
    joined = [concatenate(list(parts), axis=0, name=name) for name, parts in zip(model.output_names, zip(*outputs))]
    return Model(model.inputs, joined)


def _replica(model: Any, number: int, position: int, replicas: int) -> list[Any]:
    """Return the outputs of `model` for its part of the batch."""
    arguments = {"i": position, "parts": replicas}
    with K.name_scope(f"replica_{number}"):
        parts = [Lambda(get_slice, K.int_shape(x)[1:], arguments=arguments)(x) for x in model.inputs]
        outputs = model(parts if len(parts) > 1 else parts[0])
    return outputs if isinstance(outputs, list) else [outputs]
