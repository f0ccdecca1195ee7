"""The progress bar's text."""

from typing import Any

import pytest

from graphc.keras.utils import progbar
from graphc.keras.utils.progbar import Progbar


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progbar.time, "time", lambda: now[0])
    return now


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.rstrip("\n").split("\n")[-1]


def test_averages_and_time_left(clock: list[float], capsys: Any) -> None:
    bar = Progbar(200)
    clock[0] += 10
    bar.update(50, [("loss", 4.0)])
    assert last_line(capsys) == " 50/200 [======>.......................] - ETA: 30s - loss: 4.0000"
    clock[0] += 10
    bar.update(100, [("loss", 2.0)])
    assert last_line(capsys).endswith("- ETA: 20s - loss: 3.0000")
    bar.add(100, [("loss", 0.0), ("tiny", 1e-5)])
    expected = "200/200 [==============================] - 20s 100ms/step - loss: 1.5000 - tiny: 1.0000e-05"
    assert last_line(capsys) == expected


def test_redraws_are_rare(clock: list[float], capsys: Any) -> None:
    bar = Progbar(10, interval=1.0)
    bar.update(1)
    capsys.readouterr()
    clock[0] += 0.5
    bar.update(2)
    assert capsys.readouterr().out == ""
    bar.update(10)
    assert "10/10" in capsys.readouterr().out


def test_stateful_values_are_shown_as_they_are(clock: list[float], capsys: Any) -> None:
    bar = Progbar(4, stateful_metrics=["count"])
    bar.update(2, [("count", 5)])
    bar.update(4, [("count", 9)])
    assert last_line(capsys).endswith("- count: 9.0000")


def test_long_and_unknown(clock: list[float], capsys: Any) -> None:
    bar = Progbar(10)
    clock[0] += 1000
    bar.update(1)
    assert "ETA: 2:30:00" in last_line(capsys)
    endless = Progbar(None)
    clock[0] += 6
    endless.update(3)
    assert last_line(capsys) == "      3/Unknown - 6s 2s/step"


def test_one_line_an_epoch(clock: list[float], capsys: Any) -> None:
    bar = Progbar(4, verbose=2)
    bar.update(2, [("loss", 1.0)])
    assert capsys.readouterr().out == ""
    bar.update(4, [("loss", 2.0)])
    assert capsys.readouterr().out == " - 0s - loss: 1.5000\n"
    Progbar(4, verbose=0).update(4)
    assert capsys.readouterr().out == ""
