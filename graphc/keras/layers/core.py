"""Keras's module path of the core layers, those that Keras 1 kept here included."""

from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.layers.activation import Activation, ActivityRegularization
from graphc.keras.layers.dense import Dense
from graphc.keras.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from graphc.keras.layers.lambda_layer import Lambda
from graphc.keras.layers.masking import Masking
from graphc.keras.layers.shaping import Flatten, Permute, RepeatVector, Reshape
from graphc.keras.legacy.layers import Highway, MaxoutDense, Merge, TimeDistributedDense

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Highway",
    "InputSpec",
    "Lambda",
    "Layer",
    "Masking",
    "MaxoutDense",
    "Merge",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "TimeDistributedDense",
]
