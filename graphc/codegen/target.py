"""What code generation must know of a processor: facts, no detection and no device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A processor to emit for.

    `name` and `features` are LLVM's spellings (`znver4`, `+avx2,+fma,...`). `lanes` is the number of float32 lanes of
    a vector register, `registers` the number of vector registers, `fma` whether fused multiply-add is one
    instruction, `half` whether float16 conversions are. `l1` and `l2` are cache sizes in bytes.
    """

    name: str
    features: str
    lanes: int
    registers: int
    fma: bool
    half: bool
    l1: int = 32 * 1024
    l2: int = 512 * 1024

    @property
    def attributes(self) -> str:
        """The text of the attribute group `#0` that every emitted function carries."""
        width = 32 * self.lanes
        return (
            f'attributes #0 = {{ nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}" '
            f'"target-cpu"="{self.name}" "target-features"="{self.features}" }}\n'
        )


def describe_target(name: str, features: str, l1: int = 32 * 1024, l2: int = 512 * 1024) -> Target:
    """Return the Target of a processor by LLVM's names for it and for its features.

    An unknown set of features gives four lanes and sixteen registers, which every 64-bit processor has.
    """
    enabled = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= enabled:
        return Target(name, features, 16, 32, fma=True, half=True, l1=l1, l2=l2)
    if "avx2" in enabled:
        return Target(name, features, 8, 16, fma="fma" in enabled, half="f16c" in enabled, l1=l1, l2=l2)
    if "neon" in enabled:
        return Target(name, features, 4, 32, fma=True, half=True, l1=l1, l2=l2)
    return Target(name, features, 4, 16, fma=False, half=False, l1=l1, l2=l2)
