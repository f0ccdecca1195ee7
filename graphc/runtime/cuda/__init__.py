"""NVIDIA GPUs: compiled by NVRTC, run through CuPy."""

from graphc.runtime.cuda.compiler import KernelResources, Nvrtc, resources
from graphc.runtime.cuda.device import CudaDevice, cuda
from graphc.runtime.cuda.epoch import EpochRunner
from graphc.runtime.cuda.program import CudaProgram

__all__ = ["CudaDevice", "CudaProgram", "EpochRunner", "KernelResources", "Nvrtc", "cuda", "resources"]
