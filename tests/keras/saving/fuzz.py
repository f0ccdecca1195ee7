"""Damaged and hostile model files, loaded in a process with little memory: `python -m tests.keras.saving.fuzz`.

Prints how many of each kind loaded, were refused, and anything else, which is a failure.
"""

from __future__ import annotations

import argparse
import collections
import copy
import io
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY = 3 << 30
SECONDS = 20
HOSTILE = [
    None,
    True,
    -1,
    0,
    1 << 62,
    1e308,
    "",
    "x" * 300,
    [],
    {},
    [[]],
    {"class_name": "Dense"},
    "__class__",
    [None] * 9,
]


def flip(data: bytes, r: random.Random) -> bytes:
    """Return data with some bits changed."""
    changed = bytearray(data)
    for _ in range(r.choice([1, 2, 4, 16, 64, 512])):
        changed[r.randrange(len(changed))] ^= 1 << r.randrange(8)
    return bytes(changed)


def cut(data: bytes, r: random.Random) -> bytes:
    """Return data without its end, or without a piece."""
    first, second = sorted(r.randrange(len(data)) for _ in range(2))
    return data[:first] if r.random() < 0.5 else data[:first] + data[second:]


def overwrite(data: bytes, r: random.Random) -> bytes:
    """Return data with an extreme number somewhere."""
    at = r.randrange(len(data))
    value = r.choice([b"\xff" * 8, b"\0" * 8, b"\xff" * 4, b"\x7f" + b"\xff" * 7, b"\0\0\0\0\0\0\0\x80"])
    return data[:at] + value + data[at + len(value) :]


def twist(value: Any, r: random.Random) -> Any:
    """Return a config with a hostile value in the place of some part."""
    parts: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        for key in item if isinstance(item, dict) else range(len(item)):
            parts.append((item, key))
            if isinstance(item[key], (dict, list)):
                waiting.append(item[key])
    owner, key = r.choice(parts)
    owner[key] = copy.deepcopy(r.choice(HOSTILE))
    return value


def twisted_text(data: bytes, r: random.Random) -> bytes:
    """Return JSON with hostile values or numbers."""
    if r.random() < 0.3:
        return re.sub(rb"\b\d+\b", lambda m: m[0] if r.random() < 0.9 else str(r.randrange(-9, 10**12)).encode(), data)
    config = json.loads(data)
    for _ in range(r.choice([1, 1, 2, 5])):
        twist(config, r)
    return json.dumps(config).encode()


def twisted_hdf5(data: bytes, r: random.Random) -> bytes:
    """Return an HDF5 file with hostile attributes."""
    import h5py

    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        owners = [file]
        file.visititems(lambda _, item: owners.append(item))
        for _ in range(r.choice([1, 1, 3])):
            owner = r.choice([x for x in owners if len(x.attrs)])
            name = r.choice(list(owner.attrs))
            text = owner.attrs[name]
            if isinstance(text, str) and text.startswith("{") and r.random() < 0.7:
                owner.attrs[name] = twisted_text(text.encode(), r)
            else:
                owner.attrs[name] = r.choice(
                    [5, b"", b"x", b"9" * 50, [1.0], [b"a", b"b"], [b"first"] * 3, "é", b"[[[["]
                )
    return stream.getvalue()


def twisted_archive(data: bytes, r: random.Random) -> bytes:
    """Return a `.keras` archive one of whose members is damaged or twisted."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = r.choice(old.namelist())
        for name in old.namelist():
            member = old.read(name)
            if name == chosen:
                change = r.choice([flip, cut, overwrite, twisted_text if name.endswith("json") else twisted_hdf5])
                member = change(member, r)
            new.writestr(r.choice([name] * 20 + ["../x", "config.json", name + "/"]), member)
    return stream.getvalue()


CHANGES: dict[str, list[Callable[[bytes, random.Random], bytes]]] = {
    "h5": [flip, cut, overwrite, twisted_hdf5],
    "json": [flip, cut, twisted_text, twisted_text],
    "keras": [flip, cut, overwrite, twisted_archive],
}


def originals(folder: Path) -> dict[str, bytes]:
    """Return a good file of each kind."""
    from graphc.keras.saving.layer_weights import layers_to_group
    from tests.keras.saving.models import batch, branches, chain, h5

    model = chain()
    model.train_on_batch(*batch(model))
    model.save(folder / "good.h5")
    with h5(folder / "weights.h5", "w") as file:
        for i, (path, array) in enumerate(layers_to_group(model.layers).arrays()):
            layer = path.split("/")[0]
            place = file.require_group(f"layers/{layer}/vars")
            place.attrs["name"] = layer
            place[str(len(place))] = array
            assert i < 9
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        training = {"optimizer": "adam", "loss": "mse", "metrics": ["accuracy"]}
        config = {"class_name": "Sequential", "config": model.get_config(), "compile_config": training}
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", '{"keras_version": "3.6.0"}')
        archive.writestr("model.weights.h5", (folder / "weights.h5").read_bytes())
    return {
        "h5": (folder / "good.h5").read_bytes(),
        "json": branches().to_json().encode(),
        "keras": stream.getvalue(),
    }


def attempt(kind: str, data: bytes, path: Path) -> str:
    """Load and audit a file, and return what happened."""
    from graphc.errors import GraphcError
    from graphc.keras import backend as K
    from graphc.keras.models import load_model, model_from_json
    from graphc.keras.saving import audit_file

    path.write_bytes(data)
    started = time.monotonic()
    K.clear_session()
    try:
        audit_file(path)
        if kind == "json":
            model_from_json(data.decode("utf-8", "replace"))
        else:
            load_model(path)
        result = "loaded"
    except GraphcError as error:
        result = "refused" if str(error) else "refused without a word"
    except BaseException as error:
        result = f"FAILED with {type(error).__name__}: {str(error)[:200]}"
    seconds = time.monotonic() - started
    return result if seconds < SECONDS else f"FAILED: {seconds:.0f} seconds"


def work(kind: str, first: int, count: int) -> None:
    """Try variants in this process, a line each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = originals(folder)[kind]
        assert attempt(kind, good, folder / f"f.{kind}") == "loaded"
        for seed in range(first, first + count):
            r = random.Random(f"{kind}{seed}")
            try:
                data = r.choice(CHANGES[kind])(good, r)
            except Exception:
                data = flip(good, r)
            print(seed, attempt(kind, data, folder / f"f.{kind}"), flush=True)


def fuzz(kind: str, count: int, first: int = 0) -> tuple[collections.Counter[str], list[str]]:
    """Try variants in a process of its own. Returns how often what happened, and the failures."""
    command = [sys.executable, "-m", "tests.keras.saving.fuzz", "--work", kind, str(first), str(count)]
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 5 * count, cwd=root, env=environment)
    results = [line.split(" ", 1) for line in done.stdout.splitlines()]
    failures = [f"{kind} {seed}: {result}" for seed, result in results if result not in ("loaded", "refused")]
    if done.returncode or len(results) != count:
        failures.append(
            f"{kind}: stopped with status {done.returncode} after {len(results)} of {count}: {done.stderr[-900:]}"
        )
    return collections.Counter(result for _, result in results), failures


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="variants of each kind")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work[0], int(given.work[1]), int(given.work[2]))
        return 0
    failed = False
    for kind in CHANGES:
        counts, failures = fuzz(kind, given.count, given.first)
        print(kind, dict(counts))
        print(*failures, sep="\n")
        failed |= bool(failures)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
