"""Activations with parameters: LeakyReLU, PReLU, ELU, ThresholdedReLU, Softmax, ReLU."""

from __future__ import annotations

from typing import Any

from graphc.errors import GraphError, ShapeError
from graphc.keras import activations, constraints, initializers, regularizers
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.legacy import interfaces
from graphc.keras.legacy.activations import ParametricSoftplus, SReLU
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.location import located

__all__ = ["ELU", "LeakyReLU", "PReLU", "ParametricSoftplus", "ReLU", "SReLU", "Softmax", "ThresholdedReLU"]


class _Elementwise(Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape


class LeakyReLU(_Elementwise):
    """x where x >= 0, alpha * x elsewhere."""

    def __init__(self, alpha: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(K.cast_to_floatx(alpha))

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return K.relu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(_Elementwise):
    """x where x >= 0, alpha * x elsewhere, alpha being a weight for each element of a sample.

    Axes in `shared_axes` (counting the batch as 0) share theirs.
    """

    @interfaces.legacy_prelu_support
    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else to_list(shared_axes, allow_tuple=True)

    def build(self, input_shape: Any) -> None:
        """Make alpha. Raises ShapeError where an axis that is not shared has no known size, or a shared one is none."""
        shared = self.shared_axes or []
        unknown = [axis for axis, size in enumerate(input_shape) if axis and axis not in shared and size is None]
        if unknown or not set(shared) <= set(range(1, len(input_shape))):
            raise ShapeError(
                located(
                    f"{self.name}: an input of shape {tuple(input_shape)} leaves no known number of weights, "
                    f"shared along the axes {shared}"
                )
            )
        self.alpha = self.add_weight(
            name="alpha",
            shape=tuple(1 if axis in shared else size for axis, size in enumerate(input_shape) if axis),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        axes = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the activation of the inputs."""
        return K.relu(inputs) - self.alpha * K.relu(-inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }


class ELU(_Elementwise):
    """x where x >= 0, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(K.cast_to_floatx(alpha))

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return K.elu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha}


class ThresholdedReLU(_Elementwise):
    """x where x > theta, 0 elsewhere."""

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = float(K.cast_to_floatx(theta))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the activation of the inputs."""
        return inputs * K.cast(K.greater(inputs, self.theta), K.floatx())

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "theta": self.theta}


class Softmax(_Elementwise):
    """exp(x) / sum(exp(x)) along `axis`."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return activations.softmax(inputs, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}


class ReLU(_Elementwise):
    """x (at most `max_value`) where x >= threshold, negative_slope * (x - threshold) elsewhere."""

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope)):
            if value is not None and value < 0.0:
                raise GraphError(located(f"{name} of ReLU layer {self.name} cannot be negative: {value}"))
        self.max_value = None if max_value is None else float(K.cast_to_floatx(max_value))
        self.negative_slope = float(K.cast_to_floatx(negative_slope))
        self.threshold = float(K.cast_to_floatx(threshold))

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return K.relu(inputs, alpha=self.negative_slope, max_value=self.max_value, threshold=self.threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
