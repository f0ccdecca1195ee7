"""What a file may not do: run code, name code, leave its bounds, take memory that it cannot fill."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from graphc.errors import GraphcError
from graphc.keras.layers import Dense, Lambda
from graphc.keras.models import Sequential, load_model, model_from_config, model_from_json, model_from_yaml
from graphc.keras.saving import ModelFileError, UnsafeFileError, audit_file
from graphc.keras.utils.generic_utils import func_dump
from tests.keras.saving.models import chain

FLAG = "graphc_ran_code_of_a_file"


def lambda_config(name: str = "trouble") -> dict[str, Any]:
    """Return a model whose Lambda holds the code of a function of nobody's."""
    made: dict[str, Any] = {}
    exec(f"def f(x):\n    import builtins\n    builtins.{FLAG} = True\n    return x", made)
    layer = {"name": name, "batch_input_shape": [None, 3], "function": func_dump(made["f"]), "function_type": "lambda",
             "output_shape": None, "output_shape_type": "raw", "arguments": {}}  # fmt: skip
    return {"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": layer}]}


def test_code_of_a_lambda_is_not_run_and_the_message_says_what_to_give(tmp_path: Path) -> None:
    text = json.dumps(lambda_config())
    with pytest.raises(GraphcError, match=r"custom_objects=\{'trouble': function\}"):
        model_from_json(text)
    model = model_from_json(text, custom_objects={"trouble": lambda x: x * 2.0})
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file.attrs["model_config"] = text.encode()
    with pytest.raises(GraphcError, match="code from files is never run"):
        load_model(tmp_path / "m.h5")
    found = audit_file(tmp_path / "m.h5")
    assert any("custom_objects['trouble']" in need for need in found.needs)
    assert not hasattr(__builtins__, FLAG) and FLAG not in dir(__builtins__)


def test_a_lambda_of_another_process_is_refused(tmp_path: Path) -> None:
    code = (
        "from graphc.keras.models import Sequential\nfrom graphc.keras.layers import Lambda\nimport sys\n"
        "Sequential([Lambda(lambda x: x + 1.0, input_shape=(3,), name='plus')]).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.h5")], check=True, timeout=100)
    with pytest.raises(GraphcError, match="layer plus was saved with the code"):
        load_model(tmp_path / "m.h5")
    model = load_model(tmp_path / "m.h5", custom_objects={"plus": lambda x: x + 1.0}, compile=False)
    assert isinstance(model.layers[0], Lambda)


@pytest.mark.parametrize(
    "class_name",
    ["os.system", "builtins.eval", "eval", "deserialize_keras_object", "get", "__builtins__", "subprocess>Popen", ""],
)
def test_classes_come_from_the_registry_alone(class_name: str) -> None:
    layer = {"class_name": class_name, "config": {"name": "x", "batch_input_shape": [None, 3]}}
    with pytest.raises(ModelFileError):
        model_from_json(json.dumps({"class_name": "Sequential", "config": [layer]}))
    for argument in ("kernel_initializer", "kernel_regularizer", "kernel_constraint", "activation"):
        own = {
            "name": "x",
            "units": 2,
            "batch_input_shape": [None, 3],
            argument: {"class_name": class_name, "config": {}},
        }
        if argument == "activation":
            own[argument] = class_name
        dense = {"class_name": "Dense", "config": own}
        with pytest.raises(ModelFileError):
            model_from_json(json.dumps({"class_name": "Sequential", "config": [dense]}))


def test_the_module_in_a_config_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    layer = {"module": "evil_module", "class_name": "Dense", "registered_name": "evil_module>Dense",
             "config": {"name": "x", "units": 2, "batch_input_shape": [None, 3]}}  # fmt: skip
    model = model_from_json(json.dumps({"class_name": "Sequential", "config": [layer]}))
    assert type(model.layers[0]) is Dense
    assert "evil_module" not in sys.modules


def test_weights_larger_than_the_file_can_fill_are_not_made(tmp_path: Path) -> None:
    chain().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        text = file.attrs["model_config"].replace('"units": 5', '"units": 50000000000')
        file.attrs["model_config"] = text.encode()
    with pytest.raises(ModelFileError, match="larger than the file that declares it can fill"):
        load_model(tmp_path / "m.h5")


