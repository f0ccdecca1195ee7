"""Where programs are compiled for: set_device(), device(), GRAPHC_DEVICE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from graphc import config
from graphc.errors import ConfigError
from graphc.runtime.cpu import CpuDevice, cpu
from graphc.runtime.protocol import Accelerator

AnyDevice = CpuDevice | Accelerator

_chosen: AnyDevice | None = None
_within: ContextVar[AnyDevice | None] = ContextVar("graphc_device", default=None)


def find_device(name: str) -> AnyDevice:
    """Return the device of a name: `cpu`, `cuda` (its first GPU) or `cuda:N`.

    Raises ConfigError for another name, DeviceError where the device is not there, with what is missing.
    """
    if name == "cpu":
        return cpu()
    found = re.fullmatch(r"cuda(?::(\d+))?", name)
    if found is None:
        raise ConfigError(f"a device is 'cpu', 'cuda' or 'cuda:N'; got {name!r}")
    from graphc.runtime.cuda import cuda  # needed for a GPU only

    return cuda(int(found[1] or 0))


def set_device(device: str | AnyDevice) -> None:
    """Compile programs for a device from now on: `cpu`, `cuda` or `cuda:N`.

    Programs that were compiled before stay where they are. Raises ConfigError and DeviceError as `find_device` does,
    and then changes nothing.
    """
    global _chosen
    _chosen = find_device(device) if isinstance(device, str) else device


def device(device: str | AnyDevice) -> AbstractContextManager[AnyDevice]:
    """Compile programs for a device inside a `with`; in this thread alone. Raises as `set_device` does."""
    return _inside(find_device(device) if isinstance(device, str) else device)


@contextmanager
def _inside(device: AnyDevice) -> Iterator[AnyDevice]:
    token = _within.set(device)
    try:
        yield device
    finally:
        _within.reset(token)


def current_device() -> AnyDevice:
    """Return the device that programs are compiled for: of the innermost `device`, of `set_device`, or the flag's."""
    return _within.get() or _chosen or find_device(config.get("GRAPHC_DEVICE"))
