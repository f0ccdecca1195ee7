"""view(): the explorer page of a model or a program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphc import viz
from graphc.observe.programs import example_arrays, programs_of
from graphc.observe.trace import tell_story


def view(
    value: Any,
    path: str | os.PathLike[str] = "graphc_view.html",
    run: bool = False,
    arrays: Sequence[Any] | None = None,
    title: str | None = None,
) -> Path:
    """Write the explorer page of a model, a compiled function, a graph or nodes to `path`; return the path.

    The page is one file that needs no network: layers, operations, every pass, kernels, loop IR, LLVM IR, assembly.
    With `run` the programs are run and the page has times: on `arrays` where there is one program and they are
    given, else on random ones of 32 rows (states keep their values). Raises GraphcError for what has no program.
    """
    name = title or str(getattr(value, "name", None) or "program")
    programs = programs_of(value, name)
    stories = []
    for label, program in programs.items():
        given = arrays if arrays is not None and len(programs) == 1 else None
        used = (given if given is not None else example_arrays(program.plan)) if run or given is not None else None
        stories.append(tell_story(program, used, label))
    target = Path(path)
    viz.write_atomically(target, viz.explorer_page(name, stories))
    return target
