import operator

import numpy as np
import pytest
from scipy import sparse

from graphc.errors import GraphcError
from graphc.keras import backend as K

X = np.array([[0.5, -2.0, 3.25], [1.5, 4.0, -0.75]], "float32")
Y = np.array([2.0, -1.5, 0.25], "float32")


@pytest.mark.parametrize(
    "operation",
    [
        operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.lt,
        operator.le, operator.gt, operator.ge,
    ],
    ids=lambda operation: operation.__name__,
)  # fmt: skip
def test_operators_take_tensors_arrays_and_numbers_on_either_side(operation: object) -> None:
    x = K.variable(X)
    values = K.function([], [operation(x, K.variable(Y)), operation(x, Y), operation(Y, x), operation(2, x)])([])
    for value, expected in zip(values, [operation(X, Y), operation(X, Y), operation(Y, X), operation(2, X)]):
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert value.dtype == expected.dtype


def test_powers_products_and_logic() -> None:
    x, b = K.variable(np.abs(X)), K.variable(X) > 1
    values = K.function([], [x**2, 2**x, x @ Y, -x, abs(-x), b & True, b | ~b, b ^ True])([])
    expected = [X**2, 2 ** np.abs(X), np.abs(X) @ Y, -np.abs(X), np.abs(X), X > 1, X < 99, X <= 1]
    for value, wanted in zip(values, expected):
        np.testing.assert_allclose(value, wanted, rtol=1e-5)


@pytest.mark.parametrize("key", [0, -1, slice(None, None, -1), (slice(None), 1), (..., slice(1, None)), (None, 1)])
def test_slicing_is_that_of_numpy(key: object) -> None:
    np.testing.assert_array_equal(K.eval(K.constant(X)[key]), X[key])


def test_indexing_by_a_tensor_gathers() -> None:
    rows = K.placeholder(shape=(None,), dtype="int32")
    run = K.function([rows], [K.constant(X)[rows]])
    np.testing.assert_array_equal(run([[1, 0, 1]])[0], X[[1, 0, 1]])


def test_numbers_are_weak() -> None:
    half = K.constant([1.5], dtype="float16")
    integers = K.constant([3], dtype="int32")
    assert (half * 2.0).dtype == "float16"
    assert (np.float64(2) * half).dtype == "float16"
    assert (half + np.array([2.0])).dtype == "float16"
    assert (integers * 2).dtype == "int32"
    assert (integers * 0.5).dtype == "float32"
    assert K.constant(1.0).dtype == "float32"


def test_equality_and_truth() -> None:
    x = K.variable(X)
    assert x == x
    assert x != K.identity(x)
    assert x in [K.identity(x), x]
    with pytest.raises(TypeError, match="truth"):
        bool(x > 1)
    with pytest.raises(TypeError, match="length"):
        list(K.placeholder(shape=(None, 2)))


def test_static_shapes_have_none_for_unknown_sizes() -> None:
    x = K.placeholder(shape=(None, 4, None), name="x")
    assert x.name == "x:0"
    assert x.shape == K.int_shape(x) == x._keras_shape == (None, 4, None)
    assert x.get_shape().as_list() == [None, 4, None]
    assert x.get_shape().ndims == x.ndim == K.ndim(x) == 3
    assert K.int_shape(x * 2.0) == (None, 4, None)
    assert K.is_placeholder(x)
    assert not K.is_placeholder(x * 2.0)
    assert K.int_shape(K.placeholder(ndim=2)) == (None, None)
    with pytest.raises(ValueError, match="ndim"):
        K.placeholder()
    with pytest.raises(ValueError, match="run time"):
        K.count_params(x)


def test_only_layers_make_keras_tensors() -> None:
    assert K.is_keras_tensor(K.variable(1.0)) is False
    with pytest.raises(ValueError, match="symbolic tensor"):
        K.is_keras_tensor(X)


def test_variables() -> None:
    with K.name_scope("outer"), K.name_scope("inner"):
        v = K.variable(X, name="kernel", constraint=abs)
    assert v.name == "outer/inner/kernel:0"
    assert v.constraint is abs
    assert K.dtype(v) == "float32"
    assert K.count_params(v) == 6
    K.set_value(v, X + 1.0)
    np.testing.assert_array_equal(K.get_value(v), X + 1)
    with pytest.raises(GraphcError, match="kernel"):
        K.set_value(v, X[:1])
    np.testing.assert_array_equal(K.batch_get_value([v, v * 2.0])[1], 2 * (X + 1))


def test_a_failed_batch_changes_no_variable() -> None:
    a, b = K.variable([1.0]), K.variable([2.0, 3.0])
    with pytest.raises(GraphcError):
        K.batch_set_value([(a, [5.0]), (b, [5.0])])
    assert K.get_value(a) == [1.0]
    with pytest.raises(GraphcError, match="needs a variable"):
        K.set_value(a * 1.0, [5.0])


def test_variables_take_tensors_and_sparse_matrices() -> None:
    np.testing.assert_array_equal(K.get_value(K.variable(K.constant(X) * 2.0)), 2 * X)
    v = K.variable(sparse.csr_matrix(X))
    np.testing.assert_array_equal(K.get_value(v), X)
    assert K.is_sparse(v)
    assert K.is_sparse(K.concatenate([v, v]))
    assert not K.is_sparse(K.concatenate([v, K.to_dense(v)]))


def test_constants() -> None:
    np.testing.assert_array_equal(K.eval(K.constant(3, shape=(2, 3))), np.full((2, 3), 3))
    np.testing.assert_array_equal(K.eval(K.constant(range(6), shape=(2, 3))), np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(K.eval(K.zeros(3)), np.zeros(3))
    np.testing.assert_array_equal(K.eval(K.eye(3)), np.eye(3))
    x = K.placeholder(shape=(None, 3))
    ones, zeros = K.function([x], [K.ones((K.shape(x)[0], 2)), K.zeros_like(x, "int32")])([X])
    np.testing.assert_array_equal(ones, np.ones((2, 2)))
    assert (zeros.dtype, zeros.shape) == ("int32", (2, 3))
