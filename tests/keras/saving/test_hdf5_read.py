"""The HDF5 reader against h5py: everything Keras writes, and everything that must not be followed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphc.keras.saving import MissingFileError, ModelFileError, UnsafeFileError
from graphc.keras.saving.hdf5_objects import read_group, write_hdf5
from graphc.keras.saving.hdf5_read import parse_hdf5, read_hdf5
from graphc.keras.saving.tree import Group
from tests.keras.oracle import ROOT

R = np.random.default_rng(3)
FILES = sorted((ROOT / "saved_models").glob("*/*/*.h5"))


def plain(value: Any) -> Any:
    """Return an attribute as the reader gives it."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        return [x.decode() if isinstance(x, bytes) else x for x in value.tolist()]
    return value.decode() if isinstance(value, bytes) else value


def check_same(mine: Group, theirs: Any) -> None:
    assert set(mine.members) == set(theirs)
    assert set(mine.attributes) == set(theirs.attrs)
    for name, value in theirs.attrs.items():
        np.testing.assert_array_equal(mine.attributes[name], plain(value))
    for name, member in theirs.items():
        found = mine.members[name]
        if isinstance(member, h5py.Group):
            check_same(found, member)
        else:
            assert found.dtype == member.dtype.newbyteorder("=")
            np.testing.assert_array_equal(found, member[()])


def fill(file: Any) -> None:
    file["scalar"] = 3.5
    file["half"] = R.normal(size=(7, 3)).astype("f2")
    file["big_endian"] = np.arange(11, dtype=">i4")
    file["truth"] = np.array([True, False, True])
    file["empty"] = np.zeros((0, 4), "f8")
    file.create_dataset("never_written", shape=(5, 6), dtype="f4")
    file.create_dataset("packed", data=R.normal(size=(31, 23, 3)), chunks=(8, 9, 2), compression="gzip", shuffle=True)
    file.create_dataset("checked", data=R.integers(0, 9, (40, 5)), chunks=(7, 5), fletcher32=True)
    file.create_dataset("zeros", data=np.zeros((300, 100), "f4"), compression="gzip")
    for i in range(6):
        file[f"group/{i}/w"] = np.arange(i)
    file.attrs["text"] = "naïve"
    file.attrs["bytes"] = b"abc"
    file.attrs["fixed"] = np.array([b"one", b"three"])
    file.attrs["variable"] = ["a", "bcd"]
    file.attrs["numbers"] = np.arange(4.0)
    file.attrs["number"] = np.int64(-7)
    file.attrs["long"] = "x" * 100_000


