"""get_file: the cache, checksums, archives, downloads that fail. Nothing here reaches the network."""

import hashlib
import io
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from graphc.errors import GraphcError
from graphc.keras.utils import get_file
from graphc.keras.utils.data_utils import _extract_archive, _hash_file, validate_file
from graphc.keras.utils.files import ArchiveError, DownloadError, cache_folder

TEXT = b"seven plus four"
SHA256 = hashlib.sha256(TEXT).hexdigest()
MD5 = hashlib.md5(TEXT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def origin(tmp_path: Path) -> str:
    (tmp_path / "origin.txt").write_bytes(TEXT)
    return (tmp_path / "origin.txt").as_uri()


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", fail)


def test_hashes(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(TEXT)
    assert _hash_file(file) == SHA256
    assert _hash_file(file, algorithm="md5", chunk_size=4) == MD5
    assert validate_file(file, SHA256) and validate_file(file, MD5) and validate_file(str(file), MD5.upper())
    assert validate_file(file, MD5, "md5") and not validate_file(file, MD5, "sha256")
    assert not validate_file(file, "0" * 64) and not validate_file(file, "0" * 32)


def test_a_download_lands_in_the_cache(home: Path, origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = get_file("words.txt", origin, file_hash=SHA256)
    assert path == str(home / "datasets" / "words.txt")
    assert Path(path).read_bytes() == TEXT
    shown = capsys.readouterr().out
    assert f"Downloading data from {origin}" in shown and f"{len(TEXT)}/{len(TEXT)} [====" in shown
    assert [p.name for p in (home / "datasets").iterdir()] == ["words.txt"]


def test_the_cache_spares_the_download(
    origin: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = get_file("words.txt", origin)
    capsys.readouterr()
    offline(monkeypatch)
    assert get_file("words.txt", origin, md5_hash=MD5) == first
    assert capsys.readouterr().out == ""


def test_places(tmp_path: Path, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_file("a.txt", origin, cache_dir=tmp_path / "c", cache_subdir="models") == str(
        tmp_path / "c/models/a.txt"
    )
    assert get_file(str(tmp_path / "b.txt"), origin) == str(tmp_path / "b.txt")
    assert get_file("c.txt", origin, cache_subdir=str(tmp_path / "d")) == str(tmp_path / "d" / "c.txt")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert cache_folder() == tmp_path / "user" / ".keras"
    assert cache_folder().is_dir()


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert cache_folder(tmp_path / "file" / "inside") == tmp_path / "temporary" / ".keras"


def test_an_outdated_file_is_fetched_again(home: Path, origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "words.txt").write_bytes(b"half of it")
    assert Path(get_file("words.txt", origin)).read_bytes() == b"half of it"
    assert Path(get_file("words.txt", origin, file_hash=SHA256)).read_bytes() == TEXT
    assert "is incomplete or outdated" in capsys.readouterr().out


def test_wrong_bytes_never_reach_the_cache(home: Path, origin: str) -> None:
    with pytest.raises(DownloadError, match="does not have the hash 000"):
        get_file("words.txt", origin, file_hash="0" * 64)
    assert list((home / "datasets").iterdir()) == []


def test_a_failed_download_keeps_the_old_file(home: Path, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "words.txt").write_bytes(b"old")
    offline(monkeypatch)
    with pytest.raises(
        DownloadError, match=r"URL fetch failure on .*no network here.*test_data_files\.py:\d+"
    ) as error:
        get_file("words.txt", origin, file_hash=SHA256)
    assert isinstance(error.value, GraphcError) and isinstance(error.value, OSError)
    assert [p.read_bytes() for p in (home / "datasets").iterdir()] == [b"old"]


def test_a_cut_download(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Response(io.BytesIO):
        headers = {"Content-Length": "40"}

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(TEXT))
    with pytest.raises(DownloadError, match="15 of 40 bytes came"):
        get_file("words.txt", "http://somewhere/words.txt")
    assert list((home / "datasets").iterdir()) == []


def test_bad_addresses_and_folders(tmp_path: Path, origin: str) -> None:
    with pytest.raises(DownloadError, match="URL fetch failure on nowhere"):
        get_file("words.txt", "nowhere")
    with pytest.raises(DownloadError, match="There is no folder"):
        get_file(str(tmp_path / "missing" / "words.txt"), origin)


def pack(tmp_path: Path, kind: str) -> Path:
    """Return an archive of set/words.txt."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "words.txt").write_bytes(TEXT)
    archive = tmp_path / f"archive.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            file.write(tmp_path / "set" / "words.txt", "set/words.txt")
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(tmp_path / "set", "set")
    return archive


def test_untar(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack(tmp_path, "tar.gz")
    path = get_file("set", archive.as_uri(), untar=True, file_hash=_hash_file(archive))
    assert path == str(home / "datasets" / "set")
    assert (Path(path) / "words.txt").read_bytes() == TEXT
    assert sorted(p.name for p in (home / "datasets").iterdir()) == ["set", "set.tar.gz"]
    offline(monkeypatch)
    assert get_file("set", archive.as_uri(), untar=True, file_hash=_hash_file(archive)) == path


@pytest.mark.parametrize(("kind", "archive_format"), [("zip", "auto"), ("tar.gz", "auto"), ("zip", ["tar", "zip"])])
def test_extract(home: Path, tmp_path: Path, kind: str, archive_format: Any) -> None:
    archive = pack(tmp_path, kind)
    for _ in range(2):
        path = get_file("held", archive.as_uri(), extract=True, archive_format=archive_format)
        assert path == str(home / "datasets" / "held")
        assert (home / "datasets" / "set" / "words.txt").read_bytes() == TEXT
        (home / "datasets" / "set" / "words.txt").write_bytes(b"changed")


def test_what_is_no_archive(tmp_path: Path) -> None:
    archive = pack(tmp_path, "zip")
    assert not _extract_archive(archive, tmp_path, None)
    assert not _extract_archive(archive, tmp_path, "tar")
    assert not _extract_archive(tmp_path / "set" / "words.txt", tmp_path)


def test_a_member_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    with tarfile.open(tmp_path / "evil.tar", "w") as file:
        member = tarfile.TarInfo("../../escaped.txt")
        member.size = len(TEXT)
        file.addfile(member, io.BytesIO(TEXT))
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        _extract_archive(tmp_path / "evil.tar", tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []
    assert not list(tmp_path.rglob("escaped.txt"))
