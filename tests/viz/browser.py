"""A headless Chromium, driven over its DevTools protocol on two pipes: no port, no network, no client library."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SECONDS = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_browser() -> str | None:
    """Return the path of a Chromium; GRAPHC_TEST_BROWSER names it where it has another name."""
    given = os.environ.get("GRAPHC_TEST_BROWSER")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work of a page's main thread, between two of which it draws and listens: milliseconds that passed,
    and of the processor's time, which other programs do not lengthen."""

    passed: float
    worked: float


class Browser:
    """A page in a browser. `messages` are what the page logged, `requests` the addresses it asked for."""

    def __init__(self, program: str, profile: Path, size: tuple[int, int] = (1500, 900)) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        flags = [
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--no-first-run", "--disable-extensions", "--disable-background-networking",
            "--disable-dev-shm-usage", f"--window-size={size[0]},{size[1]}", f"--user-data-dir={profile}",
            "about:blank",
        ]  # fmt: skip
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, program, *flags], pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self.messages: list[str] = []
        self.requests: list[str] = []
        self._trace: list[dict[str, Any]] = []
        self._traced = False
        [page] = [t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._out)
        os.close(self._in)

    def send(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._notice(answer)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            received = os.read(self._in, 1 << 20)
            assert received, "the browser ended"
            self._buffer += received
        text, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found

    def _notice(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled":
                self.messages.append(str([argument.get("value") for argument in parameters["args"]]))
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.messages.append(details.get("exception", {}).get("description", details["text"]))
            case "Log.entryAdded":
                self.messages.append(parameters["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Tracing.dataCollected":
                self._trace += parameters["value"]
            case "Tracing.tracingComplete":
                self._traced = True

    def run(self, script: str) -> Any:
        """Return the value of a script's last expression, a promise awaited."""
        result = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a script's value is true."""
        deadline = time.monotonic() + _SECONDS
        while not self.run(condition):
            assert time.monotonic() < deadline, f"{condition} never held; messages: {self.messages}"
            time.sleep(0.05)

    def open(self, path: Path) -> None:
        """Open a file and wait until its page says that it is ready."""
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.wait_for("document.body !== null && document.body.dataset.ready === 'yes'")

    def click(self, selector: str) -> None:
        """Click the middle of an element, as a mouse does."""
        box = self.run(f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
                       "return [b.x + b.width / 2, b.y + b.height / 2]; })()")  # fmt: skip
        self.click_at(*box)

    def click_at(self, x: float, y: float) -> None:
        """Click a place of the page."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.run(f"document.querySelector({selector!r}).textContent"))

    @contextlib.contextmanager
    def tasks(self) -> Iterator[list[Task]]:
        """Give a list that holds, once the block has ended, what the page's main thread did in it."""
        found: list[Task] = []
        self._trace, self._traced = [], False
        self.send("Tracing.start", traceConfig={"includedCategories": ["toplevel", "__metadata"]})
        yield found
        self.send("Tracing.end")
        while not self._traced:
            self._notice(self._receive())
        pages = {
            (e["pid"], e["tid"])
            for e in self._trace
            if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
        }
        found += [
            Task(e["dur"] / 1000, e.get("tdur", e["dur"]) / 1000)
            for e in self._trace
            if e["name"].endswith("RunTask") and e["ph"] == "X" and (e["pid"], e["tid"]) in pages
        ]

    def screenshot(self, path: Path) -> None:
        """Write a picture of the page."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))
