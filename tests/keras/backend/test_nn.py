import numpy as np
import pytest

from graphc.keras import backend as K

X = np.random.default_rng(4).normal(size=(200, 30)).astype("float32")


def test_dropout_zeroes_a_share_and_scales_the_rest() -> None:
    x = K.placeholder(shape=(None, 30))
    run = K.function([x], [K.dropout(x, 0.4, seed=3)])
    first, second = run([X])[0], run([X])[0]
    kept = first != 0
    assert kept.mean() == pytest.approx(0.6, abs=0.03)
    np.testing.assert_allclose(first[kept], X[kept] / 0.6, rtol=1e-5)
    assert (kept != (second != 0)).any()


def test_dropout_of_whole_rows() -> None:
    dropped = K.eval(K.dropout(K.constant(X), 0.5, noise_shape=(None, 1), seed=3)) == 0
    assert 0 < dropped[:, 0].mean() < 1
    assert (dropped.all(1) == dropped.any(1)).all()


def test_dropout_drops_the_same_in_its_gradient() -> None:
    x = K.variable(X)
    y = K.dropout(x, 0.4, seed=3)
    value, gradient = K.function([], [y, *K.gradients(K.sum(y), [x])])([])
    np.testing.assert_array_equal(gradient == 0, value == 0)


@pytest.mark.parametrize("level", [-0.5, 1.0])
def test_dropout_refuses_other_levels(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        K.dropout(K.constant(X), level)


def test_random_tensors_have_their_distributions() -> None:
    n, shape = 8000, (80, 100)
    uniform, normal, truncated, binomial = K.function(
        [],
        [
            K.random_uniform(shape, -1, 3, seed=1),
            K.random_normal(shape, 2, 0.5, seed=2),
            K.truncated_normal(shape, 0, 2, seed=3),
            K.random_binomial(shape, 0.3, seed=4),
        ],
    )([])
    assert (uniform.min() >= -1, uniform.max() < 3) == (True, True)
    assert uniform.mean() == pytest.approx(1, abs=5 * 1.16 / n**0.5)
    assert (normal.mean(), normal.std()) == pytest.approx((2, 0.5), abs=0.03)
    assert np.abs(truncated).max() <= 4
    assert truncated.std() == pytest.approx(2 * 0.8796, abs=0.08)
    assert set(np.unique(binomial)) == {0, 1}
    assert binomial.mean() == pytest.approx(0.3, abs=0.03)


def test_random_tensors_repeat_with_their_seed_and_advance_with_calls() -> None:
    a, b = (K.function([], [K.random_normal((3, 5), seed=7)]) for _ in range(2))
    first = a([])[0]
    np.testing.assert_array_equal(first, b([])[0])
    assert not np.allclose(first, a([])[0])


@pytest.mark.parametrize("axes", [[0], [0, 1], [0, 2, 3], [0, 1, 2]])
def test_batch_normalization(axes: list[int]) -> None:
    x = X[:120].reshape(4, 5, 6, 30)[:, :, :, :7]
    rest = [s for a, s in enumerate(x.shape) if a not in axes]
    gamma, beta = np.random.default_rng(1).normal(size=(2, *rest)).astype("float32")
    results = K.normalize_batch_in_training(K.constant(x), K.constant(gamma), K.constant(beta), axes, epsilon=1e-3)
    normed, mean, variance = K.function([], list(results))([])
    keep = tuple(1 if a in axes else s for a, s in enumerate(x.shape))
    expected = (x - x.mean(tuple(axes), keepdims=True)) / np.sqrt(x.var(tuple(axes), keepdims=True) + 1e-3)
    np.testing.assert_allclose(normed, expected * gamma.reshape(keep) + beta.reshape(keep), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(mean, x.mean(tuple(axes)), atol=1e-5)
    np.testing.assert_allclose(variance, x.var(tuple(axes)), rtol=1e-4)


def test_batch_normalization_along_another_axis() -> None:
    x = X[:10].reshape(2, 5, 5, 6)
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    y = K.batch_normalization(K.constant(x), K.constant(mean), K.constant(variance), None, None, axis=1, epsilon=0.01)
    shape = (1, 5, 1, 1)
    expected = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + 0.01)
    np.testing.assert_allclose(K.eval(y), expected, rtol=1e-3, atol=1e-5)


def test_bias_add_refuses_other_ranks() -> None:
    with pytest.raises(ValueError, match="bias dimensions 2"):
        K.bias_add(K.constant(np.ones((2, 3, 4, 5))), K.constant(np.ones((4, 5))))


def test_ties_at_the_last_place_are_in_the_top() -> None:
    scores = K.constant([[0.1, 0.5, 0.5, 0.2], [0.9, 0.1, 0.3, 0.3]])
    np.testing.assert_array_equal(K.eval(K.in_top_k(scores, K.constant([2, 3], "int32"), 1)), [True, False])
    np.testing.assert_array_equal(K.eval(K.in_top_k(scores, K.constant([2, 3], "int32"), 2)), [True, True])


def test_clip_with_one_limit_none_and_tensors() -> None:
    x = K.constant([-2.0, 0.5, 3.0])
    np.testing.assert_array_equal(K.eval(K.clip(x, 0, None)), [0, 0.5, 3])
    np.testing.assert_array_equal(K.eval(K.clip(x, None, 1)), [-2, 0.5, 1])
    np.testing.assert_array_equal(K.eval(K.clip(x, 2, 1)), [2, 2, 2])
    np.testing.assert_array_equal(K.eval(K.clip(x, K.constant(-1.0), x * 0.5)), [-1, 0.25, 1.5])


def test_settings() -> None:
    with pytest.raises(ValueError, match="floatx"):
        K.set_floatx("int8")
    with pytest.raises(ValueError, match="data_format"):
        K.set_image_data_format("channels_middle")
    with pytest.raises(ValueError, match="dim_ordering"):
        K.set_image_dim_ordering("xy")
    K.set_image_dim_ordering("th")
    assert (K.image_data_format(), K.image_dim_ordering()) == ("channels_first", "th")
    assert K.normalize_data_format(None) == "channels_first"
    K.set_image_data_format("channels_last")
    K.set_floatx("float64")
    K.set_epsilon(1e-5)
    try:
        assert K.variable([1, 2]).dtype == K.random_normal((2,)).dtype == K.constant(1).dtype == "float64"
        assert K.cast_to_floatx([1]).dtype == "float64"
        assert K.epsilon() == 1e-5
    finally:
        K.set_floatx("float32")
        K.set_epsilon(1e-7)
