"""`Sequence`: a data set in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Sequence:
    """A data set in batches: `self[i]` is a whole batch, `len(self)` the number of batches.

    `on_epoch_end` may change the data between epochs. Unlike a generator it can be read by several processes with
    each batch made once an epoch.
    """

    def __getitem__(self, index: int) -> Any:
        """Return the batch at this position."""
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __len__(self) -> int:
        """Return the number of batches."""
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def on_epoch_end(self) -> None:
        """Called after each epoch; does nothing unless overridden."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        for index in range(len(self)):
            yield self[index]
