"""BatchNormalization: each channel with mean 0 and variance 1 over the batch."""

from __future__ import annotations

from typing import Any

from graphc.errors import DTypeError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras import constraints, initializers, regularizers
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.legacy import interfaces
from graphc.keras.utils.location import located


class ModeError(GraphError, DTypeError):
    """A mode that no version of Keras has."""


class BatchNormalization(Layer):
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta` for each entry of `axis`.

    In training, mean and (biased) variance are those of the batch, and the moving statistics become
    `old * momentum + new * (1 - momentum)`, the new variance being variance * n / (n - (1 + epsilon)) for n values a
    channel; otherwise the moving statistics are used. Weights of the axis's size: gamma (`scale`), beta (`center`),
    moving mean, moving variance.

    `mode` is Keras 1's: 1 normalises along `axis`, each place of each sample on its own, by standard deviation plus
    epsilon; 2 uses the batch's statistics at all times. Both leave the moving statistics alone.
    """

    @interfaces.legacy_batchnorm_support
    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        mode: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in (0, 1, 2):
            raise ModeError(located(f"{self.name}: `mode` may be 0, 1 or 2, not {mode!r}"))
        self.supports_masking = True
        self.axis = axis
        self.mode = mode
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the weights. Raises ShapeError where there is no such axis, or its size is not known."""
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ShapeError(located(f"{self.name}: an input of shape {tuple(input_shape)} has no axis {self.axis}"))
        size = input_shape[self.axis]
        if size is None:
            raise ShapeError(
                located(
                    f"{self.name}: axis {self.axis} of the input should have a defined dimension "
                    f"but the layer received an input with shape {input_shape}."
                )
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})
        self.gamma = self._weight("gamma", size) if self.scale else None
        self.beta = self._weight("beta", size) if self.center else None
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=(size,), initializer=self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=(size,), initializer=self.moving_variance_initializer, trainable=False
        )
        self.built = True

    def _weight(self, name: str, size: int) -> Any:
        return self.add_weight(
            name=name,
            shape=(size,),
            initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
        )

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the inputs normalised; in training the moving statistics are updated."""
        if self.mode == 1:
            return self._normalized_by_sample(inputs)
        if training in (0, False) and self.mode == 0:
            return self._normalized_by_moving_statistics(inputs)
        axis = self.axis % K.ndim(inputs)
        reduced = [i for i in range(K.ndim(inputs)) if i != axis]
        normalized, mean, variance = K.normalize_batch_in_training(
            inputs, self.gamma, self.beta, reduced, epsilon=self.epsilon
        )
        if self.mode == 2:
            return normalized
        sizes = K.shape(inputs)
        count = K.cast(K.prod([sizes[i] for i in reduced]), K.dtype(inputs))
        unbiased = variance * count / (count - (1.0 + self.epsilon))
        self.add_update(
            [
                K.moving_average_update(self.moving_mean, mean, self.momentum),
                K.moving_average_update(self.moving_variance, unbiased, self.momentum),
            ],
            inputs,
        )
        return K.in_train_phase(normalized, lambda: self._normalized_by_moving_statistics(inputs), training=training)

    def _normalized_by_sample(self, inputs: Any) -> Any:
        mean = K.mean(inputs, axis=self.axis, keepdims=True)
        deviation = K.sqrt(K.var(inputs, axis=self.axis, keepdims=True) + self.epsilon)
        gamma, beta = self._along_axis(inputs, self.gamma, self.beta)
        normalized = (inputs - mean) / (deviation + self.epsilon)
        scaled = normalized if gamma is None else normalized * gamma
        return scaled if beta is None else scaled + beta

    def _along_axis(self, inputs: Any, *weights: Any) -> list[Any]:
        """Return weights in a shape that is broadcast to that of the inputs."""
        shape: list[Any] = [1] * K.ndim(inputs)
        shape[self.axis] = K.int_shape(inputs)[self.axis]
        return [None if weight is None else K.reshape(weight, shape) for weight in weights]

    def _normalized_by_moving_statistics(self, inputs: Any) -> Any:
        mean, variance, beta, gamma = self._along_axis(
            inputs, self.moving_mean, self.moving_variance, self.beta, self.gamma
        )
        return K.batch_normalization(inputs, mean, variance, beta, gamma, axis=self.axis, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            **({"mode": self.mode} if self.mode else {}),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
