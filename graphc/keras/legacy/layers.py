"""Keras's module path of the layers that Keras 2 has no equal of."""

from graphc.keras.legacy.activations import ParametricSoftplus, SReLU
from graphc.keras.legacy.dense import Highway, MaxoutDense, TimeDistributedDense
from graphc.keras.legacy.merge import Merge, merge

__all__ = ["Highway", "MaxoutDense", "Merge", "ParametricSoftplus", "SReLU", "TimeDistributedDense", "merge"]
