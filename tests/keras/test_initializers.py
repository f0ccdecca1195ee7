import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras import initializers, layers
from graphc.keras.backend import sampling
from tests.keras import oracle

_DETERMINISTIC = ("Zeros", "Ones", "Constant", "Identity")


def _sample(initializer: initializers.Initializer, shape: tuple[int, ...]) -> np.ndarray:
    return K.get_value(K.variable(initializer(shape)))


@pytest.mark.parametrize("name", oracle.names("initializers", unless=("glorot", "he_", "lecun")))
def test_samples_have_the_facts_of_keras(name: str) -> None:
    case = oracle.load("initializers", name)
    facts, shape = case.facts["facts"], tuple(case.facts["shape"])
    initializer = initializers.deserialize({key: case.facts[key] for key in ("class_name", "config")})
    np.random.seed(3)
    sample = _sample(initializer, shape)
    assert sample.shape == shape
    if case.facts["class_name"] in _DETERMINISTIC:
        np.testing.assert_array_equal(sample, case.arrays["output"])
        return
    if case.facts["class_name"] == "Orthogonal":
        flat = sample.reshape(-1, shape[-1])
        gram = flat.T @ flat if flat.shape[0] > flat.shape[1] else flat @ flat.T
        np.testing.assert_allclose(gram, initializer.gain**2 * np.eye(len(gram)), atol=1e-6)
        return
    error = facts["std"] / np.sqrt(sample.size)
    assert sample.mean() == pytest.approx(facts["mean"], abs=8 * error)
    assert sample.std() == pytest.approx(facts["std"], abs=8 * error)
    span = facts["max"] - facts["min"]
    limit = 0.3 if case.facts["class_name"] == "RandomNormal" else 0.02  # a normal sample has no edge
    assert sample.min() == pytest.approx(facts["min"], abs=limit * span)
    assert sample.max() == pytest.approx(facts["max"], abs=limit * span)


@pytest.mark.parametrize(
    "name", ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"]
)
def test_variance_scaling_has_the_fans_and_limits_of_keras(name: str) -> None:
    if not oracle.ROOT.exists():
        pytest.skip(f"no reference fixtures at {oracle.ROOT}")
    case = oracle.load("initializers", name)
    for facts in case.facts["facts"]:
        shape = tuple(facts["shape"])
        assert initializers._compute_fans(shape) == pytest.approx((facts["fan_in"], facts["fan_out"]))
        sample = _sample(getattr(initializers, name)(seed=17), shape)
        deviation = facts["theoretical_std"]
        assert sample.std() == pytest.approx(deviation, abs=5 * deviation / np.sqrt(2 * sample.size))
        assert sample.mean() == pytest.approx(0, abs=5 * deviation / np.sqrt(sample.size))
        assert np.abs(sample).max() <= facts["theoretical_limit"] * (1 + 1e-6)


def test_a_seed_decides_the_sample() -> None:
    first, again, other = (_sample(initializers.RandomNormal(seed=s), (3, 5)) for s in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_seed_of_numpy_decides_unseeded_samples() -> None:
    samples = []
    for _ in range(2):
        np.random.seed(11)
        samples.append([_sample(initializers.get(name), (4, 6)) for name in ("glorot_uniform", "orthogonal")])
    np.testing.assert_array_equal(samples[0][0], samples[1][0])
    np.testing.assert_array_equal(samples[0][1], samples[1][1])


def test_fans_of_channels_first_kernels() -> None:
    assert initializers._compute_fans((7, 5, 2, 3), "channels_first") == (30, 42)
    with pytest.raises(ValueError, match="Invalid data_format"):
        initializers._compute_fans((7, 5, 2, 3), "channels_middle")


@pytest.mark.parametrize(
    "arguments", [{"scale": 0.0}, {"mode": "fan_middle"}, {"distribution": "gamma"}], ids=lambda a: next(iter(a))
)
def test_variance_scaling_refuses_arguments_out_of_range(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        initializers.VarianceScaling(**arguments)


@pytest.mark.parametrize("shape", [(3,), (4, 6), (2, 3, 4)])
def test_identity_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"2D|multiple"):
        initializers.Identity()(shape)


def test_config_makes_an_equal_initializer() -> None:
    made = initializers.VarianceScaling(2.0, "fan_out", "uniform", 5)
    config = initializers.serialize(made)
    config["config"]["dtype"] = "float32"
    assert initializers.get(config).get_config() == made.get_config()


@pytest.mark.parametrize("identifier", ["no_such", 5])
def test_get_refuses_what_is_no_initializer(identifier: object) -> None:
    with pytest.raises(ValueError, match="initializer"):
        initializers.get(identifier)


LARGE = (512, 300)


def _weight(initializer: object) -> object:
    return layers.Layer().add_weight("w", LARGE, initializer=initializer)


@pytest.mark.parametrize(
    "initializer",
    [
        initializers.RandomNormal(1.0, 2.0, seed=4),
        initializers.RandomUniform(-1.0, 3.0, seed=4),
        initializers.TruncatedNormal(1.0, 2.0, seed=4),
        initializers.VarianceScaling(2.0, "fan_out", seed=4),
        initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=4),
        initializers.Orthogonal(seed=4),
        initializers.Zeros(),
    ],
    ids=lambda i: type(i).__name__,
)
def test_weights_start_with_what_their_initializer_gives(initializer: initializers.Initializer) -> None:
    expected = K.get_value(K.variable(initializer(LARGE)))
    np.testing.assert_array_equal(K.get_value(_weight(initializer)), expected)


def test_large_weights_are_drawn_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[sampling.Draw] = []
    fill = sampling.Draw.fill

    def noted(self: sampling.Draw, storage: np.ndarray) -> None:
        drawn.append(self)
        fill(self, storage)

    monkeypatch.setattr(sampling.Draw, "fill", noted)
    np.random.seed(8)
    first, second = _weight("glorot_uniform"), _weight("glorot_uniform")
    K.set_value(first, np.ones(LARGE))
    assert not drawn
    late = K.get_value(second)
    assert len(drawn) == 1
    # The seeds are drawn when the weights are made.
    np.random.seed(8)
    initializers.glorot_uniform()(LARGE)
    np.testing.assert_array_equal(late, initializers.glorot_uniform()(LARGE))


def test_initializers_that_change_what_is_drawn_are_called() -> None:
    class Halved(initializers.VarianceScaling):
        def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
            return super().__call__(shape, dtype) / 2

    weight = K.get_value(_weight(Halved(seed=3)))
    np.testing.assert_array_equal(weight, initializers.VarianceScaling(seed=3)(LARGE) / 2)


def test_the_base_of_random_initializers_draws_nothing() -> None:
    with pytest.raises(TypeError, match="RandomInitializer does not say what to draw"):
        initializers.RandomInitializer()((3,))
