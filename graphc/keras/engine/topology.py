"""Keras's older module path of the layer graph, with the names that Keras 1 had here."""

from graphc.keras.engine.base_layer import InputSpec, Layer, Node
from graphc.keras.engine.input_layer import Input, InputLayer
from graphc.keras.engine.network import Network, get_source_inputs
from graphc.keras.legacy.merge import Merge, merge
from graphc.keras.utils.generic_utils import to_list

Container = Network

__all__ = [
    "Container",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "Merge",
    "Network",
    "Node",
    "get_source_inputs",
    "merge",
    "to_list",
]
