"""Keras's module path of the recurrent layers of images."""

from graphc.keras.layers.conv_lstm import ConvLSTM2D, ConvLSTM2DCell, ConvRNN2D

__all__ = ["ConvLSTM2D", "ConvLSTM2DCell", "ConvRNN2D"]
