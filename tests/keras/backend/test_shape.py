import numpy as np
import pytest

from graphc.keras import backend as K

X = np.arange(24, dtype="float32").reshape(2, 3, 4)


def test_sizes_can_be_used_as_sizes_again() -> None:
    x = K.placeholder(shape=(None, 3, None))
    batch, _, features = K.shape(x)
    shape = K.shape(x)
    run = K.function(
        [x],
        [
            K.reshape(x, (batch * 3, features)),
            K.reshape(x, (shape[0], -1)),
            K.reshape(x, shape),
            K.tile(x, [1, 1, shape[0]]),
            K.arange(shape[2]),
            shape,
            K.cast(shape[2] - 1, "float32") * 0.5,
        ],
    )
    flat, matrix, same, tiled, counted, sizes, half = run([X])
    np.testing.assert_array_equal(flat, X.reshape(6, 4))
    np.testing.assert_array_equal(matrix, X.reshape(2, 12))
    np.testing.assert_array_equal(same, X)
    np.testing.assert_array_equal(tiled, np.tile(X, (1, 1, 2)))
    np.testing.assert_array_equal(counted, np.arange(4))
    np.testing.assert_array_equal(sizes, [2, 3, 4])
    assert sizes.dtype == "int32"
    assert half == 1.5


def test_a_shape_is_made_of_sizes() -> None:
    with pytest.raises(ValueError, match="shape"):
        K.reshape(K.constant(X), (K.placeholder(shape=(), dtype="int32"), -1))
    np.testing.assert_array_equal(K.eval(K.reshape(K.constant(X), K.constant([6, 4], "int32"))), X.reshape(6, 4))


def test_unknown_sizes_stay_unknown() -> None:
    x = K.placeholder(shape=(3, None, 4))
    assert K.int_shape(K.batch_flatten(x)) == (3, None)
    assert K.int_shape(K.flatten(x)) == (None,)
    assert K.int_shape(K.repeat_elements(x, 3, axis=1)) == (3, None, 4)
    assert K.int_shape(K.tile(K.placeholder(shape=(None, 4)), (4, 3))) == (None, 12)
    assert K.int_shape(K.temporal_padding(x)) == (3, None, 4)


def test_slices_and_ranges() -> None:
    np.testing.assert_array_equal(K.eval(K.slice(K.constant(X), (0, 1, 1), (1, 2, -1))), X[:1, 1:3, 1:])
    np.testing.assert_array_equal(K.eval(K.arange(2, 11, 3)), [2, 5, 8])
    np.testing.assert_array_equal(K.eval(K.arange(-4)), [])
    assert K.eval(K.arange(3, dtype="float32")).dtype == "float32"


def test_repeat_takes_matrices_only() -> None:
    np.testing.assert_array_equal(K.eval(K.repeat(K.constant(X[0]), 2)), np.repeat(X[0][:, None], 2, 1))
    with pytest.raises(ValueError, match="matrix"):
        K.repeat(K.constant(X), 2)


def test_bilinear_images() -> None:
    ramp = np.arange(3.0)[:, None] * 6 + np.arange(2.0)[None] * 4
    images = ramp[None, :, :, None]
    resized = K.eval(K.resize_images(K.constant(images), 2, 4, "channels_last", interpolation="bilinear"))
    rows, columns = np.minimum(np.arange(6) / 2, 2), np.minimum(np.arange(8) / 4, 1)
    np.testing.assert_allclose(resized[0, :, :, 0], rows[:, None] * 6 + columns[None] * 4, rtol=1e-6)
    first = K.resize_images(K.constant(images.transpose(0, 3, 1, 2)), 2, 4, "channels_first", "bilinear")
    np.testing.assert_allclose(K.eval(first)[0, 0], resized[0, :, :, 0])
    with pytest.raises(ValueError, match="interpolation"):
        K.resize_images(K.constant(images), 2, 2, "channels_last", "cubic")


def test_volumes_and_paddings() -> None:
    volume = np.arange(12.0).reshape(1, 2, 3, 2, 1)
    expected = volume.repeat(2, 1).repeat(3, 2).repeat(4, 3)
    np.testing.assert_array_equal(K.eval(K.resize_volumes(K.constant(volume), 2, 3, 4, "channels_last")), expected)
    padded = K.spatial_3d_padding(K.constant(volume), ((1, 0), (0, 2), (3, 1)), "channels_last")
    np.testing.assert_array_equal(K.eval(padded), np.pad(volume, ((0, 0), (1, 0), (0, 2), (3, 1), (0, 0))))
    first = K.spatial_3d_padding(K.constant(volume), ((1, 0), (0, 2), (3, 1)), "channels_first")
    np.testing.assert_array_equal(K.eval(first), np.pad(volume, ((0, 0), (0, 0), (1, 0), (0, 2), (3, 1))))


@pytest.mark.parametrize("function", [K.resize_volumes, K.spatial_2d_padding, K.spatial_3d_padding])
def test_unknown_data_formats_are_refused(function: object) -> None:
    factors = (2, 2, 2) if function is K.resize_volumes else ()
    with pytest.raises(ValueError, match="channels_middle"):
        function(K.constant(np.ones((1, 2, 3, 4, 5))), *factors, data_format="channels_middle")


def test_sizes_are_ends_of_slices() -> None:
    x = K.placeholder((None, 4))
    half = K.shape(x)[0] // 2
    halves = K.function([x], [x[:half], x[half:, 1:]])
    values = np.arange(20.0, dtype="float32").reshape(5, 4)
    for part, expected in zip(halves([values]), (values[:2], values[2:, 1:])):
        np.testing.assert_array_equal(part, expected)
