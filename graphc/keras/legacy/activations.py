"""Activations of Keras 1 with weights: SReLU, ParametricSoftplus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras import initializers
from graphc.keras.engine.base_layer import Layer
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.location import located


class _ParametricActivation(Layer):
    """An activation with weights of the input's shape without the batch, of size 1 along `shared_axes`."""

    def __init__(self, shared_axes: Sequence[int] | int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.shared_axes = None if shared_axes is None else to_list(shared_axes, allow_tuple=True)

    def _add_parameter(self, name: str, initializer: Any, input_shape: Any) -> Any:
        shape = [1 if axis in (self.shared_axes or ()) else size for axis, size in enumerate(input_shape[1:], 1)]
        if None in shape:
            raise ShapeError(
                located(
                    f"Layer {self.name} has weights for each element of a sample, and an input of shape "
                    f"{tuple(input_shape)} does not say how many; name such axes in `shared_axes`"
                )
            )
        return self.add_weight(name=name, shape=shape, initializer=initializer)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "shared_axes": self.shared_axes}


class SReLU(_ParametricActivation):
    """A line in the middle and two lines of other slopes beside it, all learnt (Jin et al., 2015).

    With t_r = t_left + |t_right|: y = t_r + a_right * (x - t_r) for x >= t_r, x for t_left < x < t_r,
    t_left + a_left * (x - t_left) for x <= t_left, which `is_capped` keeps from rising above t_r where a_left is
    negative: so it was on Keras 1's Theano backend, not on TensorFlow. Weights: t_left, a_left, t_right, a_right.
    """

    def __init__(
        self,
        t_left_init: Any = "zero",
        a_left_init: Any = "glorot_uniform",
        t_right_init: Any = "glorot_uniform",
        a_right_init: Any = "one",
        shared_axes: Sequence[int] | int | None = None,
        is_capped: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        self.is_capped = is_capped
        self.t_left_init = initializers.get(t_left_init)
        self.a_left_init = initializers.get(a_left_init)
        self.t_right_init = initializers.get(t_right_init)
        self.a_right_init = initializers.get(a_right_init)

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.t_left = self._add_parameter("t_left", self.t_left_init, input_shape)
        self.a_left = self._add_parameter("a_left", self.a_left_init, input_shape)
        self.t_right = self._add_parameter("t_right", self.t_right_init, input_shape)
        self.a_right = self._add_parameter("a_right", self.a_right_init, input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the three lines."""
        left = self.t_left
        right = left + K.abs(self.t_right)
        low = left + self.a_left * (inputs - left)
        if self.is_capped:
            low = K.minimum(low, right)
        high = right + self.a_right * (inputs - right)
        return K.switch(K.greater_equal(inputs, right), high, K.switch(K.greater(inputs, left), inputs, low))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "t_left_init": initializers.serialize(self.t_left_init),
            "a_left_init": initializers.serialize(self.a_left_init),
            "t_right_init": initializers.serialize(self.t_right_init),
            "a_right_init": initializers.serialize(self.a_right_init),
            "is_capped": self.is_capped,
        }


class ParametricSoftplus(_ParametricActivation):
    """`alpha * log(1 + exp(beta * x))`. Weights: alphas, betas, which start as `alpha_init` and `beta_init`."""

    def __init__(
        self,
        alpha_init: float = 0.2,
        beta_init: float = 5.0,
        weights: Any = None,
        shared_axes: Sequence[int] | int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(shared_axes, weights=weights, **kwargs)
        self.alpha_init = float(alpha_init)
        self.beta_init = float(beta_init)

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.alphas = self._add_parameter("alphas", initializers.Constant(self.alpha_init), input_shape)
        self.betas = self._add_parameter("betas", initializers.Constant(self.beta_init), input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the activation of the inputs."""
        return K.softplus(self.betas * inputs) * self.alphas

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "alpha_init": self.alpha_init, "beta_init": self.beta_init}
