"""Keras's module path of the layers around a layer."""

from graphc.keras.layers.bidirectional import Bidirectional
from graphc.keras.layers.time_distributed import TimeDistributed
from graphc.keras.layers.wrapper import Wrapper

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]
