"""Rows of a size that kernels keep apart, and those that they bring together."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import symbolic
from graphc.loopir import (
    Fold,
    For,
    Index,
    Launch,
    Load,
    Local,
    LoopKernel,
    Parameter,
    Place,
    Statement,
    Store,
    evaluate_kernel,
    independent_rows,
    row_distances,
)
from graphc.records import replace
from graphc.symbolic import Dim, Symbol
from tests.loopir.programs import BATCH, batch, contract_kernel, elementwise_kernel, fold_kernel, loop


def kernel(extent: Dim, source: Dim, target: Dim, *inside: tuple[Symbol, Dim]) -> LoopKernel:
    """out[target] = a[source] in a parallel loop `i` of this extent, loops `inside`."""
    body: tuple[Statement, ...] = (Store("out", target, Load("a", source, "float32")),)
    for symbol, inner in reversed(inside):
        body = (For(symbol, inner, body),)
    parameters = (Parameter("a", "float32"), Parameter("out", "float32", True))
    return LoopKernel(parameters, (BATCH,), (For(Symbol("i", extent), extent, body, parallel=True),))


def test_rows_of_matrices_take_up_their_columns() -> None:
    assert row_distances(elementwise_kernel(5), BATCH) == (5, 0, 5)
    assert row_distances(fold_kernel("sum", 5), BATCH) == (5, 1)
    assert row_distances(contract_kernel(4, 3), BATCH) == (4, 0, 0, 3)


def test_loops_that_were_made_one_still_have_rows() -> None:
    (_, i) = loop("i", 6 * batch)
    assert row_distances(kernel(6 * batch, 2 * i, i), BATCH) == (12, 6)


ROW = loop("i", batch)[1]
COLUMN, J = loop("j", 4)
OTHER = symbolic.symbol("other")


@pytest.mark.parametrize(
    "mixing",
    [
        kernel(batch, batch - ROW, ROW),  # from the end
        kernel(batch, ROW + 1, ROW),  # the next row
        kernel(batch, 4 * ROW + J + 1, 4 * ROW + J, (COLUMN, 4)),  # a neighbour, in the next row at the end
        kernel(batch, ROW, J, (COLUMN, 4)),  # all rows to one place
        kernel(batch, J * batch + ROW, 4 * ROW + J, (COLUMN, 4)),  # rows that are columns
        kernel(7, symbolic.symbol("i", 7) + batch, symbolic.symbol("i", 7)),  # the size is no loop's
        kernel(batch * batch, symbolic.symbol("i", batch * batch), symbolic.symbol("i", batch * batch)),
        kernel(batch, ROW // 2, ROW),
        replace(elementwise_kernel(5), body=elementwise_kernel(5).body[0].body),  # type: ignore[union-attr]
    ],
)  # fmt: skip
def test_what_mixes_rows_has_none(mixing: LoopKernel) -> None:
    assert row_distances(mixing, BATCH) is None


def test_a_value_that_tells_rows_apart_keeps_them_together() -> None:
    numbered = For(Symbol("i", batch), batch, (Store("out", ROW, Index(ROW, "int64")),), parallel=True)
    parameters = (Parameter("out", "int64", True),)
    assert row_distances(LoopKernel(parameters, (BATCH,), (numbered,)), BATCH) is None


def test_a_fold_over_the_rows_has_none() -> None:
    symbol, r = loop("r", batch)
    total = Fold("v", "sum", ((symbol, batch),), Load("a", r, "float32"), "float32")
    body = For(Symbol("i", 3), 3, (total, Store("out", symbolic.symbol("i", 3), Local("v", "float32"))), parallel=True)
    parameters = (Parameter("a", "float32"), Parameter("out", "float32", True))
    assert row_distances(LoopKernel(parameters, (BATCH,), (body,)), BATCH) is None


def test_some_rows_are_computed_as_in_the_whole() -> None:
    """Places moved by the distances, and the count as the size, give these rows of the whole result."""
    memory = {
        "x": np.arange(28.0, dtype=np.float32),
        "w": np.ones(12, np.float32),
        "b": np.arange(3.0, dtype=np.float32),
    }
    whole = {**memory, "out": np.zeros(21, np.float32)}
    evaluate_kernel(contract_kernel(), whole, {BATCH: 7})
    distances = row_distances(contract_kernel(), BATCH)
    assert distances is not None
    some = {**memory, "out": np.zeros(21, np.float32)}
    for first, count in ((0, 4), (4, 3)):
        moved = {name: some[name][first * d :] for name, d in zip(["x", "w", "b", "out"], distances)}  # type: ignore[operator]
        evaluate_kernel(contract_kernel(), moved, {BATCH: count})
    assert np.array_equal(some["out"], whole["out"])


def launch(source: str | Place, target: str | Place, columns: int = 3) -> Launch:
    _, i = loop("i", columns * batch)
    return Launch(kernel(columns * batch, i, i), (source, target), 1, 1)


def test_steps_keep_rows_apart_where_each_launch_does_at_all_places() -> None:
    t = symbolic.symbol("t", 9)
    step = launch(Place("h", t * batch * 3 - batch * 3, t, Place("start")), Place("h", t * batch * 3))
    assert independent_rows((step,)) == BATCH
    assert independent_rows((step, launch("h", "other"))) == BATCH
    # What is read as rows of another width than it was written mixes rows; so does a place within a row.
    assert independent_rows((step, launch("h", "other", columns=2))) is None
    assert independent_rows((step, launch(Place("h", 1), "other"))) is None
    assert independent_rows((step, launch(Place("given", 1), "other"))) == BATCH
