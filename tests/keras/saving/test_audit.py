"""What `graphc audit` tells of files, good and bad."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from graphc.cli import main
from graphc.keras.layers import Dense, Lambda
from graphc.keras.models import Sequential
from graphc.keras.saving import MissingFileError, audit_file
from tests.keras.saving.models import batch, branches, chain


def test_a_model_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = chain()
    model.train_on_batch(*batch(model))
    model.save(tmp_path / "m.h5")
    found = audit_file(tmp_path / "m.h5")
    assert found.facts == {
        "format": "HDF5, model",
        "keras": "2.2.4",
        "backend": "tensorflow",
        "model": "Sequential",
        "layers": "1 BatchNormalization, 2 Dense, 1 Dropout",
        "compiled": "yes",
        "weights": "8 arrays, 78 numbers, 312 bytes",
        "optimizer": "19 arrays of state",
    }
    assert found.needs == found.problems == []
    assert main(["audit", str(tmp_path / "m.h5")]) == 0
    assert capsys.readouterr().out.endswith("verdict      can be loaded\n")


def test_layers_inside_models_and_text_are_told(tmp_path: Path) -> None:
    for name, text in (("m.json", branches().to_json()), ("m.yaml", branches().to_yaml())):
        (tmp_path / name).write_text(text)
        found = audit_file(tmp_path / name)
        assert found.problems == []
        assert found.facts["layers"] == "1 Concatenate, 4 Dense, 2 InputLayer"


def test_what_custom_objects_must_give_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Mine(Dense):
        """A class of the user's."""

    Sequential([Mine(3, input_shape=(2,)), Lambda(lambda x: x * 2.0, name="twice")]).save(tmp_path / "m.h5")
    assert main(["audit", str(tmp_path / "m.h5")]) == 0
    told = capsys.readouterr().out
    assert "custom_objects['Mine']: a layer class" in told
    assert "custom_objects['twice']: the function of a Lambda" in told
    assert "can be loaded with custom_objects" in told


def test_unsafe_and_damaged_files_are_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain().save(tmp_path / "m.h5")
    data = (tmp_path / "m.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(data[:5000])
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file["model_weights/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    assert main(["audit", str(tmp_path / "m.h5")]) == 1
    assert "unsafe:" in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "cut.h5")]) == 1
    assert "cannot be loaded" in capsys.readouterr().out
    (tmp_path / "no.h5").write_text("neither")
    assert "neither HDF5 nor" in audit_file(tmp_path / "no.h5").problems[0]


def test_no_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingFileError):
        audit_file(tmp_path / "none.h5")
    assert main(["audit", str(tmp_path / "none.h5")]) == 1
    assert "there is no file" in capsys.readouterr().err
