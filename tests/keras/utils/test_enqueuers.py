"""Sequence and the enqueuers, with threads and with processes."""

import os
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from graphc.keras.utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence, enqueuers

BOTH = pytest.mark.parametrize("use_multiprocessing", [False, True], ids=["threads", "processes"])


class Tens(Sequence):
    """Batch i is i * factor; an epoch multiplies the factor by ten."""

    def __init__(self, length: int = 7) -> None:
        self.length = length
        self.factor = 1

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        return np.full(3, index * self.factor)

    def on_epoch_end(self) -> None:
        self.factor *= 10


class Faulty(Tens):
    def __getitem__(self, index: int) -> Any:
        raise IndexError(f"batch {index} is not present")


class FaultyEpochEnd(Tens):
    def on_epoch_end(self) -> None:
        raise OSError("the file is gone")


class Locked:
    """An iterator that several threads may use."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator
        self.lock = threading.Lock()

    def __next__(self) -> Any:
        with self.lock:
            return next(self.iterator)


def take(enqueuer: Any, number: int, workers: int = 3, max_queue_size: int = 5) -> list[Any]:
    enqueuer.start(workers, max_queue_size)
    items = enqueuer.get()
    taken = [next(items) for _ in range(number)]
    assert enqueuer.is_running()
    enqueuer.stop()
    assert not enqueuer.is_running()
    return taken


def test_a_sequence_is_one_epoch() -> None:
    assert [batch[0] for batch in Tens()] == list(range(7))
    assert Sequence().on_epoch_end() is None
    with pytest.raises(NotImplementedError, match="Sequence does not define __len__"):
        list(Sequence())
    with pytest.raises(NotImplementedError, match="Sequence does not define __getitem__"):
        Sequence()[0]


@BOTH
def test_order_and_epoch_ends(use_multiprocessing: bool) -> None:
    sequence = Tens()
    taken = take(OrderedEnqueuer(sequence, use_multiprocessing=use_multiprocessing), 17)
    assert [int(batch[0]) for batch in taken] == [*range(7), *range(0, 70, 10), 0, 100, 200]
    assert sequence.factor == 100


def test_shuffled_order() -> None:
    taken = [int(batch[0]) for batch in take(OrderedEnqueuer(Tens(40), shuffle=True), 40)]
    assert sorted(taken) == list(range(40))
    assert taken != list(range(40))


def test_no_more_than_the_queue_is_made_ahead() -> None:
    made = []

    class Noted(Tens):
        def __getitem__(self, index: int) -> Any:
            made.append(index)
            return index

    enqueuer = OrderedEnqueuer(Noted(50))
    enqueuer.start(workers=2, max_queue_size=4)
    items = enqueuer.get()
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(made) == list(range(5))
    enqueuer.stop()
    assert list(items) == []


def test_start_again_after_stop() -> None:
    enqueuer = OrderedEnqueuer(Tens())
    enqueuer.start()
    with pytest.raises(ValueError, match="running already"):
        enqueuer.start()
    enqueuer.stop()
    assert [int(batch[1]) for batch in take(enqueuer, 3)] == [0, 1, 2]


@BOTH
def test_errors_of_workers_arrive(use_multiprocessing: bool) -> None:
    for enqueuer in (
        OrderedEnqueuer(Faulty(), use_multiprocessing=use_multiprocessing),
        GeneratorEnqueuer(map(Faulty().__getitem__, count()), use_multiprocessing=use_multiprocessing),
    ):
        enqueuer.start(1, 3)
        with pytest.raises(IndexError, match="batch 0 is not present"):
            next(enqueuer.get())
        assert not enqueuer.is_running()


def test_errors_of_the_feeding_thread_arrive() -> None:
    enqueuer = OrderedEnqueuer(FaultyEpochEnd(2))
    enqueuer.start()
    items = enqueuer.get()
    assert [int(next(items)[0]), int(next(items)[0])] == [0, 1]
    with pytest.raises(OSError, match="the file is gone"):
        next(items)
    enqueuer = OrderedEnqueuer(Tens(0))
    enqueuer.start()
    with pytest.raises(ValueError, match="Tens has no batches"):
        next(enqueuer.get())


def test_a_process_that_dies_is_no_wait_for_ever() -> None:
    class Deadly(Tens):
        def __getitem__(self, index: int) -> Any:
            os._exit(3)

    enqueuer = OrderedEnqueuer(Deadly(), use_multiprocessing=True)
    enqueuer.start(1, 2)
    with pytest.raises(Exception, match="terminated abruptly"):
        next(enqueuer.get())


def test_threads_share_a_generator() -> None:
    taken = take(GeneratorEnqueuer(Locked(count())), 30)
    assert len(set(taken)) == 30
    assert max(taken) < 30 + 5 + 3


def test_processes_have_a_generator_each() -> None:
    taken = take(GeneratorEnqueuer(((i, os.getpid()) for i in count()), use_multiprocessing=True), 12, workers=2)
    assert os.getpid() not in {process for _, process in taken}
    for process in {process for _, process in taken}:
        own = [i for i, by in taken if by == process]
        assert own == list(range(len(own)))


@BOTH
def test_a_generator_that_ends(use_multiprocessing: bool) -> None:
    enqueuer = GeneratorEnqueuer((i if i % 4 else None for i in range(23)), use_multiprocessing=use_multiprocessing)
    enqueuer.start(1, 10)
    assert list(enqueuer.get()) == [i for i in range(23) if i % 4]
    assert not enqueuer.is_running()


def test_a_generator_that_is_not_thread_safe() -> None:
    def slow() -> Iterator[int]:
        for i in count():
            # Long enough for a second thread to come while the first is here.
            time.sleep(0.2)
            yield i

    enqueuer = GeneratorEnqueuer(slow())
    enqueuer.start(3, 6)
    with pytest.raises(RuntimeError, match=r"not thread-safe.*use one worker.*test_enqueuers\.py:\d+"):
        list(enqueuer.get())


def test_seeds_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def draws() -> Iterator[Any]:
        while True:
            yield os.getpid(), np.random.rand()

    (process, drawn), *_ = take(GeneratorEnqueuer(draws(), True, random_seed=2**32 - 5), 1, workers=1)
    assert drawn == np.random.RandomState((2**32 - 5 + process) % 2**32).rand()
    with pytest.warns(DeprecationWarning, match="wait_time"):
        GeneratorEnqueuer(draws(), wait_time=0.05)
    monkeypatch.setattr(enqueuers, "_can_fork", lambda: False)
    with pytest.raises(ValueError, match=r"pass a keras\.utils\.Sequence instead"):
        GeneratorEnqueuer(draws(), use_multiprocessing=True).start()


def test_what_is_abandoned_does_not_keep_python_alive() -> None:
    enqueuer = GeneratorEnqueuer(Locked(count()))
    enqueuer.start(2, 3)
    assert enqueuer.run_thread is not None and enqueuer.run_thread.daemon
    enqueuer.stop()
    assert not enqueuer.run_thread.is_alive()
