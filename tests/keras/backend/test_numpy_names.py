"""Every op has a spelling in the backend."""

import numpy as np
import pytest

from graphc import ops
from graphc.keras import backend as K

# Ops that the backend reaches by other means: operators and slices, K.shape, the states of random functions,
# the cross-entropies from logits, and convolutions and pooling, which Keras names by their number of axes.
_OTHERWISE = {
    "add_n", "average_pool", "collect_windows", "contract", "convolution_transpose",
    "depthwise_convolution", "dimension", "get_item", "interleave", "local_convolution", "max_pool", "overlap_add",
    "philox",
    "random_bits", "random_state", "sigmoid_cross_entropy", "softmax_cross_entropy", "spread_windows", "sum_to",
    "windows", "scan", "winograd_convolution",
}  # fmt: skip
X = np.array([[0.5, -0.25, 0.75], [0.125, 0.9, -0.6]], "float32")
ROWS = np.array([[2, 0], [1, 1]], "int32")


def test_every_op_has_a_spelling() -> None:
    assert sorted(name for name in ops.__all__ if not hasattr(K, name)) == sorted(_OTHERWISE & set(ops.__all__))


@pytest.mark.parametrize(
    "name",
    [
        "absolute",
        "arccos",
        "arcsin",
        "arctan",
        "ceil",
        "cosh",
        "exp",
        "expm1",
        "floor",
        "isfinite",
        "isinf",
        "isnan",
        "log1p",
        "negative",
        "reciprocal",
        "rint",
        "sign",
        "sin",
        "sinh",
        "tan",
    ],
)  # fmt: skip
def test_functions_of_one_tensor_are_those_of_numpy(name: str) -> None:
    np.testing.assert_allclose(K.eval(getattr(K, name)(K.constant(X))), getattr(np, name)(X), rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "floor_divide",
        "remainder",
        "power",
        "arctan2",
        "maximum",
        "minimum",
        "logical_and",
        "logical_or",
        "logical_xor",
    ],
)  # fmt: skip
def test_functions_of_two_tensors_are_those_of_numpy(name: str) -> None:
    left, right = np.abs(X), X[:, ::-1]
    value = K.eval(getattr(K, name)(K.constant(left), right))
    np.testing.assert_allclose(value, getattr(np, name)(left, right), rtol=1e-4)


def test_bits() -> None:
    a, b = np.array([5, 12, 255], "int32"), np.array([3, 2, 1], "int32")
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"):
        value = K.eval(getattr(K, name)(K.constant(a, "int32"), K.constant(b, "int32")))
        np.testing.assert_array_equal(value, getattr(np, name)(a, b))
    np.testing.assert_array_equal(K.eval(K.bitwise_not(K.constant(a, "int32"))), ~a)


def test_products() -> None:
    stack = np.random.default_rng(0).normal(size=(4, 3, 5)).astype("float32")
    np.testing.assert_allclose(K.eval(K.matmul(K.constant(X), stack)), X @ stack, rtol=1e-4, atol=1e-6)
    expected = np.tensordot(stack, X, ([1], [1]))
    np.testing.assert_allclose(K.eval(K.tensordot(K.constant(stack), X, ([1], [1]))), expected, rtol=1e-4, atol=1e-6)


def test_moving_elements() -> None:
    x = K.constant(X)
    np.testing.assert_array_equal(K.eval(K.broadcast_to(x, (4, 2, 3))), np.broadcast_to(X, (4, 2, 3)))
    np.testing.assert_array_equal(K.eval(K.swapaxes(x, 0, 1)), X.T)
    np.testing.assert_array_equal(K.eval(K.moveaxis(x, 0, 1)), X.T)
    np.testing.assert_array_equal(K.eval(K.flip(x, (0, 1))), X[::-1, ::-1])
    np.testing.assert_array_equal(K.eval(K.pad(x, ((1, 0), (0, 2)), 7)), np.pad(X, ((1, 0), (0, 2)), constant_values=7))
    for part, expected in zip(K.split(x, [1, 2], axis=1), np.split(X, [1], axis=1)):
        np.testing.assert_array_equal(K.eval(part), expected)
    np.testing.assert_array_equal(K.eval(K.full((2, 3), 2.5)), np.full((2, 3), 2.5))
    np.testing.assert_array_equal(K.eval(K.full_like(x, 3)), np.full_like(X, 3))


def test_positions() -> None:
    x = K.constant(X)
    np.testing.assert_array_equal(
        K.eval(K.take_along_axis(x, K.constant(ROWS, "int32"))), np.take_along_axis(X, ROWS, 1)
    )
    added = K.scatter_add(x, K.constant([1, 1], "int32"), np.ones((2, 3)))
    np.testing.assert_allclose(K.eval(added), X + [[0], [2]], rtol=1e-6)
    values, positions = K.top_k(x, 2)
    np.testing.assert_array_equal(K.eval(values), -np.sort(-X, 1)[:, :2])
    np.testing.assert_array_equal(K.eval(positions), np.argsort(-X, 1)[:, :2])


def test_activations_beyond_those_of_keras() -> None:
    x = K.constant(X)
    sigmoid = 1 / (1 + np.exp(-X))
    np.testing.assert_allclose(K.eval(K.swish(x)), X * sigmoid, rtol=1e-5)
    np.testing.assert_allclose(K.eval(K.leaky_relu(x, 0.3)), np.where(X > 0, X, 0.3 * X), rtol=1e-6)
    np.testing.assert_allclose(K.eval(K.log_softmax(x)), X - np.log(np.exp(X).sum(1, keepdims=True)), rtol=1e-5)
    cumulative = K.eval(K.gelu(x)) / X
    np.testing.assert_allclose(cumulative, 0.5 * (1 + K.eval(K.erf(x * 0.5**0.5))), rtol=1e-5)
    np.testing.assert_allclose(K.eval(K.selu(x)), 1.0507009873554805 * K.eval(K.elu(x, 1.6732632423543772)), rtol=1e-5)
