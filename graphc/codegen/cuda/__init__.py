"""NVIDIA GPUs: Plan -> CUDA C as text."""

from graphc.codegen.cuda.module import emit_cuda, emit_cuda_kernel, prelude

__all__ = ["emit_cuda", "emit_cuda_kernel", "prelude"]
