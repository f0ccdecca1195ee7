"""ImageDataGenerator: options, random transforms, normalisation."""

import warnings
from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras.preprocessing import image
from graphc.keras.preprocessing.image import ImageDataGenerator

pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'graphc[image]'")
pytest.importorskip("scipy", reason="SciPy is not installed: pip install 'graphc[image]'")

IMAGES = np.random.RandomState(0).rand(40, 4, 5, 3).astype("float32") * 255
NOTHING: dict[str, Any] = {
    "theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1, "flip_horizontal": False, "flip_vertical": False,
    "channel_shift_intensity": None, "brightness": None,
}  # fmt: skip


def drawn(seed: int = 3, **options: Any) -> dict[str, Any]:
    """Return what differs from doing nothing."""
    made = ImageDataGenerator(**options).get_random_transform((10, 20, 3), seed=seed)
    assert made.keys() == NOTHING.keys()
    return {name: value for name, value in made.items() if value != NOTHING[name]}


def test_no_option_no_change() -> None:
    assert drawn() == {}
    np.testing.assert_array_equal(ImageDataGenerator().random_transform(IMAGES[0]), IMAGES[0])


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"rotation_range": 20}, {"theta"}),
        ({"height_shift_range": 0.3}, {"tx"}),
        ({"width_shift_range": 0.3}, {"ty"}),
        ({"shear_range": 5.0}, {"shear"}),
        ({"zoom_range": 0.5}, {"zx", "zy"}),
        ({"zoom_range": [0.2, 0.4]}, {"zx", "zy"}),
        ({"channel_shift_range": 9.0}, {"channel_shift_intensity"}),
        ({"brightness_range": (0.5, 2.0)}, {"brightness"}),
    ],
)
def test_each_option_draws_its_own(options: dict[str, Any], names: set[str]) -> None:
    assert drawn(**options).keys() == names
    assert drawn(**options) == drawn(**options)
    assert drawn(**options) != drawn(seed=4, **options)


def test_flips_come_and_go() -> None:
    for option in ("horizontal_flip", "vertical_flip"):
        made = [drawn(seed, **{option: True}) for seed in range(20)]
        key = "flip_" + option.removesuffix("_flip")
        assert {} in made and {key: True} in made


@pytest.mark.parametrize(
    ("limit", "possible"),
    [(3, {-2, -1, 0, 1, 2}), ([4, 6], {-6, -4, 4, 6}), ([0.1, 0.3], {-6, -2, 2, 6}), (np.array([5]), {-5, 5})],
)
def test_shifts_from_a_set(limit: Any, possible: set[int]) -> None:
    generator = ImageDataGenerator(width_shift_range=limit)
    made = {round(generator.get_random_transform((10, 20, 3), seed)["ty"], 6) for seed in range(60)}
    assert made == possible


def test_shifts_from_an_interval() -> None:
    for limit, size in ((0.25, 2.5), (4.0, 4)):
        generator = ImageDataGenerator(height_shift_range=limit)
        made = [generator.get_random_transform((10, 20, 3), seed)["tx"] for seed in range(60)]
        assert max(map(abs, made)) <= size < 1.2 * max(map(abs, made))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_transforms_are_applied_in_order(data_format: str) -> None:
    generator = ImageDataGenerator(data_format=data_format, fill_mode="reflect")
    x = IMAGES[0] if data_format == "channels_last" else IMAGES[0].transpose(2, 0, 1)
    affine: dict[str, Any] = {"theta": 10, "tx": 1, "zy": 0.5}
    parameters = {**affine, "channel_shift_intensity": 30, "flip_horizontal": True, "flip_vertical": 1, "brightness": 1}
    made = generator.apply_transform(x, parameters)
    expected = image.apply_affine_transform(IMAGES[0], **affine, fill_mode="reflect")
    expected = image.apply_channel_shift(expected, 30)[::-1, ::-1]
    expected = image.apply_brightness_shift(expected, 1)
    np.testing.assert_allclose(made if data_format == "channels_last" else made.transpose(1, 2, 0), expected)


def test_random_transform_of_a_seed() -> None:
    generator = ImageDataGenerator(rotation_range=50, horizontal_flip=True, zoom_range=0.2)
    made = generator.random_transform(IMAGES[0], seed=8)
    expected = generator.apply_transform(IMAGES[0], generator.get_random_transform((4, 5, 3), seed=8))
    np.testing.assert_array_equal(made, expected)


