"""Damaged and hostile files give an error of ours, within time and memory; some still load."""

from __future__ import annotations

import pytest

from tests.keras.saving.fuzz import CHANGES, fuzz


@pytest.mark.parametrize("kind", CHANGES)
def test_variants_load_or_are_refused(kind: str) -> None:
    counts, failures = fuzz(kind, 150)
    assert failures == []
    assert counts["refused"] > 30
    assert counts["loaded"] > 5
