"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras.optimizers.base import Optimizer, value_of, zeros_like_all


class SGD(Optimizer):
    """Stochastic gradient descent.

        v <- momentum * v - lr_t * g
        p <- p + v                          (nesterov: p + momentum * v - lr_t * g)

    lr_t = lr / (1 + decay * iterations). State: iterations, then v for each parameter.
    """

    def __init__(
        self, lr: float = 0.01, momentum: float = 0.0, decay: float = 0.0, nesterov: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.add_variables(lr=lr, momentum=momentum, decay=decay)
        self.momentum: Any
        self.initial_decay = decay
        self.nesterov = nesterov

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        rate = self.decayed_rate()
        moments = zeros_like_all(params)
        self.weights = [self.iterations, *moments]
        for p, g, m in zip(params, grads, moments):
            velocity = self.momentum * m - rate * g
            self.add_update(m, velocity)
            self.add_parameter_update(p, p + self.momentum * velocity - rate * g if self.nesterov else p + velocity)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "momentum": value_of(self.momentum),
            "decay": value_of(self.decay),
            "nesterov": self.nesterov,
        }
