"""Promotion, weak numbers, reductions, products and errors of the builders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special

from graphc import ops
from graphc.compile import placeholder
from graphc.errors import DTypeError, GraphcError, GraphError, ShapeError
from graphc.graph import Node, as_node, evaluate_node, layer_scope
from graphc.ops.define import Primitive, operands

Array = np.ndarray[Any, Any]


def numbers(*shape: int, seed: int = 5) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def close(n: Node, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(evaluate_node(n), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("build", "dtype"),
    [
        (lambda x: x + 1, "int32"),
        (lambda x: x + 1.5, "float32"),
        (lambda x: x / 2, "float32"),
        (lambda x: x // 2, "int32"),
        (lambda x: 2**x, "int32"),
        (lambda x: x < 2, "bool"),
        (lambda x: x + np.array([1.0, 2.0]), "float64"),
        (lambda x: x + ops.cast(x, "float16"), "float16"),
        (lambda x: ops.exp(x), "float32"),
        (lambda x: (x > 1) + 1, "int32"),
        (lambda x: (x > 1) + (x > 0), "int32"),
        (lambda x: (x > 1) & (x < 3), "bool"),
        (lambda x: ~x, "bool"),
        (lambda x: ops.sum(x > 1), "int32"),
        (lambda x: ops.mean(x), "float32"),
        (lambda x: ops.argmax(x), "int64"),
        (lambda x: ops.where(x > 1, x, 0.5), "float32"),
        (lambda x: ops.where(x > 1, 2, 3), "int64"),
        (lambda x: -x, "int32"),
        (lambda x: abs(x), "int32"),
    ],
)
def test_dtype_of_mixed_operands(build: Any, dtype: str) -> None:
    n = build(as_node(np.array([1, 3], np.int32)))
    assert n.dtype == dtype
    assert evaluate_node(n).dtype == np.dtype(dtype)


def test_python_numbers_do_not_widen() -> None:
    x = placeholder((3,), "float16")
    assert {(x * 2.5).dtype, (1 - x).dtype, ops.clip(x, 0, 1.0).dtype, (2.0**x).dtype} == {"float16"}


def test_integers_are_numpys() -> None:
    x, y = np.array([-7, 7, -7, 7]), np.array([2, -2, -3, 3])
    close(as_node(x) // y, x // y)
    close(as_node(x) % y, x % y)
    close(ops.right_shift(x, 1), x >> 1)
    close(ops.bitwise_not(x), ~x)
    close(ops.bitwise_not(np.array([1, 255], np.uint8)), [254, 0])
    with pytest.raises(DTypeError, match="float"):
        ops.bitwise_and(x, 1.5)


def test_special_values() -> None:
    x = np.array([math.nan, math.inf, -math.inf, 2.5, -2.5, 0.5])
    close(ops.isnan(x), np.isnan(x))
    close(ops.isinf(x), np.isinf(x))
    close(ops.isfinite(x), np.isfinite(x))
    close(ops.isnan(np.array([1, 2])), [False, False])
    close(ops.round(x[3:]), np.rint(x[3:]))
    close(ops.maximum(x, 0.0), np.maximum(x, 0.0))
    close(ops.max(x), math.nan)
    close(ops.argmax(x), 0)


def test_error_function_and_its_inverse_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-6, 6, 1201), [0.0, math.inf, -math.inf]])
    close(ops.erf(x), scipy.special.erf(x), 1e-15)
    y = np.concatenate([np.linspace(-0.999, 0.999, 777), [1 - 1e-15, -1 + 1e-12, 1.0, -1.0, 0.0]])
    close(ops.erfinv(y), scipy.special.erfinv(y), 1e-14)
    assert np.isnan(evaluate_node(ops.erfinv(np.array([1.5])))).all()


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 1), (), [1]], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_are_numpys(axis: Any, keepdims: bool) -> None:
    x = numbers(3, 4, 5)
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    for name in ("sum", "prod", "max", "min", "mean", "var", "std"):
        close(getattr(ops, name)(x, axis, keepdims), getattr(np, name)(x, axis=numpy_axis, keepdims=keepdims))
    for name in ("any", "all"):
        close(getattr(ops, name)(x > 0, axis, keepdims), getattr(np, name)(x > 0, axis=numpy_axis, keepdims=keepdims))
    close(ops.logsumexp(x, axis, keepdims), scipy.special.logsumexp(x, axis=numpy_axis, keepdims=keepdims))


def test_positions_of_extrema() -> None:
    x = np.array([[1, 5, 5], [9, 0, 9]])
    close(ops.argmax(x, 1), [1, 0])
    close(ops.argmin(x, 0), [0, 1, 0])
    close(ops.argmax(x), 3)
    close(ops.argmax(np.stack([x, -x]), (0, 2)), [1, 0])


def test_folds_of_no_elements() -> None:
    empty = np.zeros((0, 3))
    close(ops.sum(empty, 0), [0, 0, 0])
    close(ops.prod(empty, 0), [1, 1, 1])
    close(ops.all(empty, 0), [True] * 3)
    close(ops.max(empty, 1), np.zeros(0))
    for fold in (ops.max, ops.min, ops.argmax, ops.argmin):
        with pytest.raises(ShapeError, match="no elements"):
            fold(empty, 0)


def test_stable_forms_at_the_edges() -> None:
    x = np.array([[1000.0, 0.0, -1000.0], [-math.inf, 0.0, 1.0]])
    close(ops.softmax(x), scipy.special.softmax(x, axis=-1))
    close(ops.log_softmax(x), scipy.special.log_softmax(x, axis=-1))
    close(ops.logsumexp(x, 1), scipy.special.logsumexp(x, axis=1))
    close(ops.logsumexp(np.array([-math.inf, -math.inf])), -math.inf)
    close(ops.logsumexp(np.array([math.inf, 0.0])), math.inf)
    close(ops.softplus(x[0]), [1000.0, math.log(2), 0.0])
    close(ops.sigmoid(x[0]), [1.0, 0.5, 0.0])
    close(ops.elu(x[0]), [1000.0, 0.0, -1.0])
    close(ops.sigmoid_cross_entropy(np.array([0.0, 1.0, 1.0]), x[0]), [1000.0, math.log(2), 1000.0])
    close(ops.l2_normalize(np.zeros(3)), np.zeros(3))


def test_activations_are_their_formulas() -> None:
    x = numbers(4, 5)
    close(ops.relu(x), np.maximum(x, 0))
    close(ops.leaky_relu(x, 0.1), np.where(x > 0, x, 0.1 * x))
    close(ops.elu(x, alpha=0.5), np.where(x > 0, x, 0.5 * np.expm1(x)))
    close(ops.selu(x), 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)))
    close(ops.softsign(x), x / (1 + np.abs(x)))
    close(ops.hard_sigmoid(x * 3), np.clip(0.6 * x + 0.5, 0, 1))
    close(ops.gelu(x), x * scipy.special.ndtr(x))
    close(ops.swish(x), x * scipy.special.expit(x))
    close(ops.l2_normalize(x, 1), x / np.linalg.norm(x, axis=1, keepdims=True))
    labels = scipy.special.softmax(numbers(4, 5, seed=8), axis=1)
    close(ops.softmax_cross_entropy(labels, x), -(labels * scipy.special.log_softmax(x, axis=1)).sum(1))


@pytest.mark.parametrize(
    ("left", "right"),
    [((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5)),
     ((7, 1, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5))],
)  # fmt: skip
def test_matmul_is_numpys(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    x, y = numbers(*left), numbers(*right, seed=6)
    close(ops.matmul(x, y), np.matmul(x, y))


def test_dot_and_tensordot_are_numpys() -> None:
    x, y = numbers(2, 3, 4), numbers(6, 4, 5, seed=6)
    close(ops.dot(x, y), np.dot(x, y))
    close(ops.dot(x, y[0, :, 0]), np.dot(x, y[0, :, 0]))
    close(ops.dot(x, 2.0), x * 2)
    close(ops.tensordot(x, y, ((2,), (1,))), np.tensordot(x, y, ((2,), (1,))))
    close(ops.tensordot(x, numbers(3, 4, 5, seed=9), 2), np.tensordot(x, numbers(3, 4, 5, seed=9), 2))
    close(ops.tensordot(x, x, ((0, 2), (0, 2))), np.tensordot(x, x, ((0, 2), (0, 2))))
    close(ops.tensordot(x, numbers(7, seed=9), 0), np.tensordot(x, numbers(7, seed=9), 0))


def test_half_floats_are_multiplied_in_float32() -> None:
    x = (numbers(3, 400)).astype(np.float16)
    product = evaluate_node(ops.matmul(x, x.T))
    assert product.dtype == np.float16
    np.testing.assert_array_equal(product, (x.astype(np.float32) @ x.T.astype(np.float32)).astype(np.float16))


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda x: x + np.zeros((5, 4)), ShapeError, "(3, 4) and (5, 4)"),
        (lambda x: x @ np.zeros((3, 4)), ShapeError, "(3, 4)"),
        (lambda x: ops.matmul(x, 2.0), ShapeError, "multiply"),
        (lambda x: ops.sum(x, 2), ShapeError, "axis 2 is out of range for rank 2"),
        (lambda x: ops.sum(x, (0, -2)), ShapeError, "twice"),
        (lambda x: ops.transpose(x, (0, 0)), ShapeError, "permutation"),
        (lambda x: ops.broadcast_to(x, (3, 5)), ShapeError, "(3, 4) and (3, 5)"),
        (lambda x: ops.broadcast_to(x, (4,)), ShapeError, "(3, 4) to (4,)"),
        (lambda x: ops.concatenate([x, np.zeros((5, 5))]), ShapeError, "axis 1"),
        (lambda x: ops.squeeze(x, 0), ShapeError, "squeeze axis 0"),
        (lambda x: ops.cast(x, "complex64"), DTypeError, "complex64"),
        (lambda x: ops.gather(x, x), DTypeError, "integer"),
        (lambda x: ops.one_hot(x, 3), DTypeError, "integers"),
        (lambda x: ops.tensordot(x, x, 1), ShapeError, "axis 1"),
        (
            lambda x: ops.reshape(x, 2.5),  # type: ignore[arg-type]
            ShapeError,
            "integer",
        ),
    ],
)
def test_errors_name_op_shapes_layer_and_line(build: Any, error: type[GraphcError], words: str) -> None:
    x = as_node(np.zeros((3, 4)))
    with layer_scope("dense_7"), pytest.raises(error) as caught:
        build(x)
    text = str(caught.value)
    assert words in text
    assert "layer 'dense_7'" in text and "test_builders.py:" in text


def test_rules_are_checked_when_an_op_is_defined() -> None:
    with pytest.raises(GraphError, match="lower"):

        class Incomplete(Primitive, name="incomplete", kind="movement"):
            """No lowering."""

            infer = ref = staticmethod(lambda x: x)
            samples = operands("float", (3,))

    with pytest.raises(GraphError, match="gradd"):

        class Misspelt(Primitive, name="misspelt", kind="movement"):
            """A rule of no op."""

            infer = ref = lower = gradd = staticmethod(lambda x: x)


def test_equal_expressions_are_one_node_and_identities_are_not() -> None:
    x = placeholder((3, 4))
    assert ops.mean(x, axis=-1) is ops.mean(x, axis=1)
    assert ops.softmax(x) is ops.softmax(x, 1)
    assert ops.reshape(x, (3, 4)) is x
    assert ops.cast(x, np.float32) is x
    assert ops.identity(x) is not ops.identity(x)


def test_a_composite_names_a_missing_operand() -> None:
    with pytest.raises(TypeError, match="takes 2 operands; 1"):
        ops.sigmoid_cross_entropy(np.zeros(3))