@pytest.mark.parametrize(
    "options", [{}, {"libver": ("v108", "v108")}, {"track_order": True}, {"userblock_size": 512}], ids=str
)
def test_it_reads_what_h5py_writes(options: dict[str, Any], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w", **options) as file:
        (_fill_little if "libver" in options or "track_order" in options else fill)(file)
    data = (tmp_path / "f.h5").read_bytes()
    with h5py.File(tmp_path / "f.h5") as file:
        check_same(parse_hdf5(data[options.get("userblock_size", 0) :], "f"), file)


def _fill_little(file: Any) -> None:
    """Fill with so little that new files keep members and attributes in their headers."""
    file["scalar"] = 3
    file["group/w"] = R.normal(size=(4, 3))
    file.attrs["names"] = [b"one", b"three"]


def test_many_members_and_nodes_of_a_tree(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for i in range(300):
            file[f"layer_{i}"] = np.full((i % 5, 2), i)
        file.create_dataset("chunks", data=np.arange(4000), chunks=(9,))
    with h5py.File(tmp_path / "f.h5") as file:
        check_same(read_hdf5(tmp_path / "f.h5"), file)
        check_same(read_group(file), file)


@pytest.mark.parametrize("path", FILES or [None], ids=lambda path: str(path)[-60:])
def test_it_reads_the_files_of_released_versions(path: Path | None) -> None:
    if path is None:
        pytest.skip(f"no reference files at {ROOT / 'saved_models'}")
    with h5py.File(path) as file:
        check_same(read_hdf5(path), file)


def test_members_in_heaps_and_new_indices_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "links.h5", "w", libver="latest") as file:
        for i in range(20):
            file[f"layer_{i}"] = i
    with h5py.File(tmp_path / "attributes.h5", "w", libver="latest") as file:
        for i in range(20):
            file.attrs[f"a{i}"] = i
    with h5py.File(tmp_path / "chunks.h5", "w", libver="latest") as file:
        file.create_dataset("x", data=np.arange(100), chunks=(10,))
    for name in ("links", "attributes", "chunks"):
        with pytest.raises(ModelFileError, match=r"pass the open h5py\.File"):
            read_hdf5(tmp_path / f"{name}.h5")
        with h5py.File(tmp_path / f"{name}.h5") as file:
            check_same(read_group(file), file)


def soft_link(file: Any) -> None:
    file["w"] = 1.0
    file["soft"] = h5py.SoftLink("/w")


def external_link(file: Any) -> None:
    file["out"] = h5py.ExternalLink("/etc/passwd", "/")


def external_storage(file: Any) -> None:
    file.create_dataset("w", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual_dataset(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "w", (4,))
    file.create_virtual_dataset("w", layout)


def cycle(file: Any) -> None:
    file.create_group("a/b")
    file["a/b/again"] = file["a"]


@pytest.mark.parametrize("make", [soft_link, external_link, external_storage, virtual_dataset, cycle])
def test_what_leads_elsewhere_is_refused(make: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        make(file)
    with pytest.raises(UnsafeFileError):
        read_hdf5(tmp_path / "f.h5")
    with h5py.File(tmp_path / "f.h5") as file, pytest.raises(UnsafeFileError):
        read_group(file)


def test_groups_nested_without_end_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_group("/".join("abc" * 30))
    with pytest.raises(UnsafeFileError, match="nested deeper"):
        read_hdf5(tmp_path / "f.h5")


def test_sizes_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.create_dataset("never_written", (1 << 20, 1 << 20), "f8", chunks=(1 << 10, 1 << 10))
    with pytest.raises(UnsafeFileError, match="larger than"):
        read_hdf5(tmp_path / "f.h5")
    with h5py.File(tmp_path / "f.h5") as file, pytest.raises(UnsafeFileError, match="larger than"):
        read_group(file)
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file.create_dataset("bomb", (1 << 28,), "u1", chunks=(1 << 26,), compression=9)[:] = 0
    with pytest.raises(UnsafeFileError, match="larger than"):
        read_hdf5(tmp_path / "g.h5")


def test_a_contiguous_array_beyond_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file["w"] = np.arange(77.0)
    data = path.read_bytes()
    lie = data.replace(struct.pack("<Q", 77), struct.pack("<Q", 1 << 40))
    assert lie != data
    with pytest.raises(ModelFileError, match="outside of the file"):
        parse_hdf5(lie, "f")


def test_a_chunk_that_unpacks_to_more_than_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("w", data=np.zeros(1000, "u1"), chunks=(1000,), compression="gzip")
    # The chunk is the last dimension of the layout: (1000, 1 byte).
    data = path.read_bytes()
    lie = data.replace(struct.pack("<II", 1000, 1), struct.pack("<II", 10, 1))
    assert lie != data
    with pytest.raises(UnsafeFileError, match="unpacks to more"):
        parse_hdf5(lie, "f")


def test_other_files_and_none_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="there is no file"):
        read_hdf5(tmp_path / "none.h5")
    with pytest.raises(FileNotFoundError):
        read_hdf5(tmp_path / "none.h5")
    with pytest.raises(OSError, match="cannot be read"):
        read_hdf5(tmp_path)
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(ValueError, match="no HDF5 file"):
        read_hdf5(tmp_path / "text.h5")


def test_a_tree_goes_through_a_file(tmp_path: Path) -> None:
    tree = Group("/", {"text": "é", "names": ["a", "bb"]})
    tree.put("x/y:0", np.arange(6.0).reshape(2, 3))
    tree.put("x/z", np.float32(2.0))
    write_hdf5(tree, tmp_path / "f.h5")
    found = read_hdf5(tmp_path / "f.h5")
    assert found.attributes == tree.attributes
    np.testing.assert_array_equal(found.array("x/y:0"), tree.array("x/y:0"))
    assert [path for path, _ in found.arrays()] == ["x/y:0", "x/z"]


def test_attributes_of_the_wrong_kind_are_errors_of_the_file() -> None:
    tree = Group("/", {"text": ["a"], "names": np.arange(3.0), "none": np.zeros(0)})
    with pytest.raises(ModelFileError, match="should be text"):
        tree.text("text")
    with pytest.raises(ModelFileError, match="list of names"):
        tree.names("names")
    with pytest.raises(ModelFileError, match="no attribute"):
        tree.names("other")
    assert tree.names("none") == []
    with pytest.raises(ModelFileError, match="no group"):
        tree.group("x")
    with pytest.raises(ModelFileError, match="no array"):
        tree.array("x/y")
