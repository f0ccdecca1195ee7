"""Flags: defaults, values, and values they cannot have."""

from __future__ import annotations

from typing import Any

import pytest

from graphc import config
from graphc.errors import ConfigError


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, flag in config.FLAGS.items():
        monkeypatch.delenv(name, raising=False)
        assert config.get(name) == flag.default
        assert name.startswith("GRAPHC_") and flag.help


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("GRAPHC_VERIFY", "1", True),
        ("GRAPHC_VERIFY", "off", False),
        ("GRAPHC_VERIFY", "", False),
        ("GRAPHC_THREADS", "7", 7),
        ("GRAPHC_DISABLE", "one, two,", {"one", "two"}),
        ("GRAPHC_CACHE", "0", "0"),
        ("GRAPHC_DEVICE", "cuda", "cuda"),
    ],
)
def test_values(name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    assert config.get(name) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("GRAPHC_VERIFY", "perhaps", "expected 0 or 1"),
        ("GRAPHC_THREADS", "-2", "not below 0"),
        ("GRAPHC_THREADS", "many", "invalid literal"),
        ("GRAPHC_DEVICE", "abacus", "expected cpu, cuda or cuda:N"),
    ],
)
def test_values_it_cannot_have(name: str, text: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError, match=f"{name}='{text}': .*{problem}.*{name}: "):
        config.get(name)


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ConfigError, match="no flag is named GRAPHC_SPEED; there are GRAPHC_VERIFY"):
        config.get("GRAPHC_SPEED")
