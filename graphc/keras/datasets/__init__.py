"""Data sets: the embedded digits, and Keras's, from files of the user's or from the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from graphc.keras.datasets import (
        boston_housing,
        cifar10,
        cifar100,
        digits,
        fashion_mnist,
        imdb,
        mnist,
        reuters,
    )

__all__ = ["boston_housing", "cifar10", "cifar100", "digits", "fashion_mnist", "imdb", "mnist", "reuters"]

__getattr__, __dir__ = loaded_on_first_use(
    __name__,
    {
        "boston_housing": "",
        "cifar10": "",
        "cifar100": "",
        "digits": "",
        "fashion_mnist": "",
        "imdb": "",
        "mnist": "",
        "reuters": "",
    },
)
