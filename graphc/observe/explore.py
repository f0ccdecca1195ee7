"""view(): the explorer page of a model or a program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphc import viz
from graphc.errors import GraphcError
from graphc.observe.programs import ROWS, example_arrays, programs_of
from graphc.observe.trace import tell_story


def view(
    value: Any,
    path: str | os.PathLike[str] = "graphc_view.html",
    run: bool = False,
    arrays: Sequence[Any] | None = None,
    title: str | None = None,
    rows: int = ROWS,
) -> Path:
    """Write the explorer page of a model, a compiled function, a graph or nodes to `path`; return the path.

    The page is one file that needs no network: layers, operations, every pass, kernels, loop IR, LLVM IR, assembly.
    With `run` the programs are run and the page has times: on `arrays` where there is one program and they are
    given, else on random ones of `rows` rows (states keep their values). Raises GraphcError for what has no
    program, and for no rows.
    """
    if rows < 1:
        raise GraphcError(f"a page is made for rows of data: rows is {rows}, and should be 1 or more")
    name = title or str(getattr(value, "name", None) or "program")
    programs = programs_of(value, name)
    stories = []
    for label, program in programs.items():
        used = arrays if len(programs) == 1 else None
        if used is None and run:
            used = example_arrays(program.plan, rows=rows)
        stories.append(tell_story(program, used, label, rows))
    target = Path(path)
    viz.write_atomically(target, viz.explorer_page(name, stories))
    return target
