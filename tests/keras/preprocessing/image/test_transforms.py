"""Transforms of one image."""

from typing import Any

import numpy as np
import pytest

from graphc.keras.preprocessing import image

pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'graphc[image]'")
pytest.importorskip("scipy", reason="SciPy is not installed: pip install 'graphc[image]'")

X = np.random.RandomState(0).rand(9, 7, 3)
LAST: dict[str, int] = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}


def test_a_shift_by_whole_pixels() -> None:
    shifted = image.apply_affine_transform(X, tx=2, ty=-1, fill_mode="constant", cval=5.0)
    np.testing.assert_allclose(shifted[:7, 1:], X[2:, :6])
    assert (shifted[7:] == 5).all() and (shifted[:, 0] == 5).all()


@pytest.mark.parametrize(
    ("fill_mode", "rows"),
    [("nearest", [7, 8, 8, 8]), ("reflect", [7, 8, 8, 7]), ("wrap", [7, 8, 1, 2])],
)
def test_fill_modes(fill_mode: str, rows: list[int]) -> None:
    np.testing.assert_allclose(image.apply_affine_transform(X, tx=2, fill_mode=fill_mode)[5:], X[rows])


def test_a_zoom_and_a_shear_follow_their_matrix() -> None:
    row, column = 4, 3
    for matrix, options in (
        (np.diag([0.5, 0.25]), {"zx": 0.5, "zy": 0.25}),
        (np.array([[1, -0.5], [0, np.sqrt(0.75)]]), {"shear": 30}),
        (np.array([[0, -1], [1, 0]]), {"theta": 90}),
    ):
        centre = np.array([9, 7]) / 2 + 0.5
        y, x = np.clip(matrix @ (np.array([row, column]) - centre) + centre, 0, [8, 6])
        low, left = int(y), int(x)
        corners = X[np.ix_([low, min(low + 1, 8)], [left, min(left + 1, 6)])]
        expected = np.einsum("i,j,ijc->c", [1 - y + low, y - low], [1 - x + left, x - left], corners)
        np.testing.assert_allclose(image.apply_affine_transform(X, **options)[row, column], expected, atol=1e-12)


def test_nothing_to_do_returns_the_image() -> None:
    assert image.apply_affine_transform(X) is X


def test_the_axes_are_those_that_are_named() -> None:
    first = image.apply_affine_transform(
        X.transpose(2, 0, 1), theta=25, shear=8, tx=1.5, zx=0.7, row_axis=1, col_axis=2, channel_axis=0
    )
    np.testing.assert_allclose(first.transpose(1, 2, 0), image.apply_affine_transform(X, 25, 1.5, 0, 8, 0.7))


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("random_rotation", (30,), lambda u: {"theta": u(-30, 30)}),
        ("random_shear", (20,), lambda u: {"shear": u(-20, 20)}),
        ("random_shift", (0.5, 0.25), lambda u: {"tx": u(-0.25, 0.25) * 9, "ty": u(-0.5, 0.5) * 7}),
        ("random_zoom", ((0.5, 2),), lambda u: dict(zip(("zx", "zy"), u(0.5, 2, 2)))),
        ("random_zoom", ((1, 1),), lambda u: {}),
    ],
)
def test_random_transforms_are_affine(name: str, arguments: Any, expected: Any) -> None:
    np.random.seed(5)
    made = getattr(image, name)(X, *arguments, **LAST, fill_mode="wrap")
    np.random.seed(5)
    np.testing.assert_allclose(made, image.apply_affine_transform(X, **expected(np.random.uniform), fill_mode="wrap"))
    assert getattr(image, name)(X.transpose(2, 0, 1), *arguments).shape == (3, 9, 7)


def test_channel_shifts() -> None:
    shifted = image.apply_channel_shift(X, 0.3, channel_axis=2)
    np.testing.assert_allclose(shifted, np.minimum(X + 0.3, X.max()))
    np.random.seed(3)
    made = image.random_channel_shift(X, 0.4)
    np.random.seed(3)
    np.testing.assert_allclose(made, image.apply_channel_shift(X, np.random.uniform(-0.4, 0.4)))


def test_brightness() -> None:
    spread = (X / X.max() * 255).astype("uint8")
    np.testing.assert_array_equal(image.apply_brightness_shift(X, 1), spread)
    np.testing.assert_array_equal(image.apply_brightness_shift(X, 0), np.zeros_like(spread))
    np.testing.assert_allclose(image.apply_brightness_shift(X, 0.5), spread / 2, atol=1)
    first = image.apply_brightness_shift(X.transpose(2, 0, 1), 0.5, data_format="channels_first")
    np.testing.assert_array_equal(first.transpose(1, 2, 0), image.apply_brightness_shift(X, 0.5))
    np.random.seed(3)
    made = image.random_brightness(X, (0.2, 0.9))
    np.random.seed(3)
    np.testing.assert_array_equal(made, image.apply_brightness_shift(X, np.random.uniform(0.2, 0.9)))


def test_flips() -> None:
    np.testing.assert_array_equal(image.flip_axis(X, 1), X[:, ::-1])
    np.testing.assert_array_equal(image.flip_axis([[1, 2], [3, 4]], 0), [[3, 4], [1, 2]])


def test_bad_ranges() -> None:
    with pytest.raises(ValueError, match="`zoom_range` must be two numbers"):
        image.random_zoom(X, (1, 2, 3))
    with pytest.raises(ValueError, match="`brightness_range` must be two numbers"):
        image.random_brightness(X, (1,))
