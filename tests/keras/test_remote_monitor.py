"""RemoteMonitor: what a server gets."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from graphc.keras.callbacks import RemoteMonitor
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential

pytest.importorskip("requests")


@pytest.fixture
def server() -> Iterator[tuple[str, list[Any]]]:
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", received
    listening.shutdown()
    thread.join()
    listening.server_close()


def trained(monitor: RemoteMonitor) -> Any:
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model.fit(np.ones((5, 3)), np.ones((5, 2)), epochs=2, callbacks=[monitor], verbose=0).history


def test_form(server: tuple[str, list[Any]]) -> None:
    root, received = server
    history = trained(RemoteMonitor(root, field="logs", headers={"X-Token": "42"}))
    assert [path for path, _, _ in received] == ["/publish/epoch/end/"] * 2
    sent = [json.loads(parse_qs(body)["logs"][0]) for _, _, body in received]
    assert sent == [{"epoch": i, "loss": history["loss"][i]} for i in (0, 1)]
    assert received[0][1]["X-Token"] == "42"


def test_json_with_numpy_values(server: tuple[str, list[Any]]) -> None:
    root, received = server
    RemoteMonitor(root, path="/here", send_as_json=True).on_epoch_end(3, {"a": np.float32(0.5), "b": np.array([2])})
    ((path, headers, body),) = received
    assert (path, headers["Content-Type"], json.loads(body)) == (
        "/here", "application/json", {"epoch": 3, "a": 0.5, "b": 2},
    )  # fmt: skip


def test_nobody_listens() -> None:
    with pytest.warns(UserWarning, match="could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0, {"loss": 1.0})
