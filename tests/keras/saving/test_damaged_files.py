"""Files and configs that are damaged, of unknown versions, or no models: each is refused in words that say why."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc.keras.layers import Dense
from graphc.keras.models import Sequential, load_model, model_from_config, model_from_yaml
from graphc.keras.saving import LoadReport, ModelFileError, UnsafeFileError
from graphc.keras.saving import hdf5_types as types
from graphc.keras.saving.audit import audit_file
from graphc.keras.saving.config_keras1 import convert_keras_1
from graphc.keras.saving.config_newer import convert_newer
from graphc.keras.saving.hdf5_read import parse_hdf5
from graphc.keras.saving.training_config import compile_from_config
from graphc.keras.saving.tree import Group

TYPE, LAYOUT, FILTERS = 3, 8, 11


class Bytes:
    """The bytes of an HDF5 file, to be damaged; `at` has the addresses of its objects."""

    def __init__(self, folder: Path, fill: Callable[[Any], None], **options: Any) -> None:
        with h5py.File(folder / "f.h5", "w", **options) as file:
            fill(file)
            names = ["/"]
            file.visit(names.append)
            self.at = {name: h5py.h5o.get_info(file[name].id).addr for name in names}
        self.data = bytearray((folder / "f.h5").read_bytes())

    def replace(self, old: bytes, new: bytes, shift: int = 0) -> None:
        start = self.data.index(old) + shift
        self.data[start : start + len(new)] = new

    def message(self, name: str, kind: int) -> int:
        """Return where a message of an object stands, its header before it."""
        at = self.at[name] + 16
        while True:
            found, size = struct.unpack_from("<HH", self.data, at)
            if found == kind:
                return at + 8
            at += 8 + size

    def read(self) -> Group:
        return parse_hdf5(bytes(self.data), "damaged.h5")


def two_arrays(file: Any) -> None:
    file["aa"], file["ab"] = np.arange(6.0).reshape(2, 3), np.arange(3)
    file["group/packed"] = 1
    file.create_dataset("chunks", data=np.zeros((4, 6)), chunks=(2, 3), compression="gzip")
    file.attrs["numbers"] = np.arange(4.0)
    file.attrs["variable"] = ["one", "three"]


def names_without_ends(file: Bytes) -> None:
    heap = file.data.index(b"HEAP")
    size, _, start = struct.unpack_from("<QQQ", file.data, heap + 8)
    file.data[start : start + size] = b"x" * size


def root_is_an_array(file: Bytes) -> None:
    struct.pack_into("<Q", file.data, 64, file.at["aa"])


def no_type(file: Bytes) -> None:
    struct.pack_into("<H", file.data, file.message("aa", TYPE) - 8, 0)


DAMAGES: dict[str, tuple[Callable[[Bytes], object], str]] = {
    "superblock": (lambda f: f.data.__setitem__(8, 9), "an HDF5 superblock of version 9"),
    "addresses": (lambda f: f.data.__setitem__(13, 4), "addresses of 4 and sizes of 8 bytes, not 8"),
    "root": (root_is_an_array, "the root of the file is no group"),
    "header": (lambda f: f.data.__setitem__(f.at["aa"], 7), r"an object header of version 7 at \d+"),
    "names": (lambda f: f.replace(b"HEAP", b"HEEP"), r"no heap of names at \d+"),
    "symbols": (lambda f: f.replace(b"SNOD", b"SNOW"), r"no symbol table node at \d+"),
    "tree": (lambda f: f.replace(b"TREE", b"TREA"), r"no B-tree of kind 0 at \d+"),
    "same name": (lambda f: f.replace(b"ab\0", b"aa\0"), "/ has a member without a name of its own: 'aa'"),
    "endless name": (names_without_ends, "a name without an end"),
    "attribute": (lambda f: f.replace(b"numbers\0", b"\7", -8), "an attribute of version 7 with flags 0"),
    "heap of text": (lambda f: f.replace(b"GCOL", b"GCOM"), r"no heap of text at \d+"),
    "text": (lambda f: f.replace(b"GCOL", b"\x63", 16), r"no text of \d bytes at \d of the heap at \d+"),
    "type": (no_type, "/aa has no type or no shape"),
    "chunks": (
        lambda f: struct.pack_into("<I", f.data, f.message("chunks", LAYOUT) + 11, 0),
        r"/chunks: chunks of \[0, 3\] of an array of \(4, 6\)",
    ),
    "filters": (
        lambda f: f.data.__setitem__(f.message("chunks", FILTERS), 9),
        "/chunks: a filter pipeline of version 9",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_hdf5_files_say_what_is_wrong(damage: str, tmp_path: Path) -> None:
    file = Bytes(tmp_path, two_arrays)
    assert set(file.read().members) == {"aa", "ab", "group", "chunks"}
    act, message = DAMAGES[damage]
    act(file)
    with pytest.raises(ModelFileError, match=f"^damaged.h5: .*{message}"):
        file.read()


def test_damaged_files_of_newer_hdf5(tmp_path: Path) -> None:
    file = Bytes(tmp_path, lambda f: f.__setitem__("weights", 3), libver=("v108", "v108"))
    file.data[file.at["/"] + 4] = 7
    with pytest.raises(ModelFileError, match="an object header of version 7"):
        file.read()
    file.data[file.at["/"] + 4] = 2
    file.read()
    link = file.data.index(b"\x07weights") - 2
    file.data[link] = 9
    with pytest.raises(ModelFileError, match="a link of version 9"):
        file.read()


def test_a_committed_type_is_refused(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file["type"] = np.dtype("f4")
        file.create_dataset("array", shape=(3,), dtype=file["type"])

    with pytest.raises(ModelFileError, match="a message shared between objects"):
        Bytes(tmp_path, fill).read()


def datatype(kind: int, size: int, flags: int = 0, properties: bytes = b"") -> bytes:
    return struct.pack("<BBBBI", kind, flags, 0, 0, size) + properties.ljust(16, b"\0")


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: types.read_datatype(datatype(0, 3)), "integers of 3 bytes"),
        (lambda: types.read_datatype(datatype(1, 16)), "floating point numbers of 16 bytes"),
        (lambda: types.read_datatype(datatype(1, 4, properties=b"\0" * 5 + b"\7")), "4 bytes with 7 bits of exponent"),
        (lambda: types.read_datatype(datatype(3, 0)), "text of 0 bytes"),
        (lambda: types.read_datatype(datatype(8, 4)), "an enumeration that is no truth value"),
        (lambda: types.read_datatype(datatype(7, 8)), "elements of the class .*, which no model file has"),
        (lambda: types.read_dataspace(b"\7\2"), "a dataspace of version 7 with 2 dimensions"),
        (
            lambda: types.elements(b"123", (2,), types.Datatype("number", np.dtype("<f4")), lambda *_: b""),
            r"3 bytes where shape \(2,\) of float32 needs more",
        ),
        (lambda: types.undo_filters(b"123", [types.Filter(2, (2,))], 0, 3), "a chunk of 3 bytes shuffled by 2"),
        (lambda: types.undo_filters(b"123", [types.Filter(32001, ())], 0, 3), "packed with filter 32001: rewrite"),
        (lambda: types.undo_filters(b"123", [], 0, 4), "a chunk of 3 bytes where 4 were declared"),
    ],
)
def test_parts_of_hdf5_that_no_model_has(read: Callable[[], object], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        read()


def newer(class_name: Any, config: Any = None, **others: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": class_name, "config": {"name": "x"} if config is None else config,
            "registered_name": None, "build_config": {}, **others}  # fmt: skip


def network(layers: Any, **ends: Any) -> dict[str, Any]:
    return newer("Functional", {"name": "net", "layers": layers, **ends})


ENTRY = {**newer("InputLayer", {"name": "a", "batch_shape": [None, 4]}), "name": "a", "inbound_nodes": []}
ENDS = {"input_layers": [["a", 0, 0]], "output_layers": [["a", 0, 0]]}
TENSOR = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": ["a", 0, 0]}}
BIDIRECTIONAL = {
    "name": "both",
    "layer": newer("LSTM", {"name": "f", "units": 3}),
    "backward_layer": newer("LSTM", {"name": "b", "units": 5}),
}


def called(call: Any) -> dict[str, Any]:
    return network([ENTRY, newer("Dense", {"name": "d", "units": 3}, inbound_nodes=[call])], **ENDS)


CONFIGS: dict[str, tuple[Any, str]] = {
    "no text": (newer(3), "a class name that is no text: 3"),
    "no layer": (newer("Sequential", {"layers": [7]}), "a layer without class name and config: 7"),
    "no config": (newer("Sequential", {"layers": [newer("Dense", 5)]}), "the config of Dense is no dictionary: 5"),
    "no layers": (newer("Sequential", {"name": "net"}), "a Sequential without layers"),
    "no list": (network("ab", **ENDS), "a model whose layers are no list"),
    "no ends": (network([ENTRY]), "a model without input_layers"),
    "no tensor": (network([ENTRY], input_layers=[["a", 0]], output_layers=[["a", 0]]), "a tensor that cannot be read"),
    "negative": (
        network([ENTRY], input_layers=[["a", -1, 0]], output_layers=[["a", 0, 0]]),
        "read: .'a', -1",
    ),
    "no calls": (network([{**ENTRY, "inbound_nodes": "ab"}], **ENDS), "a layer whose calls are no list"),
    "no name": (network([newer("InputLayer", {"batch_shape": [None, 4]}, inbound_nodes=[])], **ENDS), "without a name"),
    "no call": (called(7), "layer d has a call that cannot be read: 7"),
    "short call": (called([["a"]]), r"layer d has a call that cannot be read: \[\['a'\]\]"),
    "keyword": (
        called({"args": [TENSOR], "kwargs": {"mask": TENSOR}}),
        r"layer d is called with tensors as keyword arguments: \['mask'\]",
    ),
    "backward": (
        newer("Sequential", {"layers": [newer("Bidirectional", BIDIRECTIONAL)]}),
        "both has a backward layer that differs from its forward layer",
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configs_that_are_none(case: str) -> None:
    config, message = CONFIGS[case]
    with pytest.raises(ModelFileError, match=message):
        convert_newer(config, LoadReport(), {})


def keras_1(class_name: Any, config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def merge_of(*branches: Any) -> dict[str, Any]:
    return keras_1("Sequential", [keras_1("Merge", {"name": "m", "mode": "sum", "layers": [*branches]})])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("net", "a model config that is no dictionary: net"),
        (merge_of(keras_1("Dense", {"output_dim": 3})), "a Merge of something that is no Sequential with layers"),
        (
            merge_of(keras_1("Sequential", [keras_1("Dense", {"name": "d", "output_dim": 3})])),
            "layer d starts a branch without an input shape",
        ),
    ],
)
def test_configs_of_keras_1_that_are_none(config: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        model_from_config(config)


def test_layers_of_keras_1_that_are_none() -> None:
    with pytest.raises(ModelFileError, match=r"a layer without class name and config: .*'Dense'"):
        convert_keras_1(keras_1("Dense", 7), LoadReport())


def compiled_with(**settings: Any) -> Any:
    model = Sequential([Dense(2, input_shape=(3,))])
    usual = {
        "optimizer_config": {"class_name": "SGD", "config": {}},
        "loss": "mse",
        "metrics": [],
        "loss_weights": None,
    }
    return compile_from_config(model, {**usual, **settings}, {}, LoadReport())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": 7}, "a loss that cannot be read: 7"),
        ({"metrics": 7}, "metrics that cannot be read: 7"),
        ({"metrics": [7]}, "a metric that cannot be read: 7"),
        ({"optimizer_config": {"class_name": "SGD"}}, "an optimizer that cannot be read"),
    ],
)
def test_training_configs_that_are_none(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        compiled_with(**settings)


def saved(folder: Path, **attributes: Any) -> Path:
    model = Sequential([Dense(2, input_shape=(3,), name="d")], name="net")
    model.compile("sgd", "mse")
    model.save(str(folder / "net.h5"))
    with h5py.File(folder / "net.h5", "r+") as file:
        for name, value in attributes.items():
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = value
    return folder / "net.h5"


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"No model found in config: .* has weights only. Build the model and"):
        load_model(str(saved(tmp_path, model_config=None)))
    with pytest.raises(ModelFileError, match="how the model was compiled is no dictionary"):
        load_model(str(saved(tmp_path, training_config="7")))
    unknown = json.dumps({"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "odd"})
    with pytest.raises(ModelFileError, match=r"cannot be compiled as it says: .*odd.*Try compile=False"):
        load_model(str(saved(tmp_path, training_config=unknown)))
    assert load_model(str(tmp_path / "net.h5"), compile=False).name == "net"
    with pytest.raises(ModelFileError, match=r"cannot be read: .*directory"):
        load_model(str(tmp_path))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{}", "the architecture has no class name"),
        ('{"class_name": "Sequential", "config": [7]}', "a layer without class name and config: 7"),
    ],
)
def test_architectures_that_an_audit_refuses(config: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(config)
    assert any(message in problem for problem in audit_file(tmp_path / "net.json").problems)


def test_yaml_that_is_no_model() -> None:
    with pytest.raises(ModelFileError, match="is no YAML"):
        model_from_yaml("a: [1")
    with pytest.raises(ModelFileError, match="a NumPy scalar of type 'c8'"):
        model_from_yaml(
            "!!python/object/apply:numpy.core.multiarray.scalar\n- !!python/object/apply:numpy.dtype\n"
            "  args: [c8, 0, 1]\n- !!binary AAAA\n"
        )


def test_archives_that_keras_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelFileError, match=r"'config.json' is packed in a way that Keras does not use"):
        load_model(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", " " * (80 << 20), zipfile.ZIP_STORED)
        archive.writestr("metadata.json", "{}")
    with pytest.raises(UnsafeFileError, match=r"config.json is too long"):
        load_model(str(path))


def test_two_arrays_of_one_name_are_not_written() -> None:
    group = Group("/")
    group.put("a", np.ones(3))
    with pytest.raises(ModelFileError, match="two weights are named 'a'; names within a layer must differ"):
        group.put("a", np.ones(3))
    with pytest.raises(ModelFileError, match="'a' of 'a/b' is the name of an array already"):
        group.put("a/b", np.ones(3))
