"""Dense layers of Keras 1: MaxoutDense, Highway, TimeDistributedDense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphError, ShapeError
from graphc.keras import activations, constraints, initializers, regularizers
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.utils.location import located, warn


def warn_of_age(name: str, instead: str) -> None:
    """Warn that a layer is of Keras 1 only."""
    warn(f"The `{name}` layer is one of Keras 1. {instead}")


class _WeightedLayer(Layer):
    """What layers with Keras 1's names of arguments share: a matrix and a bias over the last axis of the input.

    Their arguments beside those of a layer: `init`, `W_regularizer`, `b_regularizer`, `activity_regularizer`,
    `W_constraint`, `b_constraint`, `bias` and `input_dim`, the number of features.
    """

    rank = 2

    def __init__(
        self,
        init: Any = "glorot_uniform",
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        activity_regularizer: Any = None,
        W_constraint: Any = None,
        b_constraint: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        if input_dim:
            kwargs["input_shape"] = (input_dim,)
        super().__init__(**kwargs)
        self.init = initializers.get(init)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.bias = bias
        self.input_dim = input_dim
        self.input_spec = InputSpec(ndim=self.rank)

    def build(self, input_shape: Any) -> None:
        """Hold the inputs to their number of features, then make the weights. Raises ShapeError where it is unknown."""
        features = input_shape[-1]
        if features is None:
            raise ShapeError(located(f"Layer {self.name} needs inputs whose last size is known, got {input_shape}"))
        self.input_spec = InputSpec(ndim=self.rank, axes={-1: features})
        self._add_weights(features)
        self.built = True

    def _add_weights(self, features: int) -> None:
        raise GraphError(located(f"{type(self).__name__} says no weights to make"))

    def _add_matrix(self, shape: Sequence[int]) -> Any:
        return self.add_weight(
            name="W",
            shape=shape,
            initializer=self.init,
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
        )

    def _add_bias(self, shape: Sequence[int]) -> Any:
        if not self.bias:
            return None
        return self.add_weight(
            name="b", shape=shape, initializer="zero", regularizer=self.b_regularizer, constraint=self.b_constraint
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "init": initializers.serialize(self.init),
            "W_regularizer": regularizers.serialize(self.W_regularizer),
            "b_regularizer": regularizers.serialize(self.b_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "W_constraint": constraints.serialize(self.W_constraint),
            "b_constraint": constraints.serialize(self.b_constraint),
            "bias": self.bias,
            "input_dim": self.input_dim,
        }


class MaxoutDense(_WeightedLayer):
    """The largest of `nb_feature` linear functions for each output (Goodfellow et al., 2013).

    y[o] = max over f of (sum over i of x[i] * W[f, i, o] + b[f, o]). Input (samples, inputs), output
    (samples, `output_dim`). Weights: W (nb_feature, inputs, output_dim), b (nb_feature, output_dim).
    """

    def __init__(self, output_dim: int, nb_feature: int = 4, init: Any = "glorot_uniform", **kwargs: Any) -> None:
        warn_of_age("MaxoutDense", "Use a Dense layer and Maximum.")
        super().__init__(init, **kwargs)
        self.output_dim = output_dim
        self.nb_feature = nb_feature

    def _add_weights(self, features: int) -> None:
        self.W = self._add_matrix((self.nb_feature, features, self.output_dim))
        self.b = self._add_bias((self.nb_feature, self.output_dim))

    def call(self, inputs: Any) -> Any:
        """Return the largest of the linear functions."""
        outputs = K.dot(inputs, self.W)
        return K.max(outputs if self.b is None else outputs + self.b, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (samples, output_dim)."""
        return (input_shape[0], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "output_dim": self.output_dim, "nb_feature": self.nb_feature}


class Highway(_WeightedLayer):
    """A dense layer that lets part of its input pass (Srivastava et al., 2015).

    t = sigmoid(x W_carry + b_carry); y = t * activation(x W + b) + (1 - t) * x. Input and output (samples, features).
    Weights: W, W_carry (features, features), b, b_carry (features).
    """

    def __init__(self, init: Any = "glorot_uniform", activation: Any = None, **kwargs: Any) -> None:
        warn_of_age("Highway", "Use Dense layers, Multiply and Add.")
        kwargs.pop("transform_bias", None)
        super().__init__(init, **kwargs)
        self.activation = activations.get(activation)

    def _add_weights(self, features: int) -> None:
        shape = (features, features)
        self.W = self._add_matrix(shape)
        self.W_carry = self.add_weight(name="W_carry", shape=shape, initializer=self.init)
        self.b = self._add_bias((features,))
        self.b_carry = self.add_weight(name="b_carry", shape=(features,), initializer="one") if self.bias else None

    def call(self, inputs: Any) -> Any:
        """Return the mixture of the transformed and the plain input."""
        carried, transformed = K.dot(inputs, self.W_carry), K.dot(inputs, self.W)
        if self.bias:
            carried, transformed = carried + self.b_carry, transformed + self.b
        share = activations.sigmoid(carried)
        return self.activation(transformed) * share + (1.0 - share) * inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class TimeDistributedDense(_WeightedLayer):
    """The same dense layer for every step: `activation(x W + b)`.

    Input (samples, steps, features), output (samples, steps, output_dim). Weights: W (features, output_dim),
    b (output_dim,).
    """

    rank = 3

    def __init__(
        self,
        output_dim: int,
        init: Any = "glorot_uniform",
        activation: Any = None,
        input_dim: int | None = None,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        warn_of_age("TimeDistributedDense", "Use a Dense layer: it takes sequences.")
        if input_dim:
            kwargs["input_shape"] = (input_length, input_dim)
        super().__init__(init, **kwargs)
        self.output_dim = output_dim
        self.activation = activations.get(activation)
        self.input_dim = input_dim
        self.input_length = input_length
        self.supports_masking = True

    def _add_weights(self, features: int) -> None:
        self.W = self._add_matrix((features, self.output_dim))
        self.b = self._add_bias((self.output_dim,))

    def call(self, inputs: Any) -> Any:
        """Return the dense layer of every step."""
        outputs = K.dot(inputs, self.W)
        return self.activation(outputs if self.b is None else outputs + self.b)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (samples, steps, output_dim)."""
        return (*input_shape[:-1], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "activation": activations.serialize(self.activation),
            "input_length": self.input_length,
        }
