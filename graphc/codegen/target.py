"""What code generation must know of a processor: facts, no detection and no device."""

from __future__ import annotations

from typing import Literal

from graphc.records import record


@record
class Target:
    """A processor to emit for.

    `name` and `features` are LLVM's spellings (`znver4`, `+avx2,+fma,...`). `lanes` is the number of float32 lanes of
    a vector register, `registers` the number of vector registers, `fma` whether fused multiply-add is one
    instruction, `half` whether float16 conversions are. `l1` and `l2` are cache sizes in bytes. `subnormals` names the
    control register by which subnormal numbers are taken for zeros; `kept` where they are computed with.
    """

    name: str
    features: str
    lanes: int
    registers: int
    fma: bool
    half: bool
    l1: int = 32 * 1024
    l2: int = 512 * 1024
    subnormals: Literal["kept", "mxcsr", "fpcr"] = "kept"

    @property
    def attributes(self) -> str:
        """The text of the attribute group `#0` that every emitted function carries."""
        width = 32 * self.lanes
        return (
            f'attributes #0 = {{ nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}" '
            f'"target-cpu"="{self.name}" "target-features"="{self.features}" }}\n'
        )


def describe_target(
    name: str, features: str, l1: int = 32 * 1024, l2: int = 512 * 1024, keep_subnormals: bool = False
) -> Target:
    """Return the Target of a processor by LLVM's names for it and for its features.

    An unknown set of features gives four lanes and sixteen registers, which every 64-bit processor has, and keeps
    subnormal numbers.
    """
    enabled = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    subnormals: Literal["kept", "mxcsr", "fpcr"] = "mxcsr" if "sse2" in enabled else "fpcr"
    if keep_subnormals or enabled.isdisjoint(("sse2", "neon")):
        subnormals = "kept"
    lanes, registers, fma, half = 4, 16, False, False
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= enabled:
        lanes, registers, fma, half = 16, 32, True, True
    elif "avx2" in enabled:
        lanes, registers, fma, half = 8, 16, "fma" in enabled, "f16c" in enabled
    elif "neon" in enabled:
        lanes, registers, fma, half = 4, 32, True, True
    return Target(name, features, lanes, registers, fma, half, l1, l2, subnormals)
