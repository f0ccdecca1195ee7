"""Floating-point operations are counted as the kernel does them."""

from __future__ import annotations

import graphc
from graphc import ops
from graphc.graph import Node
from graphc.loopir import count_operations
from graphc.symbolic import symbols


def total(outputs: Node, *inputs: Node) -> object:
    plan = graphc.function(list(inputs), outputs).plan
    return sum((count_operations(launch.kernel) for launch in plan.launches), start=0)


def test_a_product_and_its_epilogue() -> None:
    x, w = graphc.placeholder((7, 5), name="x"), graphc.placeholder((5, 3), name="w")
    assert total(ops.tanh(x @ w + 1.0), x, w) == 7 * 3 * (2 * 5 + 2)


def test_folds_count_their_combining_and_choices_nothing() -> None:
    x = graphc.placeholder((7, 5), name="x")
    assert total(ops.sum(x * 3.0, axis=1), x) == 7 * 5 * 2
    assert total(ops.where(x > 0.0, x, ops.exp(x)), x) == 7 * 5
    counts = graphc.placeholder((7, 5), "int32", name="counts")
    assert total(counts + 1, counts) == 0


def test_run_time_sizes_stay_symbols() -> None:
    x = graphc.placeholder((None, 5), name="x")
    assert total(ops.exp(x), x) == 5 * x.shape[0]


def test_blocks_whose_last_one_is_smaller_are_counted_as_they_are() -> None:
    """Programs of convolutions by tiles can be profiled: no count depends on a loop's variable."""
    x, w = graphc.placeholder((None, 14, 14, 32), name="x"), graphc.placeholder((3, 3, 32, 32), name="w")
    plan = graphc.function([x, w], ops.convolution(x, w, padding="same")).plan
    assert any("winograd" in launch.kernel.label for launch in plan.launches)
    for launch in plan.launches:
        assert symbols(count_operations(launch.kernel)) <= symbols(x.shape[0])
