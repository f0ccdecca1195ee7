"""The cache of object code: what is stored comes back, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphc.runtime import cache

CODE = bytes(range(256)) * 41


def _entry(folder: Path) -> Path:
    [path] = folder.glob("*.o")
    return path


def test_stored_code_comes_back(own_cache: Path) -> None:
    key = cache.entry_key("text", "compiler")
    assert cache.load_entry(key) is None
    cache.store_entry(key, CODE)
    assert cache.load_entry(key) == CODE
    assert own_cache.stat().st_mode & 0o777 == 0o700
    assert [p.suffix for p in own_cache.iterdir()] == [".o"]


def test_keys_tell_facts_apart() -> None:
    keys = {cache.entry_key(*facts) for facts in (("ab", "c"), ("a", "bc"), ("abc",), ("ab", "c", ""))}
    assert len(keys) == 4
    assert cache.entry_key("ab", "c") in keys


@pytest.mark.parametrize("position", [0, 20, 60, -1])
def test_a_changed_byte_is_not_run(own_cache: Path, position: int) -> None:
    key = cache.entry_key("text")
    cache.store_entry(key, CODE)
    content = bytearray(_entry(own_cache).read_bytes())
    content[position] ^= 1
    _entry(own_cache).write_bytes(content)
    assert cache.load_entry(key) is None
    cache.store_entry(key, CODE)
    assert cache.load_entry(key) == CODE


@pytest.mark.parametrize("length", [0, 5, 48, 100])
def test_a_truncated_entry_is_not_run(own_cache: Path, length: int) -> None:
    key = cache.entry_key("text")
    cache.store_entry(key, CODE)
    os.truncate(_entry(own_cache), length)
    assert cache.load_entry(key) is None


def test_zero_turns_it_off(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "0")
    cache.store_entry(cache.entry_key("text"), CODE)
    assert cache.load_entry(cache.entry_key("text")) is None
    assert not own_cache.exists()


def test_default_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.directory() == tmp_path / "xdg" / "graphc"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_is_refused(own_cache: Path, mode: int) -> None:
    own_cache.mkdir()
    own_cache.chmod(mode)
    with pytest.warns(RuntimeWarning, match="writable by you alone"):
        cache.store_entry(cache.entry_key("text"), CODE)
    assert list(own_cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_loses_the_entry_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRAPHC_CACHE", str(tmp_path / "file" / "below"))
    with pytest.warns(RuntimeWarning, match="not cached"):
        assert cache.load_entry(cache.entry_key("text")) is None


def test_prune_removes_what_was_used_longest_ago(own_cache: Path) -> None:
    own_cache.mkdir(mode=0o700)
    for age in range(8):
        path = own_cache / f"{age}.o"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    (own_cache / "left.tmp").write_bytes(b"")
    os.utime(own_cache / "left.tmp", (0, 0))
    (own_cache / "now.tmp").write_bytes(b"")
    cache.prune(own_cache, 800)
    assert len(list(own_cache.glob("*.o"))) == 8
    cache.prune(own_cache, 500)
    assert sorted(p.name for p in own_cache.iterdir()) == ["0.o", "1.o", "2.o", "now.tmp"]


def test_loading_counts_as_use(own_cache: Path) -> None:
    key = cache.entry_key("text")
    cache.store_entry(key, CODE)
    os.utime(_entry(own_cache), (0, 0))
    cache.load_entry(key)
    assert _entry(own_cache).stat().st_mtime > 0


_WRITER = """
import sys
from graphc.runtime import cache
for turn in range(60):
    for number in range(4):
        key = cache.entry_key(str(number))
        found = cache.load_entry(key)
        assert found in (None, bytes([number]) * 200_000), "half an entry"
        cache.store_entry(key, bytes([number]) * 200_000)
"""


def test_processes_at_once_see_whole_entries(own_cache: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER], stderr=subprocess.PIPE) for _ in range(3)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors.decode()
    assert sorted(p.suffix for p in own_cache.iterdir()) == [".o"] * 4
    assert cache.load_entry(cache.entry_key("3")) == bytes([3]) * 200_000
