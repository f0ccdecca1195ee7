"""All layers."""

from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.layer_classes import deserialize, register_classes, serialize
from graphc.keras.layers.advanced_activations import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from graphc.keras.layers.core import (
    Activation,
    ActivityRegularization,
    Dense,
    Dropout,
    Flatten,
    Lambda,
    Masking,
    Permute,
    RepeatVector,
    Reshape,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from graphc.keras.layers.embeddings import Embedding
from graphc.keras.layers.merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from graphc.keras.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from graphc.keras.layers.normalization import BatchNormalization

__all__ = [
    "ELU", "Activation", "ActivityRegularization", "Add", "AlphaDropout", "Average", "BatchNormalization",
    "Concatenate", "Dense", "Dot", "Dropout", "Embedding", "Flatten", "GaussianDropout", "GaussianNoise", "Input",
    "InputLayer", "InputSpec", "Lambda", "Layer", "LeakyReLU", "Masking", "Maximum", "Minimum", "Multiply", "PReLU",
    "Permute", "ReLU", "RepeatVector", "Reshape", "Softmax", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D", "Subtract", "ThresholdedReLU", "add", "average", "concatenate", "deserialize", "dot",
    "maximum", "minimum", "multiply", "serialize", "subtract",
]  # fmt: skip

register_classes({name: value for name, value in globals().items() if name in __all__ and isinstance(value, type)})
