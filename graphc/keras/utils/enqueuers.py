"""Batches made ahead of their use, by threads or processes: the enqueuers."""

from __future__ import annotations

import os
import random
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import ExecutionError, OptionError
from graphc.keras.utils.location import located

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext


class SequenceEnqueuer:
    """Base of the enqueuers: workers make items, at most `max_queue_size` ahead; `get()` yields them.

    `start(workers, max_queue_size)`, then `get()`, then `stop()`. An error of a worker, or of the thread that feeds
    the workers, is raised by `get()`, which stops the enqueuer first.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.workers = 0
        self.max_queue_size = 0
        self.run_thread: threading.Thread | None = None
        # Guards what follows; notified at each change.
        self._changed = threading.Condition()
        self._queue: deque[futures.Future[Any]] = deque()
        self._in_flight = 0
        self._is_running = False

    def is_running(self) -> bool:
        """Tell whether it was started, and not stopped since."""
        return self._is_running

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin to make items with this many threads or processes. Raises OptionError where it runs already."""
        if self._is_running:
            raise OptionError(located("The enqueuer is running already"))
        self.workers, self.max_queue_size = workers, max(max_queue_size, 1)
        self._in_flight = 0
        self._is_running = True
        self.run_thread = threading.Thread(target=self._feed, daemon=True)
        self.run_thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Drop what was made ahead and end the work; waits at most `timeout` seconds for the feeding thread."""
        with self._changed:
            self._is_running = False
            for future in self._queue:
                future.cancel()
            self._queue.clear()
            self._in_flight = 0
            self._changed.notify_all()
        if self.run_thread is not None:
            self.run_thread.join(timeout)

    def get(self) -> Iterator[Any]:
        """Yield items until the enqueuer is stopped; items that are None are left out."""
        for item in self._results():
            if item is not None:
                yield item

    def _run(self) -> None:
        """Submit the work, until `_submit` says that it is over."""
        raise NotImplementedError(f"{type(self).__name__} does not define _run")

    def _feed(self) -> None:
        try:
            self._run()
        except Exception as error:
            # Whoever waits in get() would wait for ever if the error ended in this thread.
            failed: futures.Future[Any] = futures.Future()
            failed.set_exception(error)
            with self._changed:
                self._queue.append(failed)
                self._changed.notify_all()

    def _executor(self, context: BaseContext | None = None, seed: int | None = None) -> futures.Executor:
        if not self.use_multiprocessing:
            return futures.ThreadPoolExecutor(self.workers)
        return futures.ProcessPoolExecutor(self.workers, context, initializer=_receive, initargs=(self.sequence, seed))

    def _submit(self, executor: futures.Executor, work: Callable[..., Any], *arguments: Any) -> bool:
        """Give out one piece of work as soon as the queue has room; False: the enqueuer was stopped."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._queue) < self.max_queue_size or not self._is_running)
            if self._is_running:
                self._queue.append(executor.submit(work, *arguments))
                self._in_flight += 1
                self._changed.notify_all()
            return self._is_running

    def _wait_until_made(self) -> bool:
        """Wait until the results of all work were taken; False: the enqueuer was stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0 or not self._is_running)
            return self._is_running

    def _results(self) -> Iterator[Any]:
        """Yield results in the order of the work, until the enqueuer is stopped and nothing is left."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue) or not self._is_running)
                if not self._queue:
                    return
                future = self._queue.popleft()
                self._changed.notify_all()
            try:
                result = future.result()
            except futures.CancelledError:
                return
            except Exception:
                self.stop()
                raise
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()
            yield result


class OrderedEnqueuer(SequenceEnqueuer):
    """Makes the batches of a `Sequence` in order (or, with `shuffle`, in a new order each epoch), without end.

    After the last batch of an epoch was taken, `on_epoch_end` is called here; processes then get the changed sequence.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _run(self) -> None:
        order = list(range(len(self.sequence)))
        if not order:
            raise OptionError(located(f"{type(self.sequence).__name__} has no batches: its length is 0"))
        work = _received_item if self.use_multiprocessing else self.sequence.__getitem__
        while True:
            if self.shuffle:
                random.shuffle(order)
            executor = self._executor()
            try:
                is_done = all(self._submit(executor, work, i) for i in order) and self._wait_until_made()
            finally:
                executor.shutdown(wait=False)
            if not is_done:
                return
            self.sequence.on_epoch_end()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Makes the items of an iterator, in no certain order with several workers, until it ends.

    Threads share the iterator, which must be thread-safe if there are several. Each process has a copy of its own
    (made by forking, so ValueError where processes cannot be forked), and works until one of them ends; `random_seed` +
    process id seeds NumPy's global generator there. `wait_time` has no effect any more.
    """

    def __init__(
        self,
        sequence: Any,
        use_multiprocessing: bool = False,
        wait_time: float | None = None,
        random_seed: int | None = None,
    ) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.random_seed = random_seed
        if wait_time is not None:
            warnings.warn("`wait_time` is not used anymore.", DeprecationWarning, stacklevel=2)

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin to make items. Raises OptionError where it runs already, or processes cannot be forked."""
        if self.use_multiprocessing and not _can_fork():
            raise OptionError(
                located("A generator cannot be sent to processes on this system: pass a keras.utils.Sequence instead")
            )
        super().start(workers, max_queue_size)

    def get(self) -> Iterator[Any]:
        """Yield items until the enqueuer is stopped or the iterator ends; items that are None are left out."""
        try:
            for made in self._results():
                if not made:
                    self._end()
                elif made[0] is not None:
                    yield made[0]
        except ValueError as error:
            if "generator already executing" not in str(error):
                raise
            raise ExecutionError(
                located(
                    "The generator is not thread-safe: with use_multiprocessing=False and workers > 1 several threads "
                    "call it at once. Guard its `__next__` by a lock, use one worker, or pass a keras.utils.Sequence"
                )
            ) from error

    def _run(self) -> None:
        executor = self._executor(_fork_context() if self.use_multiprocessing else None, self.random_seed)
        work: tuple[Any, ...] = (_received_next,) if self.use_multiprocessing else (_next, self.sequence)
        try:
            while self._submit(executor, *work):
                pass
        finally:
            executor.shutdown(wait=False)

    def _end(self) -> None:
        """Give out no more work; what was given out is still to be yielded."""
        with self._changed:
            self._is_running = False
            self._changed.notify_all()


def _can_fork() -> bool:
    # Only who uses processes pays for loading their machinery.
    import multiprocessing

    return "fork" in multiprocessing.get_all_start_methods()


def _fork_context() -> BaseContext:
    """Return the way to start processes by forking: a running generator cannot be pickled."""
    import multiprocessing

    return multiprocessing.get_context("fork")


_received: Any = None


def _receive(sequence: Any, seed: int | None) -> None:
    """Keep the data in a process that has just been started."""
    global _received
    _received = sequence
    if seed is not None:
        np.random.seed((seed + os.getpid()) % 2**32)


def _received_item(index: int) -> Any:
    return _received[index]


def _received_next() -> list[Any]:
    return _next(_received)


def _next(iterator: Iterator[Any]) -> list[Any]:
    """Return the next item in a list, or an empty list at the end: StopIteration would not survive the way back."""
    try:
        return [next(iterator)]
    except StopIteration:
        return []
