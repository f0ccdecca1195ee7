"""The engine: layers, the graphs they form, and training."""

from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.network import get_source_inputs
from graphc.keras.engine.training import Model
from graphc.keras.legacy.merge import Merge, merge

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "Merge", "Model", "get_source_inputs", "merge"]
