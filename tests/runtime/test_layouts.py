"""The report's decisions on layouts: what is moved, packed into panels, kept, read in steps, and why."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.loopir import ContractKernel

X = graphc.placeholder((None, 600), name="x")
WEIGHTS = graphc.state(np.ones((600, 256), np.float32), "weights")


def layouts_of(program: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(program.report("json"))["layouts"]
    return found


def panel_width(program: Any) -> int:
    """Return the columns of a panel, which are the processor's choice."""
    [width] = {launch.kernel.column[1] for launch in program.plan.launches if isinstance(launch.kernel, ContractKernel)}
    assert 1 < width < 256
    return int(width)


def test_weights_in_panels_are_moved_once_for_the_product_that_reads_them() -> None:
    program = graphc.function([X], X @ WEIGHTS.node)
    [packed] = layouts_of(program)
    width = panel_width(program)
    array, layout = f"copy float32[{256 // width}, 600, {width}]", f"panels of {width} columns"
    assert (packed["kept"], packed["array"], packed["layout"]) == (True, array, layout)
    assert packed["bytes"] == str(2 * 4 * 600 * 256)
    assert packed["reason"] == "the tiles of launch 1 (contract+reshape) read a panel from end to end"
    assert f"{array}: {layout}, 1228800 bytes once: the tiles" in program.report()


def test_a_transpose_that_is_a_result_is_moved_at_each_call() -> None:
    y = graphc.placeholder((7, 5, 3), name="y")
    program = graphc.function([y], ops.transpose(y, (2, 0, 1)))
    moved, read = layouts_of(program)
    assert (moved["array"], moved["layout"], moved["kept"]) == ("transpose float32[3, 7, 5]", "moved", False)
    assert moved["reason"] == "the caller or a state wants it in memory of its own"
    assert (read["array"], read["layout"], read["bytes"]) == ("y", "in steps of 3 elements", "0")
    assert "layouts: 1 transposes as built, 1 after the passes: 1 moved in memory, 0 read in place" in program.report()


def test_a_transpose_inside_a_kernel_moves_nothing() -> None:
    y = graphc.placeholder((7, 5), name="y")
    program = graphc.function([y], ops.sum(ops.transpose(y) * 2.0, 0))
    assert "1 transposes as built, " in program.report() and "0 moved in memory" in program.report()
    assert all(layout["bytes"] == "0" for layout in layouts_of(program))


def test_what_follows_from_weights_is_kept() -> None:
    program = graphc.function([X], X * ops.exp(ops.sum(WEIGHTS.node, 1)))
    kept = [layout for layout in layouts_of(program) if layout["kept"]]
    assert kept and {layout["layout"] for layout in kept} == {"kept"}
    assert "follows from weights alone" in kept[0]["reason"] and "read by launch 1" in kept[0]["reason"]


def test_the_table_has_the_layouts_too() -> None:
    console = pytest.importorskip("rich.console").Console(width=250, record=True, file=io.StringIO())
    program = graphc.function([X], X @ WEIGHTS.node)
    console.print(program.report("rich"))
    assert f"panels of {panel_width(program)} columns" in console.export_text()
