"""Weight files into models: by order, by name, in part, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc.keras.engine import saving
from graphc.keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from graphc.keras.models import Model, Sequential
from graphc.keras.saving import ModelFileError
from tests.keras.saving.models import branches, chain, same_weights


def changed(model: Any, seed: int = 1) -> Any:
    """Return the model with other weights."""
    r = np.random.default_rng(seed)
    model.set_weights([r.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("make", [chain, branches])
@pytest.mark.parametrize("whole", [False, True])
def test_weights_come_back_from_weight_files_and_from_model_files(make: Any, whole: bool, tmp_path: Path) -> None:
    model = changed(make())
    (model.save if whole else model.save_weights)(tmp_path / "w.h5")
    for by_name in (False, True):
        other = make()
        other.load_weights(tmp_path / "w.h5", by_name=by_name)
        same_weights(model, other)
        assert other.load_report == []


def test_frozen_layers_and_models_inside_come_back(tmp_path: Path) -> None:
    def make(frozen: bool) -> Any:
        x = Input((4,))
        inner = Sequential([Dense(3, input_shape=(4,)), BatchNormalization(), Dense(2)], name="inner")
        inner.layers[0].trainable = not frozen
        return Model(x, inner(x))

    model = changed(make(True))
    model.save_weights(tmp_path / "w.h5")
    other = make(True)
    other.load_weights(tmp_path / "w.h5")
    same_weights(model, other)


def test_by_name_leaves_the_others(tmp_path: Path) -> None:
    model = changed(Sequential([Dense(3, input_shape=(4,), name="a"), Dense(2, name="b")]))
    model.save_weights(tmp_path / "w.h5")
    other = Sequential([Dense(3, input_shape=(4,), name="a"), Dense(5, name="new"), Dense(2, name="c")])
    before = other.get_weights()
    other.load_weights(tmp_path / "w.h5", by_name=True)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    for mine, theirs in zip(other.get_weights()[2:], before[2:]):
        np.testing.assert_array_equal(mine, theirs)


def test_nothing_changes_where_something_does_not_fit(tmp_path: Path) -> None:
    changed(Sequential([Dense(3, input_shape=(4,), name="a"), Dense(2, name="b")])).save_weights(tmp_path / "w.h5")
    other = Sequential([Dense(3, input_shape=(4,), name="a"), Dense(5, name="b")])
    before = other.get_weights()
    for options in ({}, {"by_name": True}):
        with pytest.raises(ValueError, match=r"b/kernel:0 has shape \(3, 5\), but the saved weight has shape \(3, 2\)"):
            other.load_weights(tmp_path / "w.h5", **options)
        for mine, theirs in zip(other.get_weights(), before, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    with pytest.warns(UserWarning, match="Skipping loading of weights for layer b due to mismatch"):
        other.load_weights(tmp_path / "w.h5", by_name=True, skip_mismatch=True)
    assert not np.array_equal(other.get_weights()[0], before[0])
    np.testing.assert_array_equal(other.get_weights()[2], before[2])


def test_numbers_of_layers_and_weights_must_agree(tmp_path: Path) -> None:
    chain().save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match="containing 3 layers into a model with 1 layers"):
        Sequential([Dense(5, input_shape=(7,))]).load_weights(tmp_path / "w.h5")
    other = Sequential([Dense(5, input_shape=(7,), name="first", use_bias=False)])
    with pytest.raises(ValueError, match="expects 1 weights, but the saved weights have 2"):
        other.load_weights(tmp_path / "w.h5", by_name=True)
    with pytest.raises(ValueError, match="by_name must be True"):
        other.load_weights(tmp_path / "w.h5", skip_mismatch=True)


def test_reshape_lets_a_dense_kernel_into_a_convolution(tmp_path: Path) -> None:
    model = changed(Sequential([Flatten(input_shape=(1, 1, 4)), Dense(3, name="a")]))
    model.save_weights(tmp_path / "w.h5")
    other = Sequential([Conv2D(3, 1, input_shape=(1, 1, 4), name="a")])
    with pytest.raises(ModelFileError):
        other.load_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5", reshape=True)
    np.testing.assert_array_equal(other.get_weights()[0][0, 0], model.get_weights()[0])


def test_kernels_of_a_theano_file_are_flipped_and_it_is_said(tmp_path: Path) -> None:
    def make() -> Any:
        return Sequential([Conv2D(3, (2, 4), input_shape=(7, 8, 2), name="conv")])

    model = changed(make())
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.attrs["backend"] = b"theano"
    other = make()
    other.load_weights(tmp_path / "w.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0][::-1, ::-1])
    np.testing.assert_array_equal(other.get_weights()[1], model.get_weights()[1])
    assert "conv: kernel rotated by 180 degrees" in str(other.load_report)


def test_weights_of_layers_in_an_open_file(tmp_path: Path) -> None:
    def make(units: int) -> Any:
        return Sequential([Dense(3, input_shape=(4,), name="a"), Dense(units, name="b")])

    model, other, wider = changed(make(2)), make(2), make(5)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        saving.save_weights_to_hdf5_group(file.create_group("some"), model.layers)
        saving.load_weights_from_hdf5_group(file["some"], other.layers)
        same_weights(model, other)
        saving.load_weights_from_hdf5_group_by_name(file["some"], wider.layers[:1])
        np.testing.assert_array_equal(wider.get_weights()[0], model.get_weights()[0])
        with pytest.raises(ModelFileError, match=r"b/kernel:0 has shape \(3, 5\)"):
            saving.load_weights_from_hdf5_group_by_name(file["some"], wider.layers)
        with pytest.warns(UserWarning, match="Skipping loading of weights for layer b"):
            saving.load_weights_from_hdf5_group_by_name(file["some"], wider.layers, skip_mismatch=True)
        with pytest.raises(ModelFileError, match="has no `layer_names`"):
            saving.load_weights_from_hdf5_group(file, other.layers)


def test_other_files_are_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = [1.0, 2.0]
    with pytest.raises(ModelFileError, match="no weight file of Keras"):
        chain().load_weights(tmp_path / "data.h5")
    with pytest.raises(FileNotFoundError):
        chain().load_weights(tmp_path / "none.h5")
