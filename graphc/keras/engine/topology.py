"""Keras's older module path of the layer graph."""

from graphc.keras.engine.base_layer import InputSpec, Layer, Node
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.network import Network, get_source_inputs

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "Network", "Node", "get_source_inputs"]
