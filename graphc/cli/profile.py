"""`graphc profile`: a script, and where its compiled programs spend their time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from graphc import runtime
from graphc.cli.run import run


def profile(script: str, arguments: Sequence[str], output: str | None) -> int:
    """Run the script, print the profiles of its programs, longest first, and return the script's exit status."""
    os.environ["GRAPHC_PROFILE"] = "1"
    try:
        status = run(script, arguments)
    finally:
        found = [program.counted() for program in runtime.collected()]
        found = sorted((p for p in found if p.runs), key=lambda p: -p.nanoseconds * p.runs)
        for p in found:
            print(f"\n{p}")
        if not found:
            print("\nno compiled program ran")
        if output is not None:
            Path(output).write_text(f"[{', '.join(p.json() for p in found)}]\n", encoding="utf-8")
    return status