def test_normalisation_of_a_sample() -> None:
    generator = ImageDataGenerator(
        preprocessing_function=lambda x: x + 1,
        rescale=0.5,
        samplewise_center=True,
        samplewise_std_normalization=True,
    )
    halves = (IMAGES[0] + 1) / 2
    expected = (halves - halves.mean()) / (halves.std() + 1e-6)
    np.testing.assert_allclose(generator.standardize(IMAGES[0].copy()), expected, rtol=1e-4, atol=1e-5)


def test_floats_are_changed_in_place_and_integers_converted() -> None:
    x = IMAGES[0].copy()
    assert ImageDataGenerator(rescale=2.0).standardize(x) is x
    np.testing.assert_allclose(x, IMAGES[0] * 2)
    pixels = IMAGES[0].astype("uint8")
    made = ImageDataGenerator(rescale=1 / 255, dtype="float64").standardize(pixels)
    assert made.dtype == np.float64
    np.testing.assert_allclose(made, pixels / 255)
    assert ImageDataGenerator(dtype="uint8").standardize(pixels).dtype == np.float32


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_normalisation_by_the_data(data_format: str) -> None:
    images = IMAGES if data_format == "channels_last" else IMAGES.transpose(0, 3, 1, 2)
    axes = (0, 1, 2) if data_format == "channels_last" else (0, 2, 3)
    generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, data_format=data_format)
    generator.fit(images)
    made = generator.standardize(images.copy())
    assert generator.mean.size == generator.std.size == 3
    np.testing.assert_allclose(made.mean(axis=axes), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(made.std(axis=axes), np.ones(3), rtol=1e-5)


def test_whitening() -> None:
    images = np.random.RandomState(1).rand(500, 3, 2, 1).astype("float32")
    images[:, 0] += images[:, 1]
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    generator.fit(images)
    flat = generator.standardize(images.copy()).reshape(500, -1)
    np.testing.assert_allclose(flat.T @ flat / 500, np.eye(6), atol=1e-3)
    np.testing.assert_allclose(generator.principal_components, generator.principal_components.T, atol=1e-5)


def test_fit_on_transformed_images() -> None:
    generator = ImageDataGenerator(featurewise_center=True, brightness_range=(0, 0))
    generator.fit(IMAGES[:3], augment=True, rounds=2)
    assert not generator.mean.any()
    shifting = ImageDataGenerator(featurewise_center=True, channel_shift_range=90.0)
    means = []
    for seed in (1, 1, 2):
        shifting.fit(IMAGES[:3], augment=True, rounds=2, seed=seed)
        means.append(float(shifting.mean.sum()))
    assert means[0] == means[1] != means[2]


def test_fit_leaves_its_argument() -> None:
    images = IMAGES.copy()
    ImageDataGenerator(featurewise_center=True).fit(images)
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize(
    ("options", "switched"),
    [
        ({"zca_whitening": True}, {"featurewise_center": True}),
        (
            {"zca_whitening": True, "featurewise_center": True, "featurewise_std_normalization": True},
            {"featurewise_std_normalization": False},
        ),
        ({"featurewise_std_normalization": True}, {"featurewise_center": True}),
        ({"samplewise_std_normalization": True}, {"samplewise_center": True}),
    ],
)
def test_options_that_switch_others(options: dict[str, bool], switched: dict[str, bool]) -> None:
    with pytest.warns(UserWarning, match="sets `(?:feature|sample)wise") as told:
        generator = ImageDataGenerator(**options)
    assert len(told) == 1
    assert {name: getattr(generator, name) for name in switched} == switched


def test_statistics_that_are_missing() -> None:
    generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    with pytest.warns(UserWarning) as told:
        made = generator.standardize(IMAGES[0].copy())
    assert [str(w.message).split("`")[1] for w in told] == ["featurewise_center", "zca_whitening"]
    np.testing.assert_array_equal(made, IMAGES[0])


def test_bad_generators() -> None:
    with pytest.raises(ValueError, match="`validation_split` must be between 0 and 1, got 5"):
        ImageDataGenerator(validation_split=5)
    with pytest.raises(ValueError, match="`zoom_range` must be two numbers"):
        ImageDataGenerator(zoom_range=(1, 2, 3))
    with pytest.raises(ValueError, match="`brightness_range` must be two numbers"):
        ImageDataGenerator(brightness_range=(1,))
    with pytest.raises(ValueError, match="data_format"):
        ImageDataGenerator(data_format="channels")
    with pytest.raises(ShapeError, match=r"`fit` needs images of rank 4, got an array of shape \(4, 5, 3\)"):
        ImageDataGenerator().fit(IMAGES[0])


def test_unlikely_channels() -> None:
    with pytest.warns(UserWarning, match=r"have 5 channels in the order \"channels_last\""):
        ImageDataGenerator().fit(IMAGES.transpose(0, 1, 3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImageDataGenerator().fit(IMAGES)
