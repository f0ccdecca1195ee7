"""Optimizers that divide by a running size of each gradient: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import backend as K
from graphc.keras.optimizers.base import Optimizer, value_of, zeros_like_all


class RMSprop(Optimizer):
    """Divides the gradient by a running average of its size.

        a <- rho * a + (1 - rho) * g^2
        p <- p - lr_t * g / (sqrt(a) + epsilon)

    lr_t = lr / (1 + decay * iterations). State: a for each parameter.
    """

    def __init__(
        self, lr: float = 0.001, rho: float = 0.9, epsilon: float | None = None, decay: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.add_variables(lr=lr, rho=rho, decay=decay)
        self.rho: Any
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.initial_decay = decay

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        rate = self.decayed_rate()
        self.weights = zeros_like_all(params)
        for p, g, a in zip(params, grads, self.weights):
            new_a = self.rho * a + (1.0 - self.rho) * K.square(g)
            self.add_update(a, new_a)
            self.add_parameter_update(p, p - rate * g / (K.sqrt(new_a) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "rho": value_of(self.rho),
            "decay": value_of(self.decay),
            "epsilon": self.epsilon,
        }


class Adagrad(Optimizer):
    """Divides the gradient by the size of all gradients so far.

        a <- a + g^2
        p <- p - lr_t * g / (sqrt(a) + epsilon)

    lr_t = lr / (1 + decay * iterations). State: a for each parameter.
    """

    def __init__(self, lr: float = 0.01, epsilon: float | None = None, decay: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_variables(lr=lr, decay=decay)
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.initial_decay = decay

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        rate = self.decayed_rate()
        self.weights = zeros_like_all(params)
        for p, g, a in zip(params, grads, self.weights):
            new_a = a + K.square(g)
            self.add_update(a, new_a)
            self.add_parameter_update(p, p - rate * g / (K.sqrt(new_a) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "decay": value_of(self.decay),
            "epsilon": self.epsilon,
        }


class Adadelta(Optimizer):
    """Scales the gradient by the ratio of the sizes of past steps and past gradients.

        a <- rho * a + (1 - rho) * g^2
        u  = g * sqrt(d + epsilon) / sqrt(a + epsilon)
        p <- p - lr_t * u
        d <- rho * d + (1 - rho) * u^2

    lr_t = lr / (1 + decay * iterations). State: a for each parameter, then d for each.
    """

    def __init__(
        self, lr: float = 1.0, rho: float = 0.95, epsilon: float | None = None, decay: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.add_variables(lr=lr, decay=decay)
        self.rho = rho
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.initial_decay = decay

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        rate = self.decayed_rate()
        accumulators, deltas = zeros_like_all(params), zeros_like_all(params)
        self.weights = accumulators + deltas
        for p, g, a, d in zip(params, grads, accumulators, deltas):
            new_a = self.rho * a + (1.0 - self.rho) * K.square(g)
            self.add_update(a, new_a)
            change = g * K.sqrt(d + self.epsilon) / K.sqrt(new_a + self.epsilon)
            self.add_parameter_update(p, p - rate * change)
            self.add_update(d, self.rho * d + (1.0 - self.rho) * K.square(change))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "rho": self.rho,
            "decay": value_of(self.decay),
            "epsilon": self.epsilon,
        }
