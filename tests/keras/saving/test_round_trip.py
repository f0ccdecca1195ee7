"""Models written and read again: files, open groups, JSON, YAML, pickles."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from graphc.keras import backend as K
from graphc.keras.callbacks import ModelCheckpoint
from graphc.keras.layers import Dense, Lambda
from graphc.keras.models import Sequential, load_model, model_from_json, model_from_yaml, save_model
from graphc.keras.saving import ModelFileError
from tests.keras.saving.models import batch, branches, chain, same_predictions, same_weights


@pytest.mark.parametrize("make", [chain, branches])
def test_a_loaded_model_predicts_and_trains_as_the_saved_one(make: Any, tmp_path: Path) -> None:
    model = make()
    inputs, targets = batch(model)
    for _ in range(3):
        model.train_on_batch(inputs, targets)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    assert type(loaded) is type(model)
    same_weights(model, loaded)
    for old, new in zip(model.optimizer.get_weights(), loaded.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    same_predictions(model, loaded)
    np.testing.assert_array_equal(model.train_on_batch(inputs, targets), loaded.train_on_batch(inputs, targets))
    same_weights(model, loaded)
    assert loaded.metrics_names == model.metrics_names
    assert loaded.load_report == []


def test_the_file_is_laid_out_as_keras_lays_it_out(tmp_path: Path) -> None:
    model = chain()
    inputs, targets = batch(model)
    model.train_on_batch(inputs, targets)
    save_model(model, str(tmp_path / "m.h5"))
    with h5py.File(tmp_path / "m.h5") as file:
        assert set(file.attrs) == {"keras_version", "backend", "model_config", "training_config"}
        assert file.attrs["keras_version"] == "2.2.4"
        assert file.attrs["backend"] == file["model_weights"].attrs["backend"] == "tensorflow"
        assert file["model_weights"].attrs["layer_names"].tolist() == [b"first", b"norm", b"drop", b"second"]
        assert file["model_weights/norm"].attrs["weight_names"].tolist() == [
            b"norm/gamma:0", b"norm/beta:0", b"norm/moving_mean:0", b"norm/moving_variance:0"
        ]  # fmt: skip
        assert file["model_weights/first/first/kernel:0"].shape == (7, 5)
        assert file["model_weights/drop"].attrs["weight_names"].size == 0
        names = file["optimizer_weights"].attrs["weight_names"].tolist()
        assert names[0] == b"Adam/iterations:0"
        assert file["optimizer_weights/Adam/iterations:0"][()] == 1


def test_a_file_without_optimizer_loads_with_a_warning_and_uncompiled(tmp_path: Path) -> None:
    model = chain()
    model.save(tmp_path / "m.h5", include_optimizer=False)
    with pytest.warns(UserWarning, match="not.* compiled"):
        loaded = load_model(tmp_path / "m.h5")
    assert loaded.optimizer is None
    same_weights(model, loaded)


def test_compile_false_leaves_the_model_uncompiled(tmp_path: Path) -> None:
    chain().save(tmp_path / "m.h5")
    assert load_model(tmp_path / "m.h5", compile=False).optimizer is None


def test_open_files_and_groups_are_written_and_read(tmp_path: Path) -> None:
    model = branches()
    with h5py.File(tmp_path / "all.h5", "w") as file:
        model.save(file)
        same_weights(model, load_model(file))
        # A second model over the first, in the file and in a group of it.
        chain().save(file)
        assert len(load_model(file).layers) == 4
        model.save(file.create_group("deep/inside"))
        same_weights(model, load_model(file["deep/inside"]))
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        model.save_weights(file)
        other = branches()
        other.load_weights(file)
        same_weights(model, other)


@pytest.mark.parametrize("make", [chain, branches])
def test_architectures_go_through_json_and_yaml(make: Any) -> None:
    model = make()
    for other in (model_from_json(model.to_json()), model_from_yaml(model.to_yaml())):
        assert other.get_config() == model.get_config()
        other.set_weights(model.get_weights())
        same_predictions(model, other)


def test_yaml_of_old_versions_has_tuples_and_shared_parts() -> None:
    text = chain().to_yaml()
    config = yaml.safe_load(text)
    config["config"]["layers"][0]["config"]["batch_input_shape"] = (None, 7)
    model = model_from_yaml(yaml.dump(config))
    assert model.input_shape == (None, 7)


@pytest.mark.parametrize("make", [chain, branches])
def test_pickles_keep_weights_optimizer_and_compilation(make: Any) -> None:
    model = make()
    inputs, targets = batch(model)
    model.train_on_batch(inputs, targets)
    copy = pickle.loads(pickle.dumps(model))
    same_weights(model, copy)
    for old, new in zip(model.optimizer.get_weights(), copy.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert copy.metrics_names == model.metrics_names


def test_custom_objects_are_given_by_name(tmp_path: Path) -> None:
    class Twice(Dense):
        """A class of the user's."""

        def call(self, inputs: Any) -> Any:
            return super().call(inputs) * 2.0

    def loss(y_true: Any, y_pred: Any) -> Any:
        return K.mean(K.abs(y_pred - y_true), axis=-1)

    model = Sequential([Twice(3, input_shape=(2,))])
    model.compile("sgd", loss, metrics=[loss])
    model.save(tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match="Unknown layer: Twice"):
        load_model(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", custom_objects={"Twice": Twice, "loss": loss})
    assert type(loaded.layers[0]) is Twice
    assert loaded.loss is loss
    same_weights(model, loaded)


def test_a_lambda_of_this_process_is_found_again(tmp_path: Path) -> None:
    model = Sequential([Lambda(lambda x: x * 3.0, input_shape=(4,), name="triple")])
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", compile=False)
    assert loaded.layers[0].function is model.layers[0].function


def test_lists_of_long_names_are_cut_into_pieces(tmp_path: Path) -> None:
    model = Sequential([Dense(2, input_shape=(3,), name="x" * 30000)])
    for i in range(3):
        model.add(Dense(2, name=f"dense_{i}"))
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert {"layer_names0", "layer_names1"} <= set(file.attrs)
        assert "layer_names" not in file.attrs
    other = Sequential.from_config(model.get_config())
    other.load_weights(tmp_path / "w.h5")
    same_weights(model, other)


def test_names_longer_than_hdf5_can_hold_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    model = Sequential([Dense(2, input_shape=(3,), name="x" * 70000)])
    with pytest.raises(ValueError, match="longer than HDF5"):
        model.save_weights(tmp_path / "w.h5")
    assert list(tmp_path.iterdir()) == []


def test_overwrite_false_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.h5"
    path.write_bytes(b"precious")
    answers = iter(["what?", "n", "y"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    chain().save(path, overwrite=False)
    assert path.read_bytes() == b"precious"
    chain().save_weights(path, overwrite=False)
    assert h5py.is_hdf5(path)


def test_model_checkpoint_writes_files_that_load(tmp_path: Path) -> None:
    model = chain()
    (x,), (y,) = batch(model)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(str(tmp_path / "m{epoch}.h5"))])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m1.h5", "m2.h5"]
    same_weights(model, load_model(tmp_path / "m2.h5"))
