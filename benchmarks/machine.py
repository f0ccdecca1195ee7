"""What the machine is, and what else it is doing."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """Return the processor's name, its vector extensions, the usable processors, and the system."""
    model, flags = platform.processor(), ""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            if key.strip() == "flags":
                flags = value
    except OSError:
        pass
    vectors = [name for name in ("avx2", "fma", "avx512f", "avx512_bf16") if f" {name} " in f"{flags} "]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "extensions": vectors, "usable": usable, "system": platform.platform()}


def load_average() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def busy_seconds() -> float:
    """Return the processor time that the whole machine has spent, what its host took away included; 0 if unknown."""
    try:
        fields = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except OSError:
        return 0.0
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")
