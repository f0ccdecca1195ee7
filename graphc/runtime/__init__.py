"""Run: text -> object code -> memory -> calls from Python."""

from graphc.runtime.cache import directory as cache_directory
from graphc.runtime.cpu import CpuDevice, Host, cpu
from graphc.runtime.device import Device, LoadedCode
from graphc.runtime.executor import Executable
from graphc.runtime.load import load_plan
from graphc.runtime.report import CodeReport
from graphc.runtime.symbols import set_threads, threads

__all__ = [
    "CodeReport", "CpuDevice", "Device", "Executable", "Host", "LoadedCode", "cache_directory", "cpu", "load_plan",
    "set_threads", "threads",
]  # fmt: skip
