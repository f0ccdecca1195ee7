"""RemoteMonitor: sends each epoch's logs to a server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.errors import MissingPackageError
from graphc.keras.callbacks.callback import Callback
from graphc.keras.utils.location import located


class RemoteMonitor(Callback):
    """Posts each epoch's number and logs to `root + path`. Needs the package requests.

    The logs travel as JSON in the form field `field`, or with `send_as_json` as the whole body. `headers` are HTTP
    headers. A server that cannot be reached is warned of. Raises MissingPackageError without requests.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Send the logs."""
        try:
            # An optional package, and slow to import.
            import requests
        except ImportError as error:
            needed = "RemoteMonitor needs the package requests: `pip install requests`"
            raise MissingPackageError(located(needed)) from error
        message: dict[str, Any] = {"epoch": epoch}
        message.update((name, _plain(value)) for name, value in (logs or {}).items())
        try:
            if self.send_as_json:
                requests.post(self.root + self.path, json=message, headers=self.headers)
            else:
                requests.post(self.root + self.path, {self.field: json.dumps(message)}, headers=self.headers)
        except requests.exceptions.RequestException:
            warnings.warn(f"Warning: could not reach RemoteMonitor root server at {self.root}", stacklevel=2)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, (np.ndarray, np.generic)) else value
