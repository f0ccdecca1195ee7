from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

import graphc
from graphc.keras import backend as K
from graphc.keras.backend import sampling
from graphc.keras.backend.sampling import draw_seed, sample_normal, sample_truncated_normal, sample_uniform

# What tf.random_uniform([6], seed=1) and tf.random_normal([2, 3], seed=1) give in TensorFlow 1.
UNIFORM_OF_SEED_1 = [0.2390374, 0.92039955, 0.05051243, 0.49574447, 0.8355223, 0.02647042]
NORMAL_OF_SEED_1 = [[-0.8113182, 1.4845988, 0.06532937], [-2.4427042, 0.0992484, 0.5912243]]


def test_a_seed_gives_the_numbers_of_tensorflow() -> None:
    np.testing.assert_allclose(sample_uniform((6,), 0, 1, None, 1), UNIFORM_OF_SEED_1, rtol=1e-6)
    np.testing.assert_allclose(sample_normal((2, 3), 0, 1, None, 1), NORMAL_OF_SEED_1, rtol=1e-6)


def test_truncated_numbers_are_the_normal_ones_without_those_outside() -> None:
    first_group = [x for x in np.ravel(NORMAL_OF_SEED_1) if abs(x) < 2]
    np.testing.assert_allclose(sample_truncated_normal((4,), 0, 1, None, 1), first_group[:4], rtol=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0, 4), (7, 11, 13)])
def test_shapes(shape: tuple[int, ...]) -> None:
    for sample in (sample_uniform, sample_normal, sample_truncated_normal):
        assert sample(shape, 0.0, 1.0, "float64", 5).shape == shape


def test_distributions() -> None:
    shape = (300, 170)
    uniform = sample_uniform(shape, -3, 5, None, 9)
    assert uniform.dtype == np.float32
    assert stats.kstest((uniform.ravel() + 3) / 8, "uniform").pvalue > 1e-3
    assert stats.kstest((sample_normal(shape, 2, 3, None, 9).ravel() - 2) / 3, "norm").pvalue > 1e-3
    truncated = (sample_truncated_normal(shape, 2, 3, None, 9).ravel() - 2) / 3
    assert np.abs(truncated).max() <= 2
    assert stats.kstest(truncated, stats.truncnorm(-2, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("sample", [sample_uniform, sample_normal, sample_truncated_normal])
def test_compiled_programs_draw_the_numbers_that_numpy_draws(
    sample: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (3, sampling.LEAST_COMPILED + 1)
    compiled = sample(shape, 0.5, 2.0, "float64", 12345)
    count = graphc.runtime.threads()
    graphc.set_threads(3 - min(count, 2))
    again = sample(shape, 0.5, 2.0, "float64", 12345)
    graphc.set_threads(count)
    np.testing.assert_array_equal(again, compiled)
    monkeypatch.setattr(sampling, "LEAST_COMPILED", 1 << 40)
    drawn = sample(shape, 0.5, 2.0, "float64", 12345)
    assert compiled.dtype == np.float64
    # A number that is rounded across the cut moves those behind it in its group of four.
    assert np.isclose(compiled, drawn, rtol=2e-6, atol=2e-6).mean() > 1 - 16 / drawn.size


def test_groups_that_lack_numbers_inside_are_drawn_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (8 * sampling.LEAST_COMPILED,)
    seen: list[int] = []
    draw = sampling._first_inside

    def noted(groups: np.ndarray, seed: int, counters: int) -> tuple[np.ndarray, np.ndarray]:
        seen.append(len(groups))
        return draw(groups, seed, counters)

    monkeypatch.setattr(sampling, "_first_inside", noted)
    values = sample_truncated_normal(shape, 0.0, 1.0, None, 3)
    assert np.abs(values).max() < 2
    assert 0 < seen[0] < 40 and len(seen) == 1


def test_large_seeds_are_told_apart() -> None:
    shape = (sampling.LEAST_COMPILED,)
    samples = [sample_uniform(shape, 0, 1, None, seed)[:4].tolist() for seed in (1, 1 + (1 << 32), (1 << 32) - 1, -1)]
    assert len({tuple(s) for s in samples}) == 4


def test_the_seed_of_numpy_decides_seeds_that_are_not_given() -> None:
    np.random.seed(5)
    first = draw_seed(None)
    np.random.seed(5)
    assert draw_seed(None) == first
    assert draw_seed(3) == 3


def test_random_variables() -> None:
    uniform = K.get_value(K.random_uniform_variable((200, 30), -1, 3, seed=2))
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert uniform.mean() == pytest.approx(1, abs=0.1)
    normal = K.get_value(K.random_normal_variable((200, 30), 4, 0.5, seed=2))
    assert (normal.mean(), normal.std()) == pytest.approx((4, 0.5), abs=0.05)
