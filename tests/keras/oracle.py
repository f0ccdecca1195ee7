"""Loader of the reference fixtures: values that released Keras 2.2.4 computed.

They lie in the directory GRAPHC_ORACLE, by default `../shared/oracle` beside the repository. Where there is none, the
tests that need it are skipped with a message that says so.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(os.environ.get("GRAPHC_ORACLE", Path(__file__).resolve().parents[3] / "shared" / "oracle"))


@dataclass(frozen=True)
class Case:
    """One fixture: `facts` from NAME.json, `arrays` from NAME.npz."""

    name: str
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray[Any, Any]]

    def check(self, actual: Any, expected: Any, mask: Any = True) -> None:
        """Assert that values agree within the fixture's tolerance, where `mask` holds."""
        tolerance = self.facts.get("tolerance", {"rtol": 1e-5, "atol": 1e-6})
        actual, expected = np.asarray(actual), np.asarray(expected)
        assert actual.shape == expected.shape
        mask = np.broadcast_to(mask, expected.shape)
        np.testing.assert_allclose(actual[mask], expected[mask], **tolerance)


def names(folder: str, unless: tuple[str, ...] = ()) -> list[Any]:
    """Return the parameters of a test over a folder: its cases' names, without those starting with one of `unless`."""
    found = sorted(path.stem for path in (ROOT / folder).glob("*.json"))
    if not found:
        return [pytest.param("", marks=pytest.mark.skip(reason=f"no reference fixtures at {ROOT / folder}"))]
    return [name for name in found if not name.startswith(unless)]


def load(folder: str, name: str) -> Case:
    """Return a case."""
    path = ROOT / folder / name
    with np.load(path.with_name(f"{name}.npz")) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return Case(name, json.loads(path.with_name(f"{name}.json").read_text()), arrays)
