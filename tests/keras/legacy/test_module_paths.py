"""Where the names of Keras 1 and 2 are found: module paths that have moved keep working."""

import importlib

import pytest

from graphc.errors import DTypeError
from graphc.keras import backend, layers, optimizers
from graphc.keras.engine import Merge
from graphc.keras.legacy import interfaces
from graphc.keras.legacy.merge import merge
from graphc.keras.models import Sequential
from graphc.keras.utils import multi_gpu_model, plot_model

MOVED = [
    ("backend.tensorflow_backend", "conv2d", backend.conv2d),
    ("backend.tensorflow_backend", "set_session", backend.set_session),
    ("engine", "merge", merge),
    ("utils.training_utils", "multi_gpu_model", multi_gpu_model),
    ("utils.visualize_util", "plot", plot_model),
    ("engine.topology", "Merge", Merge),
    ("engine.topology", "Layer", layers.Layer),
    ("layers.convolutional", "Layer", layers.Layer),
    ("layers.core", "InputSpec", layers.InputSpec),
    ("layers.core", "Layer", layers.Layer),
    ("layers.recurrent", "Layer", layers.Layer),
    ("layers.advanced_activations", "SReLU", layers.SReLU),
]


@pytest.mark.parametrize(("module", "name", "target"), MOVED)
def test_a_moved_name_is_the_same_object(module: str, name: str, target: object) -> None:
    found = getattr(importlib.import_module(f"graphc.keras.{module}"), name)
    assert found is target


@pytest.mark.parametrize("kind", ["cropping", "pooling", "upsampling", "zeropadding"])
def test_each_number_of_axes_has_its_interface(kind: str) -> None:
    for axes in (2, 3):
        assert callable(getattr(interfaces, f"legacy_{kind}{axes}d_support"))


class AdamOptimizer:
    """Stands for one of TensorFlow."""

    __module__ = "tensorflow.python.training.adam"


class FtrlOptimizer:
    """Stands for one of TensorFlow that Keras has no equal of."""

    __module__ = "tensorflow.python.training.ftrl"


def test_an_optimizer_of_tensorflow_names_its_equal() -> None:
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(DTypeError, match=r"AdamOptimizer is .*use keras.optimizers.Adam \["):
        model.compile(AdamOptimizer(), "mse")
    with pytest.raises(TypeError, match=r"FtrlOptimizer .*use keras.optimizers.SGD, RMSprop"):
        optimizers.TFOptimizer(FtrlOptimizer())
    with pytest.raises(ValueError, match="Could not interpret"):
        optimizers.get(object())
