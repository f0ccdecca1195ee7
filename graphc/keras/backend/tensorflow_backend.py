"""Keras's module path of the functions over TensorFlow: here those of graphc, which `keras.backend` has too."""

from graphc.keras.backend import *  # noqa: F403
