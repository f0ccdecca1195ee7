"""Ops whose rules do not fit together: whoever adds one is told which rule is at fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import CompileError, GradientError, GraphError
from graphc.graph import Node, Op, TensorType, apply
from graphc.loopir import Call

X = graphc.placeholder((5, 3), name="x")


def faulty(kind: Any = "elementwise", **rules: Any) -> Node:
    usual: dict[str, Any] = {"infer": lambda t: t, "ref": np.negative, "lower": lambda n, index, load: load(0, index)}
    return apply(Op("faulty", kind, "What an op's author got wrong.", **{**usual, **rules}), X)


def test_a_gradient_of_another_type_than_the_input() -> None:
    y = faulty(grad=lambda n, g: (ops.cast(g, "float64"),))
    with pytest.raises(GradientError, match=r"rule of 'faulty' gave float64\[5, 3\] for an input float32\[5, 3\]"):
        graphc.gradients(ops.sum(y), [X])


def test_a_body_of_another_type_than_the_node() -> None:
    y = faulty("composite", infer=lambda t: TensorType((3, 5), t.dtype), expand=lambda x: -x)
    with pytest.raises(GraphError, match=r"the body of faulty is float32\[5, 3\], the node float32\[3, 5\]"):
        graphc.function([X], y)


def test_a_structured_op_without_a_template() -> None:
    with pytest.raises(CompileError, match="structured op 'faulty' has no template in the scheduler"):
        graphc.function([X], faulty("structured"))


def test_a_scalar_primitive_that_cuda_does_not_spell() -> None:
    y = faulty(lower=lambda n, index, load: Call("gamma", (load(0, index),), "float32"))
    with pytest.raises(CompileError, match="CUDA C has no spelling of 'gamma'"):
        graphc.codegen.emit_cuda(graphc.schedule.lower_graph(graphc.graph.Graph((X,), (y,)), for_cpu=False))
