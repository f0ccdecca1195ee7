"""Run: text -> object code -> memory -> calls from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use
from graphc.runtime.cache import directory as cache_directory
from graphc.runtime.choice import AnyDevice, current_device, device, find_device, set_device
from graphc.runtime.collection import collect, collected
from graphc.runtime.cpu import CpuDevice, Host, cpu
from graphc.runtime.executor import Executable, Instruments, Translation
from graphc.runtime.layouts import LayoutReport, describe_layouts
from graphc.runtime.load import load_plan, load_program
from graphc.runtime.peak import Peak, measure_peak
from graphc.runtime.profile import KernelProfile, Profile, shares
from graphc.runtime.protocol import Accelerator, Device, LoadedCode
from graphc.runtime.recall import Identity
from graphc.runtime.report import CodeReport, ProgramReport, Stage, describe_program
from graphc.runtime.sources import source_digest
from graphc.runtime.symbols import set_threads, threads
from graphc.runtime.table import Column, table_text

if TYPE_CHECKING:
    from graphc.runtime.cuda import CudaDevice, KernelResources, Nvrtc, has_library, resources

__all__ = [
    "Accelerator", "AnyDevice", "CodeReport", "Column", "CpuDevice", "CudaDevice", "Device", "Executable", "Host",
    "Identity", "Instruments", "KernelProfile", "KernelResources", "LayoutReport", "LoadedCode", "Nvrtc", "Peak",
    "Profile", "ProgramReport", "Stage", "Translation", "cache_directory", "collect", "collected", "cpu",
    "current_device", "describe_layouts", "describe_program", "device", "find_device", "has_library", "load_plan",
    "load_program", "measure_peak", "resources", "set_device", "set_threads", "shares", "source_digest",
    "table_text", "threads",
]  # fmt: skip

# A process that uses no GPU need not wait for what runs one.
__getattr__, __dir__ = loaded_on_first_use(__name__, {"cuda": "CudaDevice KernelResources Nvrtc has_library resources"})
