"""Keras 1's module path of the pictures of models."""

from graphc.keras.utils.vis_utils import model_to_dot
from graphc.keras.utils.vis_utils import plot_model as plot

__all__ = ["model_to_dot", "plot"]
