"""Python's collector of cycles, kept from looking for garbage where there is none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Keep the collector from running while something is built or imported, all of which is in use.

    Nor is the first collection after it one of all that was made, which is old from then on: 40 ms for the layers and
    the graph of a ResNet50.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # What somebody else has frozen stays so.
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
        gc.enable()
