"""Keras 3 on JAX, with jit_compile."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "jax"

import keras
from entry import Entry
from fresh import first_call_entry, first_result_entry, import_entry

from peers import keras_like


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("keras")
    if case == "first_call":
        return first_call_entry("keras", variant, threads)
    if case == "first_result":
        return first_result_entry("keras", quick)
    return keras_like.train(keras, case, quick)


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the first prediction, or the first training step."""
    return keras_like.first_call(keras, kind)