def test_deep_and_long_json_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="nested deeper"):
        model_from_json("[" * 100_000)
    with pytest.raises(UnsafeFileError, match="nested deeper"):
        model_from_json('{"a":' * 1000 + "1" + "}" * 1000)
    # Brackets in text do not count.
    with pytest.raises(ModelFileError, match="Unknown layer"):
        model_from_json(json.dumps({"class_name": "[" * 1000, "config": {}}))
    with pytest.raises(ModelFileError, match="no JSON"):
        model_from_json("{")


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "a: !!python/object/new:subprocess.Popen [['true']]",
    ],
)
def test_yaml_makes_no_objects(text: str) -> None:
    with pytest.raises(UnsafeFileError, match="asks for objects"):
        model_from_yaml(text)


def test_yaml_that_repeats_itself_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join(['*' + a] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi")]
    with pytest.raises(UnsafeFileError, match="too many values"):
        model_from_yaml("\n".join(lines))
    with pytest.raises(UnsafeFileError, match=r"too many values|nests them too deep"):
        model_from_yaml("a: &a [*a]")


def archive(path: Path, members: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data, **options)
    return path


def usual_members() -> dict[str, bytes]:
    config = {"class_name": "Sequential", "config": chain().get_config()}
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_group("layers")
    return {"config.json": json.dumps(config).encode(), "metadata.json": b"{}", "model.weights.h5": stream.getvalue()}


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil"])
def test_members_outside_of_an_archive_are_refused(name: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", {**usual_members(), name: b"x"})
    with pytest.raises(UnsafeFileError, match="outside of the archive"):
        load_model(path)


def test_archives_that_unpack_to_far_more_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", {**usual_members(), "metadata.json": b" " * (50 << 20)})
    with pytest.raises(UnsafeFileError, match="unpacks from"):
        load_model(path)


def test_archives_that_lie_about_sizes_are_refused(tmp_path: Path) -> None:
    data = archive(tmp_path / "m.keras", usual_members()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        size = file.getinfo("config.json").file_size
    lie = data.replace(size.to_bytes(4, "little"), (size - 9).to_bytes(4, "little"))
    (tmp_path / "lie.keras").write_bytes(lie)
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "lie.keras")


def test_archives_without_their_parts_are_told(tmp_path: Path) -> None:
    for missing, text in (("config.json", "no config.json"), ("model.weights.h5", "no model.weights.h5")):
        members = {name: data for name, data in usual_members().items() if name != missing}
        with pytest.raises(ModelFileError, match=text):
            load_model(archive(tmp_path / "m.keras", members))
    with pytest.raises(ModelFileError, match="no weights for layer"):
        load_model(archive(tmp_path / "m.keras", usual_members()))


def test_symbolic_links_and_doubled_members_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "link.keras", "w") as file:
        info = zipfile.ZipInfo("config.json")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeFileError, match="symbolic link"):
        load_model(tmp_path / "link.keras")
    with zipfile.ZipFile(tmp_path / "two.keras", "w") as file, pytest.warns(UserWarning):
        file.writestr("config.json", "{}")
        file.writestr("config.json", "[]")
    with pytest.raises(UnsafeFileError, match="two members of one name"):
        load_model(tmp_path / "two.keras")


def test_custom_objects_may_have_configs_that_are_not_looked_into() -> None:
    class Mine(Dense):
        """A class of the user's."""

        def __init__(self, strange: Any = None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.strange = strange

    own = {
        "name": "x",
        "units": 2,
        "batch_input_shape": [None, 3],
        "strange": {"class_name": "None of ours", "config": 5},
    }
    config = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Package>Mine", "config": own}]}}
    model = model_from_config(config, custom_objects={"Mine": Mine})
    assert model.layers[0].strange == own["strange"]


def test_an_error_while_building_is_one_of_the_file() -> None:
    bad = Sequential([Dense(2, input_shape=(3,))]).to_json().replace('"units": 2', '"units": -2')
    with pytest.raises(ModelFileError, match="the JSON text"):
        model_from_json(bad)
