"""The module path of replicas up to Keras 2.1."""

from graphc.keras.utils.multi_gpu_utils import multi_gpu_model

__all__ = ["multi_gpu_model"]
