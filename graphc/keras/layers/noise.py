"""Layers that add noise while training."""

from __future__ import annotations

import math
from typing import Any

from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer
from graphc.keras.legacy import interfaces

# The fixed point of self-normalising networks: G. Klambauer et al., "Self-Normalizing Neural Networks" (2017).
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


class _Noise(Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape


class GaussianNoise(_Noise):
    """Adds normal noise of mean 0 and standard deviation `stddev`; does nothing outside training."""

    @interfaces.legacy_gaussiannoise_support
    def __init__(self, stddev: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the inputs with noise added in the training phase."""

        def noised() -> Any:
            return inputs + K.random_normal(shape=K.shape(inputs), mean=0.0, stddev=self.stddev)

        return K.in_train_phase(noised, inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "stddev": self.stddev}


class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)) while training."""

    @interfaces.legacy_gaussiandropout_support
    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the inputs multiplied by noise in the training phase."""
        if not 0 < self.rate < 1:
            return inputs

        def noised() -> Any:
            stddev = math.sqrt(self.rate / (1.0 - self.rate))
            return inputs * K.random_normal(shape=K.shape(inputs), mean=1.0, stddev=stddev)

        return K.in_train_phase(noised, inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}


class AlphaDropout(_Noise):
    """Dropout that keeps mean and variance of selu's activations: dropped elements become selu's negative limit.

    `noise_shape` is the shape of the mask (default: the input's); the affine correction is that of Klambauer et al.
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the inputs with elements dropped in the training phase."""
        if not 0.0 < self.rate < 1.0:
            return inputs

        def dropped() -> Any:
            limit = -_SELU_ALPHA * _SELU_SCALE
            shape = self.noise_shape or K.shape(inputs)
            kept = K.cast(K.greater_equal(K.random_uniform(shape, seed=self.seed), self.rate), K.floatx())
            scale = ((1 - self.rate) * (1 + self.rate * limit**2)) ** -0.5
            return scale * (inputs * kept + limit * (1 - kept)) - scale * limit * self.rate

        return K.in_train_phase(dropped, inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
