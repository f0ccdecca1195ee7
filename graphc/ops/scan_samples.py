"""Recurrences for the tests of every op: several carries, reversed, of one step and of none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from graphc import ops
from graphc.graph import Node
from graphc.ops.define import Sample

Build: TypeAlias = Callable[[Sequence[Node]], Node]


def _sample(build: Build, *shapes: tuple[int, ...]) -> Sample:
    """Return operands of these shapes and, once their nodes are there, the attributes of what is built of them."""

    def attributes(inputs: Sequence[Node]) -> dict[str, Any]:
        n = build(inputs)
        assert n.inputs == tuple(inputs)
        return dict(n.attrs)

    return lambda rng: (tuple(rng.standard_normal(s) for s in shapes), attributes)


def _dense(x: Node, h: Node, w: Node) -> tuple[Node, Node]:
    new = ops.tanh(x + h @ w)
    return new, new * 2.0


def _final_state(inputs: Sequence[Node]) -> Node:
    x, h, w = inputs
    return ops.scan(_dense, [x], [h], [w])[0][0]


def _all_states(inputs: Sequence[Node]) -> Node:
    x, h, w = inputs
    return ops.scan(_dense, [x], [h], [w], reverse=True)[1][0]


def _two_carries(inputs: Sequence[Node]) -> Node:
    x, y, a, b, scale = inputs

    def step(x: Node, y: Node, a: Node, b: Node, scale: Node) -> tuple[list[Node], Node]:
        new = ops.sin(a * scale + x) + ops.sum(b) * 0.1
        return [new, b * y + ops.mean(a)], a * x

    return ops.scan(step, [x, y], [a, b], [scale])[1][0]


def _counted(inputs: Sequence[Node]) -> Node:
    a, w = inputs
    return ops.scan(lambda a, w: (ops.sin(a * w), ()), [], [a], [w], length=5)[0][0]


SAMPLES: tuple[Sample, ...] = (
    _sample(_final_state, (4, 2, 3), (2, 3), (3, 3)),
    _sample(_all_states, (4, 2, 3), (2, 3), (3, 3)),
    _sample(_two_carries, (3, 2), (3, 4), (2,), (4,), ()),
    _sample(_counted, (3,), (3,)),
    _sample(_final_state, (1, 2, 3), (2, 3), (3, 3)),
    _sample(_all_states, (0, 2, 3), (2, 3), (3, 3)),
    _sample(_final_state, (0, 2, 3), (2, 3), (3, 3)),
)
