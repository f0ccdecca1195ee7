"""Every kernel of the registry and of training steps, compiled by NVRTC as for a GPU; what it takes is reported."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import pytest

from graphc import dtypes
from graphc.codegen import emit_cuda, emit_cuda_kernel, prelude
from graphc.codegen.cuda.tile import takes_tensor_cores
from graphc.errors import CompileError, DeviceError
from graphc.keras import layers, models
from graphc.loopir import ContractKernel, Kernel, Plan
from graphc.passes import expand_composites
from graphc.runtime import KernelResources, Nvrtc, resources
from graphc.schedule import lower_graph
from tests.ops.test_registry import CASES, build, is_float, sample

ARCHITECTURES = ("sm_80", "sm_90")
_BATCH = 150
_MOST_REGISTERS = 255
_ANGLES = re.compile(r"\b(sin|cos|tan)f?\(")
# Bytes that the compiler keeps aside now and then with most registers free; spilled sums would be hundreds.
_KEPT_ASIDE = 16


def compiler(architecture: str) -> Nvrtc:
    try:
        return Nvrtc(architecture)
    except DeviceError as error:
        pytest.skip(f"kernels are not compiled for {architecture}: {error}")


def registry_plans() -> Iterator[Plan]:
    for op, number in CASES:
        arrays, attrs = sample(op, number)
        for dtype in ("float32", "bfloat16"):
            cast = [a.astype(dtypes.numpy_dtype(dtype)) if is_float(a) else a for a in arrays]
            yield lower_graph(expand_composites(build(op, cast, attrs)))


def training_plans() -> Iterator[Plan]:
    dense = [layers.Dense(300, activation="relu", input_shape=(50,)), layers.Dropout(0.3), layers.BatchNormalization()]
    convolution = [
        layers.Conv2D(33, 3, activation="relu", input_shape=(12, 13, 3)),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(17, 3, padding="same"),
        layers.Flatten(),
    ]
    for body, optimizer in ((dense, "adam"), (convolution, "rmsprop")):
        model = models.Sequential([*body, layers.Dense(10, activation="softmax")])
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
        model._make_train_function()
        yield model.train_function.executable(1).plan


@functools.cache
def distinct_kernels() -> tuple[Kernel, ...]:
    kernels: dict[Kernel, None] = {}
    for plan in (*registry_plans(), *training_plans()):
        kernels.update(dict.fromkeys(launch.kernel for launch in plan.launches))
    return tuple(kernels)


@functools.cache
def compiled(architecture: str) -> dict[Kernel, KernelResources]:
    """Return what every kernel takes; compiled in batches, which is faster than one by one."""
    nvrtc, kernels = compiler(architecture), distinct_kernels()
    found: dict[Kernel, KernelResources] = {}
    for start in range(0, len(kernels), _BATCH):
        batch = kernels[start : start + _BATCH]
        texts = [emit_cuda_kernel(kernel, f"kernel_{i}")[0] for i, kernel in enumerate(batch)]
        taken = resources(nvrtc.compile("\n".join([prelude(), *texts])))
        found |= {kernel: taken[f"kernel_{i}"] for i, kernel in enumerate(batch)}
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_and_fits(architecture: str) -> None:
    for kernel, taken in compiled(architecture).items():
        assert 0 < taken.registers <= _MOST_REGISTERS, kernel.label
        assert taken.shared <= 48 << 10, kernel.label


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_contractions_keep_everything_in_registers(architecture: str) -> None:
    found = {k: taken for k, taken in compiled(architecture).items() if isinstance(k, ContractKernel)}
    assert len(found) > 20
    assert [k.label for k, taken in found.items() if taken.stack > _KEPT_ASIDE] == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_only_angles_of_large_arguments_need_a_stack(architecture: str) -> None:
    # CUDA's own sine, cosine and tangent of large arguments index a table.
    spilled = [k for k, taken in compiled(architecture).items() if taken.stack > _KEPT_ASIDE]
    texts = {k.label: emit_cuda_kernel(k, "kernel")[0] for k in spilled}
    assert [label for label, text in texts.items() if not _ANGLES.search(text)] == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_tensor_core_kernels_compile_without_spills(precision: str, architecture: str) -> None:
    kernels = [k for k in distinct_kernels() if isinstance(k, ContractKernel) and takes_tensor_cores(k)]
    assert len(kernels) > 5
    texts = [emit_cuda_kernel(k, f"kernel_{i}", precision=precision)[0] for i, k in enumerate(kernels)]
    taken = resources(compiler(architecture).compile("\n".join([prelude(), *texts])))
    assert len(taken) >= len(kernels)
    assert all(kernel.stack <= _KEPT_ASIDE for kernel in taken.values())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_whole_steps_compile_with_what_libraries_and_long_folds_take(architecture: str) -> None:
    libraries = {"cublas": "measure", "cudnn": "measure"}
    calls: set[str] = set()
    for plan in training_plans():
        program = emit_cuda(plan, libraries=libraries)
        taken = resources(compiler(architecture).compile(program.text))
        started = program.procedure.started
        assert any(s.long is not None for s in started)
        calls |= {other.library for s in started for other in s.others}
        for geometry in (g for s in started for g in (*s.functions, *s.around)):
            assert 0 < taken[geometry.function].registers <= _MOST_REGISTERS
            assert taken[geometry.function].shared <= 48 << 10
    assert calls == set(libraries)


def test_64_bit_indices_compile() -> None:
    texts = [emit_cuda_kernel(kernel, f"kernel_{i}")[0] for i, kernel in enumerate(distinct_kernels()[:_BATCH])]
    assert (
        compiler("sm_90").compile("\n".join(["#define GC_INDEX long long", prelude(), *texts])).startswith(b"\x7fELF")
    )


def test_an_error_carries_the_log() -> None:
    with pytest.raises(CompileError, match=r"NVRTC rejects .*identifier \"nonsense\" is undefined"):
        compiler("sm_90").compile("__global__ void k() { nonsense; }")


def test_assembly_is_ptx() -> None:
    assert ".target sm_90" in compiler("sm_90").assembly('extern "C" __global__ void k(float* p) { *p = 1; }')
