"""keras.json."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphc.keras.settings_file import keras_folder, read_settings

DEFAULTS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def test_defaults_without_a_file(file: Path) -> None:
    assert keras_folder() == file.parent
    assert read_settings() == DEFAULTS
    assert not file.exists()


@pytest.mark.parametrize(
    ("given", "differs"),
    [
        ({"backend": "theano"}, {}),
        ({"floatx": "float64", "epsilon": 1e-5}, {"floatx": "float64", "epsilon": 1e-5}),
        ({"image_data_format": "channels_first"}, {"image_data_format": "channels_first"}),
        ({"image_dim_ordering": "th"}, {"image_data_format": "channels_first"}),
        ({"image_dim_ordering": "tf"}, {}),
    ],
)
def test_settings_are_read(file: Path, given: dict[str, Any], differs: dict[str, Any]) -> None:
    file.write_text(json.dumps(given))
    assert read_settings() == {**DEFAULTS, **differs}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{nonsense", "is no JSON"),
        ('{"floatx": "float31"}', "'float31' is no value of floatx"),
        ('{"floatx": ["float64"]}', "is no value of floatx"),
        ('{"epsilon": "small"}', "'small' is no value of epsilon"),
        ('{"image_dim_ordering": "default"}', "'default' is no value of image_dim_ordering"),
    ],
)
def test_what_makes_no_sense_warns(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.warns(UserWarning, match=said):
        assert read_settings() == DEFAULTS


def test_a_list_holds_no_settings(file: Path) -> None:
    file.write_text("[1, 2]")
    assert read_settings() == DEFAULTS


def test_the_backend_starts_with_the_settings(file: Path) -> None:
    file.write_text('{"floatx": "float64", "image_dim_ordering": "th", "backend": "tensorflow"}')
    text = "from graphc.keras import backend as K; print(K.floatx(), K.image_data_format(), K.variable(1).dtype)"
    environment = {**os.environ, "KERAS_BACKEND": "theano"}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["float64", "channels_first", "float64"]
