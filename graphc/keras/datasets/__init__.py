"""Data sets: the embedded digits, and readers of files that the user has."""

from graphc.keras.datasets import boston_housing, digits, mnist

__all__ = ["boston_housing", "digits", "mnist"]
