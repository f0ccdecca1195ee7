"""Keras's module path of the layers that Keras 2 has no equal of."""

from graphc.keras.legacy.activations import ParametricSoftplus, SReLU
from graphc.keras.legacy.dense import Highway, MaxoutDense, TimeDistributedDense
from graphc.keras.legacy.merge import Merge, merge
from graphc.keras.legacy.recurrent_layer import Recurrent

__all__ = [
    "Highway", "MaxoutDense", "Merge", "ParametricSoftplus", "Recurrent", "SReLU", "TimeDistributedDense", "merge",
]  # fmt: skip
