"""Run: text -> object code -> memory -> calls from Python."""

from graphc.runtime.cache import directory as cache_directory
from graphc.runtime.cpu import CpuDevice, Host, cpu
from graphc.runtime.device import Device, LoadedCode
from graphc.runtime.executor import Executable
from graphc.runtime.load import load_plan
from graphc.runtime.peak import Peak, measure_peak
from graphc.runtime.profile import Instruments, KernelProfile, Profile, collect, collected, shares
from graphc.runtime.report import CodeReport, ProgramReport, Stage, describe_program
from graphc.runtime.symbols import set_threads, threads

__all__ = [
    "CodeReport", "CpuDevice", "Device", "Executable", "Host", "Instruments", "KernelProfile", "LoadedCode", "Peak",
    "Profile", "ProgramReport", "Stage", "cache_directory", "collect", "collected", "cpu", "describe_program",
    "load_plan", "measure_peak", "set_threads", "shares", "threads",
]  # fmt: skip
