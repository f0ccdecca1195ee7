"""`graphc doctor`: what graphc finds on this machine, and whether a program compiles and runs."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import graphc
from graphc import config, runtime
from graphc.codegen import describe_target
from graphc.errors import ExecutionError

_PACKAGES = ("numpy", "llvmlite", "ml_dtypes", "networkx", "h5py", "PyYAML")
_CUPY = ("cupy-cuda12x", "cupy-cuda13x", "cupy")
# What may do products and convolutions where it is faster.
_GPU_LIBRARIES = (
    "nvidia-cublas",
    "nvidia-cublas-cu12",
    "nvidia-cudnn-cu13",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-frontend",
)
_TOLD_FEATURES = ("sse4.2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512bf16", "neon")
Row = tuple[str, str]


def doctor() -> int:
    """Print the findings and return 0; 1 where a check fails, whose row then tells the error."""
    failed = False
    for section in (_versions, _processor, _threads, _cache, _gpu, _flags, _trial):
        rows, succeeded = _collect(section)
        failed |= not succeeded
        for name, text in rows:
            print(f"{name:<12} {text}")
    return int(failed)


def _collect(section: Callable[[], Iterator[Row]]) -> tuple[list[Row], bool]:
    """Return the rows of a section; an error in it is a finding too, and does not hide the other sections."""
    rows: list[Row] = []
    try:
        rows.extend(section())
    except Exception as error:
        return [*rows, (section.__name__.strip("_"), f"FAILED: {type(error).__name__}: {error}")], False
    return rows, True


def _versions() -> Iterator[Row]:
    yield "graphc", f"{graphc.__version__} at {Path(graphc.__file__).parent}"
    yield "python", f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform()})"
    yield "packages", ", ".join(f"{name} {_version(name) or 'MISSING'}" for name in _PACKAGES)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> Iterator[Row]:
    host = runtime.cpu().host
    target = describe_target(host.name, host.features, host.l1, host.l2)
    enabled = set(host.features.split(","))
    yield "processor", f"{host.name} ({platform.machine()}), caches {host.l1 >> 10} KiB and {host.l2 >> 10} KiB"
    yield "features", " ".join(f for f in _TOLD_FEATURES if f"+{f}" in enabled) or "none that matter"
    yield "vectors", f"{target.lanes} float32 lanes, {target.registers} registers, fma: {'yes' if target.fma else 'no'}"


def _threads() -> Iterator[Row]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        ctypes.CDLL("libgomp.so.1")
        library = "libgomp found"
    except OSError:
        library = "libgomp.so.1 MISSING: programs run on one thread (Debian, Ubuntu: apt-get install libgomp1)"
    yield "threads", f"{runtime.threads()} a program, {usable} usable cores, {library}"


def _cache() -> Iterator[Row]:
    folder = runtime.cache_directory()
    if folder is None:
        yield "cache", "off"
        return
    sizes = [entry.stat().st_size for entry in folder.glob("*.o")]
    yield "cache", f"{folder}: {len(sizes)} entries, {sum(sizes) / 1e6:.1f} MB"


def _gpu() -> Iterator[Row]:
    cupy, libraries = ([f"{p} {v}" for p in names if (v := _version(p))] for names in (_CUPY, _GPU_LIBRARIES))
    yield "gpu", "; ".join((_driver_devices(), *(cupy or ["CuPy not installed"]), *libraries))


def _driver_devices() -> str:
    """Ask NVIDIA's driver itself: it is there whether or not CuPy is."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver"
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "NVIDIA driver without a device"
    name = ctypes.create_string_buffer(100)
    driver.cuDeviceGetName(name, len(name), 0)
    return f"{count.value} NVIDIA device(s), the first a {name.value.decode()}"


def _flags() -> Iterator[Row]:
    given = [name for name in config.FLAGS if name in os.environ]
    for name in given:
        yield name, f"{config.get(name)!r} ({config.FLAGS[name].help})"
    unknown = sorted(name for name in os.environ if name.startswith("GRAPHC_") and name not in config.FLAGS)
    if unknown:
        yield "unknown", f"{', '.join(unknown)}: no such flag"


def _trial() -> Iterator[Row]:
    x = graphc.placeholder((None, 3), name="x")
    start = time.perf_counter()
    result = graphc.function([x], graphc.ops.exp(x) * 2.0)(np.ones((5, 3), "float32"))
    seconds = time.perf_counter() - start
    if not np.allclose(result, 2.0 * np.exp(np.ones((5, 3))), rtol=1e-5):
        raise ExecutionError(f"exp(1) * 2 came out as {result[0, 0]}")
    yield "trial", f"a small program compiled, ran and gave the right numbers in {seconds * 1e3:.0f} ms"
