"""What a user may get wrong with symbols and arrays: the error names the op, the types given and the user's line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import graphc
from graphc import ops
from graphc.errors import DTypeError, GraphcError, GraphError, ShapeError, UsageError
from graphc.graph import REGISTRY, Node, apply
from graphc.keras import backend as K
from tests.mistakes import Mistakes, assert_told


def x(*shape: int | None, dtype: str = "float32") -> Node:
    return graphc.placeholder(shape, dtype, name="x")


def scan(sequence: Node, carry: Node, step: Callable[[Node, Node], Node]) -> Any:
    return graphc.scan(lambda now, kept: (step(now, kept), kept), [sequence], [carry])


MISTAKES: Mistakes = [
    (lambda: ops.exp("a"), DTypeError, "exp(): takes nodes, arrays and numbers, not str 'a'"),
    (lambda: ops.add(x(3), ["a"]), DTypeError, "add(float32[3]): takes nodes, arrays and numbers, not list ['a']"),
    (lambda: ops.bitwise_not(x(3)), DTypeError, "bitwise_not(float32[3]): takes integers or booleans, not float32"),
    (lambda: ops.arange(3, 5, 0), ShapeError, "arange(): needs a step that is not 0"),
    (lambda: ops.zeros((-3,)), ShapeError, "broadcast_to(float32[]): a dimension cannot be negative: float32[-3]"),
    (lambda: graphc.placeholder((2, -3), name="x"), ShapeError, "placeholder 'x'(): a dimension cannot be negative"),
    (lambda: x(3, dtype="complex64"), DTypeError, "placeholder 'x'(): dtype 'complex64' is not supported"),
    (lambda: ops.matmul(x(), x(4, 5)), ShapeError, "matmul(float32[], float32[4, 5]): takes no scalars"),
    (
        lambda: ops.tensordot(x(3, 4), x(4, 5), 3),
        ShapeError,
        "tensordot(float32[3, 4], float32[4, 5]): cannot pair 3 axes of operands of rank 2 and 2",
    ),
    (lambda: ops.tensordot(x(3, 4), x(4, 5), ((0, 1), 0)), ShapeError, "axes (0, 1) and (0,) do not pair up"),
    (
        lambda: ops.slice(x(3, 4), (0,), (1,), (1,)),
        ShapeError,
        "slice(float32[3, 4]): needs a start, a size and a step for each axis of float32[3, 4]",
    ),
    (
        lambda: ops.scatter_add(x(5, 3), x(2), x(2, 3)),
        DTypeError,
        "takes integer positions and one dtype, not float32[2], float32[5, 3] and float32[2, 3]",
    ),
    (
        lambda: ops.scatter_add(x(5, 3), x(2, dtype="int32"), x(3)),
        ShapeError,
        "scatter_add(float32[5, 3], int32[2], float32[3]): needs updates of shape (2, 3)",
    ),
    (
        lambda: ops.take_along_axis(x(3, 4), x(3, dtype="int32"), 1),
        ShapeError,
        "take_along_axis(float32[3, 4], int32[3]): positions of rank 1 do not fit rank 2",
    ),
    (lambda: ops.concatenate([]), ShapeError, "concatenate(): needs at least one array"),
    (lambda: ops.stack([]), ShapeError, "stack(): needs at least one array"),
    (
        lambda: ops.concatenate([x(3, 4), x(3)]),
        DTypeError,
        "concatenate(float32[3, 4], float32[3]): takes arrays of one dtype and rank",
    ),
    (
        lambda: ops.max_pool(x(3, 4), (2,)),
        ShapeError,
        "max_pool(float32[3, 4]): takes an array with axes of space between the first and the last",
    ),
    (lambda: scan(x(), x(3), lambda now, kept: kept), ShapeError, "scan: sequence 0 is a scalar float32[]"),
    (
        lambda: scan(x(5, 3), x(3, dtype="int32"), lambda now, kept: kept * 1.5),
        DTypeError,
        "scan: the step makes carry 0, int32[3], into float32[3]",
    ),
    (
        lambda: scan(x(5, 3, 4), x(3), lambda now, kept: now),
        ShapeError,
        "scan: the step makes carry 0, float32[3], into float32[3, 4]",
    ),
    (lambda: K.rnn(lambda now, kept: (now, kept), x(3, 4), []), ShapeError, "K.rnn needs inputs of at least 3 axes"),
    (
        lambda: K.rnn(lambda now, kept: (now, []), x(3, 4, 5), [], mask=x(3, 4)),
        ShapeError,
        "K.rnn needs initial states where there is a mask",
    ),
    (
        lambda: K.rnn(lambda now, kept: (now, []), x(3, None, 5), [], unroll=True),
        ShapeError,
        "unrolling needs a known number of steps above 0, not x",
    ),
    (
        lambda: graphc.function([], [], updates=[(x(3), x(3))]),
        GraphError,
        "only states can be updated, not <placeholder",
    ),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES)
def test_a_mistake_is_told(mistake: Callable[[], Any], error: type[GraphcError], message: str) -> None:
    assert_told(mistake, error, message, "test_mistakes.py:")


# The rules of ops that builders, gradients and passes feed: they hold whoever feeds them to the op's contract.
RULES: list[tuple[str, list[Node], dict[str, Any], type[GraphcError], str]] = [
    ("add", [x(3), x(3, dtype="int32")], {}, DTypeError, "takes operands of one dtype, not float32 and int32"),
    ("where", [x(3), x(3), x(3)], {}, DTypeError, "takes a bool and two of one dtype, not float32, float32"),
    ("matmul", [x(3, 4), x(4, 5, dtype="int32")], {}, DTypeError, "takes operands of one number dtype"),
    ("matmul", [x(4), x(4, 5)], {}, ShapeError, "takes operands of rank 2 or more, not 1 and 2"),
    (
        "contract",
        [x(3, 4, dtype="bool"), x(4, 5, dtype="bool")],
        {"batch": (), "depth": ((1, 0),)},
        DTypeError,
        "takes operands of one number dtype, not bool and bool",
    ),
    (
        "spread_windows",
        [x(2, 5, 3)],
        {"shape": (7,), "strides": (1,), "dilations": (1,)},
        ShapeError,
        "takes (n, o.., w.., c) with 1 axes o and w, not float32[2, 5, 3]",
    ),
    (
        "collect_windows",
        [x(2, 5, 3)],
        {"counts": (7,), "strides": (1,), "dilations": (1,)},
        ShapeError,
        "takes (n, s.., w.., c) with 1 axes s and w, not float32[2, 5, 3]",
    ),
    ("winograd_tiles", [x(2, None, 5, 3)], {"m": 2, "counts": (3, 4)}, ShapeError, "takes images of a known size"),
    (
        "winograd_join",
        [x(4, 4, 2, 3, 5, 7)],
        {"m": 2, "shape": (9, 10)},
        ShapeError,
        "takes (a, a, n, th, tw, c) with a, a, th, tw = (4, 4, 5, 5)",
    ),
    (
        "windows",
        [x(5, 3)],
        {"sizes": (2,), "strides": (1,), "dilations": (1,)},
        ShapeError,
        "takes an array with axes of space between the first and the last, not float32[5, 3]",
    ),
    (
        "collect_windows",
        [x(2, 5, None, 3)],
        {"counts": (4,), "strides": (1,), "dilations": (1,)},
        ShapeError,
        "windows of unknown size: float32[2, 5, x_2",
    ),
]


@pytest.mark.parametrize(("name", "inputs", "attributes", "error", "message"), RULES)
def test_rules_hold_whoever_feeds_them_to_the_contract(
    name: str, inputs: list[Node], attributes: dict[str, Any], error: type[GraphcError], message: str
) -> None:
    with pytest.raises(error) as caught:
        apply(REGISTRY[name], *inputs, **attributes)
    assert message in str(caught.value)
    assert f"{name}({', '.join(str(n.type) for n in inputs)}): " in str(caught.value)


def test_ops_take_nodes() -> None:
    with pytest.raises(GraphError, match="exp takes nodes, not float"):
        apply(REGISTRY["exp"], 1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (x(), ShapeError, "the sequence for 'element 0' is a scalar float32[]: it has no axis to go along"),
        (x(5, 3, dtype="int32"), DTypeError, "input 0 of the body is float32[3], not int32[3]"),
        (x(5, 3, 7), ShapeError, "input 0 of the body is float32[3], not float32[3, 7]"),
    ],
)
def test_a_recurrence_is_given_what_its_body_takes(given: Node, error: type[GraphcError], message: str) -> None:
    (last,), _ = graphc.scan(lambda now, kept: (now + kept, now), [x(5, 3)], [x(3)])
    with pytest.raises(error) as caught:
        apply(last.op, given, *last.inputs[1:], **last.attrs)
    assert message in str(caught.value)


def test_nodes_are_no_values() -> None:
    with pytest.raises(UsageError, match=r"a node has no truth value before it is computed; use ops\.where"):
        bool(x(3))
    with pytest.raises(UsageError, match=r"<placeholder x: .*> has no known length"):
        len(x(None, 3))
