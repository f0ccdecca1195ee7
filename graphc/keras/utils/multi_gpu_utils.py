"""multi_gpu_model: one model on several GPUs. Programs are compiled for the CPU, so there are none to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from graphc.errors import GraphError
from graphc.keras.utils.location import located


def _get_available_devices() -> list[str]:
    return ["/device:CPU:0"]


def _normalize_device_name(name: str) -> str:
    """Return `/cpu:0` for `/device:CPU:0` and `/job:localhost/device:CPU:0`."""
    return "/" + ":".join(name.lower().replace("/", "").split(":")[-2:])


def multi_gpu_model(
    model: Any, gpus: int | Sequence[int] | None = None, cpu_merge: bool = True, cpu_relocation: bool = False
) -> NoReturn:
    """Raise GraphError (a ValueError), as Keras does where the GPUs asked for are not there; it names the devices.

    `gpus` is their number, a list of them, or None for all. All cores of the CPU work on a model as it is.
    """
    available = [_normalize_device_name(name) for name in _get_available_devices()]
    wanted = list(gpus) if isinstance(gpus, Sequence) else list(range(gpus or 0))
    if len(wanted) <= 1:
        raise GraphError(
            located(
                f"`multi_gpu_model` needs at least 2 GPUs to be of use. Received: gpus={gpus}; "
                f"this machine has the devices {available}. Train the model itself: it uses all cores of the CPU."
            )
        )
    targets = ["/cpu:0", *(f"/gpu:{i}" for i in wanted)]
    raise GraphError(
        located(
            f"To call `multi_gpu_model` with gpus={gpus}, the devices {targets} should be available. This machine has "
            f"only {available}. Train the model itself: it uses all cores of the CPU."
        )
    )
