"""The engine: layers, the graphs they form, and training."""

from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.network import get_source_inputs
from graphc.keras.engine.training import Model

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "Model", "get_source_inputs"]
