"""The collector of cycles is kept away from what is being built, and comes back."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from graphc.collector import without_collections


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()


def is_old(value: object) -> bool:
    return any(value is other for other in gc.get_objects(generation=2))


def test_what_is_built_meanwhile_is_old_afterwards() -> None:
    with without_collections():
        assert not gc.isenabled()
        built = [object()]
        assert not is_old(built)
    assert gc.isenabled()
    assert is_old(built)


def test_an_error_lets_the_collector_run_again() -> None:
    with pytest.raises(ZeroDivisionError), without_collections():
        _ = 1 / 0
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with without_collections():
        built = [object()]
    assert not gc.isenabled()
    assert not is_old(built)


def test_what_was_frozen_stays_frozen() -> None:
    frozen = [object()]
    gc.freeze()
    count = gc.get_freeze_count()
    with without_collections():
        pass
    assert gc.get_freeze_count() == count
    assert not is_old(frozen)


def test_cycles_that_were_made_meanwhile_are_found_later() -> None:
    class Cycle:
        alive = 0

        def __init__(self) -> None:
            self.own = self
            Cycle.alive += 1

        def __del__(self) -> None:
            Cycle.alive -= 1

    with without_collections():
        Cycle()
    assert Cycle.alive == 1
    gc.collect()
    assert Cycle.alive == 0
