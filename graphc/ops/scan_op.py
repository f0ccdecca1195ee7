"""scan: a graph run step by step along the leading axis of sequences, its carries going from step to step."""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.graph import Graph, Node, TensorType, same_dim
from graphc.ops.define import Array, Primitive
from graphc.ops.scan_samples import SAMPLES
from graphc.symbolic import Dim

RunBody: TypeAlias = Callable[[Sequence[Array], Sequence[Node]], list[Array]]


class Scan(Primitive, name="scan", kind="structured"):
    """One result of a recurrence: scan(*sequences, *initials, *others).

    `body` is a closed graph. Its inputs: an element of each sequence (the sequence without axis 0), each carry, each
    other input; its outputs: the new carries, in type the carries. Step s works on position s of the sequences, with
    `reverse` on position length - 1 - s. The node is, with `carry`, that carry after the last step (its initial value
    where there is none); with `value`, the value that this node of the body has in each step, stacked by position on
    a new axis 0. Nodes that differ only in these two are siblings: results of one run.
    """

    def infer(
        *types: TensorType, body: Graph, sequences: int, carries: int, length: Dim, reverse: bool,
        carry: int | None, value: Node | None,
    ) -> TensorType:  # fmt: skip
        if len(types) != len(body.inputs) or len(body.outputs) != carries or body.updates:
            raise ShapeError(
                f"has {len(types)} inputs, {carries} of them carries; the body takes {len(body.inputs)} and gives "
                f"{len(body.outputs)} carries and {len(body.updates)} updates"
            )
        initials = types[sequences : sequences + carries]
        for i, (t, inner) in enumerate(zip(types, body.inputs)):
            if i < sequences:
                t = _element_type(t, length, inner)
            _check_same(t, inner.type, i, "input")
        for i, (t, new) in enumerate(zip(initials, body.outputs)):
            _check_same(t, new.type, i, "output")
        if (carry is None) is (value is None):
            raise ShapeError("gives a carry or the values of an inner node, one of the two")
        if value is not None:
            return TensorType((length, *value.shape), value.dtype)
        assert carry is not None
        return initials[carry]

    def ref(
        *arrays: Array, body: RunBody, sequences: int, carries: int, length: int, reverse: bool,
        carry: int | None, value: Node | None,
    ) -> Any:  # fmt: skip
        runs, others = arrays[:sequences], arrays[sequences + carries :]
        current = list(arrays[sequences : sequences + carries])
        wanted = () if value is None else (value,)
        stacked: list[Array] = []
        for step in range(length):
            position = length - 1 - step if reverse else step
            current = body([*(a[position] for a in runs), *current, *others], wanted)
            stacked += current[carries:]
            del current[carries:]
        if carry is not None:
            return current[carry]
        if length > 0:
            return np.stack(stacked[::-1] if reverse else stacked)
        # No step tells the shape of an element: a step over zeros does.
        shaped = body([*(np.zeros(a.shape[1:], a.dtype) for a in runs), *current, *others], wanted)[-1]
        return np.zeros((0, *shaped.shape), shaped.dtype)

    samples = SAMPLES


def _element_type(t: TensorType, length: Dim, inner: Node) -> TensorType:
    if t.rank == 0:
        raise ShapeError(f"the sequence for '{inner.attrs['name']}' is a scalar {t}: it has no axis to go along")
    if t.shape[0] != length:
        same_dim(t.shape[0], length, f"the length of the sequence for '{inner.attrs['name']}'")
    return TensorType(t.shape[1:], t.dtype)


def _check_same(given: TensorType, inner: TensorType, position: int, role: str) -> None:
    """Check that two types are one, dims that may turn out equal being taken as equal."""
    if given == inner:
        return
    text = f"{role} {position} of the body is {inner}, not {given}"
    if given.dtype != inner.dtype:
        raise DTypeError(text)
    if given.rank != inner.rank:
        raise ShapeError(text)
    for a, b in zip(given.shape, inner.shape):
        same_dim(a, b, text)
