"""Data made ready for models: images, sequences, text."""

from graphc.keras.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]
