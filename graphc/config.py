"""Every GRAPHC_* flag in one table: its name, type, default and meaning. Read from the environment at each use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from graphc.errors import ConfigError
from graphc.records import record

# When a library does what a kernel of ours could do.
LIBRARY_USES = ("measure", "always", "never")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in _TRUE | _FALSE:
        raise ValueError("expected 0 or 1")
    return lowered in _TRUE


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("expected a number not below 0")
    return number


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _device(text: str) -> str:
    if re.fullmatch(r"cpu|cuda(:\d+)?", text) is None:
        raise ValueError("expected cpu, cuda or cuda:N")
    return text


def _precision(text: str) -> str:
    if text not in ("exact", "fast"):
        raise ValueError("expected exact or fast")
    return text


def _matmul_precision(text: str) -> str:
    if text not in ("float32", "tf32", "bfloat16"):
        raise ValueError("expected float32, tf32 or bfloat16")
    return text


def _library_use(text: str) -> str:
    use = {"0": "never", "1": "always"}.get(text, text)
    if use not in LIBRARY_USES:
        raise ValueError("expected measure, always (1) or never (0)")
    return use


@record
class Flag:
    """One row of the table: `parse` turns the environment's text into the value; `help` tells what it does.

    `decides` what is compiled (`program`), what is seen of a compilation while it happens (`sight`), or neither, only
    where and how a program is kept or run (`running`).
    """

    name: str
    parse: Callable[[str], Any]
    default: Any
    help: str
    decides: Literal["program", "sight", "running"] = "program"


FLAGS: dict[str, Flag] = {
    flag.name: flag
    for flag in (
        Flag(
            "GRAPHC_VERIFY",
            _boolean,
            False,
            "1: verify the graph after every pass, the plan, and the LLVM text",
            "sight",
        ),
        Flag("GRAPHC_DUMP", str, "", "folder that gets the graph's text after each pass that changed it", "sight"),
        Flag("GRAPHC_DISABLE", _names, frozenset(), "passes to leave out, separated by commas"),
        Flag("GRAPHC_STOP_AFTER", str, "", "name of the last pass to run"),
        Flag("GRAPHC_TIME", _boolean, False, "1: print the time of each stage of a compilation on stderr", "sight"),
        Flag(
            "GRAPHC_CACHE",
            str,
            "",
            "folder of the cache of programs; 0: no cache; empty: the user's cache folder",
            "running",
        ),
        Flag("GRAPHC_THREADS", _count, 0, "threads of a compiled program; 0: one for each usable core", "running"),
        Flag("GRAPHC_SUBNORMALS", _boolean, False, "1: compute with subnormal numbers; 0: they count as zero"),
        Flag("GRAPHC_NAN_GUARD", _boolean, False, "1: raise ExecutionError when a result is not finite"),
        Flag("GRAPHC_PROFILE", _boolean, False, "1: build programs with clocks between their kernels"),
        Flag(
            "GRAPHC_CONV_PRECISION",
            _precision,
            "exact",
            "exact: convolutions round as direct sums do; fast: about twice as much, and faster for 3 x 3 kernels",
        ),
        Flag(
            "GRAPHC_MATMUL_PRECISION",
            _matmul_precision,
            "float32",
            "what a GPU may round float32 operands of contractions to: float32, tf32 or bfloat16",
        ),
        Flag(
            "GRAPHC_CUBLAS",
            _library_use,
            "measure",
            "matrix products on a GPU are cuBLASLt's: where it is faster (measure), always (1) or never (0)",
        ),
        Flag(
            "GRAPHC_CUDNN",
            _library_use,
            "measure",
            "convolutions on a GPU are cuDNN's: where it is faster (measure), always (1) or never (0)",
        ),
        Flag("GRAPHC_DEVICE", _device, "cpu", "where programs run: cpu, cuda or cuda:N", "running"),
    )
}


# The flags' texts while `holding` keeps them as they were.
_held: ContextVar[Mapping[str, str] | None] = ContextVar("held", default=None)


def _source() -> Mapping[str, str]:
    held = _held.get()
    return os.environ if held is None else held


def texts() -> dict[str, str]:
    """Return the flags that are set, as text: what `holding` takes."""
    return {name: text for name in FLAGS if (text := _source().get(name)) is not None}


@contextmanager
def holding(given: Mapping[str, str]) -> Iterator[None]:
    """Let flags have the values of these texts inside the block, in this thread, and the others their defaults."""
    token = _held.set(given)
    try:
        yield
    finally:
        _held.reset(token)


def put(name: str, text: str) -> None:
    """Set a flag for this process. Raises ConfigError for a value the flag cannot have."""
    flag = FLAGS[name]
    try:
        flag.parse(text)
    except ValueError as error:
        raise ConfigError(f"{name}={text!r}: {error}. {name}: {flag.help}") from None
    os.environ[name] = text


def get(name: str) -> Any:
    """Return a flag's value: the environment's, else the table's default.

    Raises ConfigError where the environment holds a value the flag cannot have, or no flag has this name.
    """
    flag = FLAGS.get(name)
    if flag is None:
        raise ConfigError(f"no flag is named {name}; there are {', '.join(FLAGS)}")
    text = _source().get(name)
    if text is None:
        return flag.default
    try:
        return flag.parse(text)
    except ValueError as error:
        raise ConfigError(f"{name}={text!r}: {error}. {name}: {flag.help}") from None
