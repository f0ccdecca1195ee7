"""NVIDIA GPUs: compiled by NVRTC, run through CuPy."""

from graphc.runtime.cuda.compiler import KernelResources, Nvrtc, resources
from graphc.runtime.cuda.device import CudaDevice, cuda
from graphc.runtime.cuda.epoch import EpochRunner
from graphc.runtime.cuda.program import CudaProgram
from graphc.runtime.cuda.trial import has_library

__all__ = ["CudaDevice", "CudaProgram", "EpochRunner", "KernelResources", "Nvrtc", "cuda", "has_library", "resources"]
