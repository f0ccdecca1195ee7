"""`graphc verify`: compiled programs against the NumPy meaning of their graphs."""

from __future__ import annotations

from graphc import observe
from graphc.cli.view import find_program


def verify(target: str, ulps: float) -> int:
    """Print the differences and return 0; 1 where a node is farther from NumPy than `ulps`."""
    _, value = find_program(target)
    found = observe.verify(value)
    for verification in found:
        print(f"{verification}\n")
    return int(any(verification.worst > ulps for verification in found))
