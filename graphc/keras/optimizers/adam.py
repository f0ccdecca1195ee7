"""Adam and its kin: Adamax, Nadam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import backend as K
from graphc.keras.optimizers.base import Optimizer, value_of, zeros_like_all


class Adam(Optimizer):
    """Running averages of gradient and squared gradient, corrected for their start at zero (Kingma and Ba, 2014).

        m <- beta_1 * m + (1 - beta_1) * g
        v <- beta_2 * v + (1 - beta_2) * g^2
        p <- p - lr_t * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    With amsgrad, sqrt of the largest v so far. lr_t = lr / (1 + decay * iterations), t = iterations + 1.
    State: iterations, then m, v and the largest v for each parameter (zeros of shape (1,) without amsgrad).
    """

    def __init__(
        self,
        lr: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = None,
        decay: float = 0.0,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add_variables(lr=lr, beta_1=beta_1, beta_2=beta_2, decay=decay)
        self.beta_1: Any
        self.beta_2: Any
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.initial_decay = decay
        self.amsgrad = amsgrad

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        t = self.step()
        correction = K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t))
        rate = self.decayed_rate() * correction
        ms, vs = zeros_like_all(params), zeros_like_all(params)
        largest = zeros_like_all(params) if self.amsgrad else [K.zeros(1) for _ in params]
        self.weights = [self.iterations, *ms, *vs, *largest]
        for p, g, m, v, top in zip(params, grads, ms, vs, largest):
            new_m = self.beta_1 * m + (1.0 - self.beta_1) * g
            new_v = self.beta_2 * v + (1.0 - self.beta_2) * K.square(g)
            size = new_v
            if self.amsgrad:
                size = K.maximum(top, new_v)
                self.add_update(top, size)
            self.add_update(m, new_m)
            self.add_update(v, new_v)
            self.add_parameter_update(p, p - rate * new_m / (K.sqrt(size) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "beta_1": value_of(self.beta_1),
            "beta_2": value_of(self.beta_2),
            "decay": value_of(self.decay),
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class Adamax(Optimizer):
    """Adam with the largest gradient in the place of the root of the squared ones (Kingma and Ba, 2014).

        m <- beta_1 * m + (1 - beta_1) * g
        u <- max(beta_2 * u, |g|)
        p <- p - lr_t / (1 - beta_1^t) * m / (u + epsilon)

    lr_t = lr / (1 + decay * iterations), t = iterations + 1. State: iterations, then m and u for each parameter.
    """

    def __init__(
        self,
        lr: float = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = None,
        decay: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add_variables(lr=lr, beta_1=beta_1, beta_2=beta_2, decay=decay)
        self.beta_1: Any
        self.beta_2: Any
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.initial_decay = decay

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        rate = self.decayed_rate() / (1.0 - K.pow(self.beta_1, self.step()))
        ms, us = zeros_like_all(params), zeros_like_all(params)
        self.weights = [self.iterations, *ms, *us]
        for p, g, m, u in zip(params, grads, ms, us):
            new_m = self.beta_1 * m + (1.0 - self.beta_1) * g
            new_u = K.maximum(self.beta_2 * u, K.abs(g))
            self.add_update(m, new_m)
            self.add_update(u, new_u)
            self.add_parameter_update(p, p - rate * new_m / (new_u + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "beta_1": value_of(self.beta_1),
            "beta_2": value_of(self.beta_2),
            "decay": value_of(self.decay),
            "epsilon": self.epsilon,
        }


class Nadam(Optimizer):
    """Adam with Nesterov momentum and a schedule of it (Dozat, 2016).

        mu_t = beta_1 * (1 - 0.5 * 0.96^(t * schedule_decay))
        m <- beta_1 * m + (1 - beta_1) * g
        v <- beta_2 * v + (1 - beta_2) * g^2
        n  = (1 - mu_t) * g / (1 - mu_1 ... mu_t) + mu_(t+1) * m / (1 - mu_1 ... mu_(t+1))
        p <- p - lr * n / (sqrt(v / (1 - beta_2^t)) + epsilon)

    t = iterations + 1. State: iterations, then m and v for each parameter (not the product of the schedule).
    """

    def __init__(
        self,
        lr: float = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = None,
        schedule_decay: float = 0.004,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add_variables(m_schedule=1.0, lr=lr, beta_1=beta_1, beta_2=beta_2)
        self.beta_1: Any
        self.beta_2: Any
        self.m_schedule: Any
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.schedule_decay = schedule_decay

    def _momentum(self, t: Any) -> Any:
        return self.beta_1 * (1.0 - 0.5 * K.pow(K.cast_to_floatx(0.96), t * self.schedule_decay))

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        t = self.step()
        momentum, next_momentum = self._momentum(t), self._momentum(t + 1.0)
        product = self.m_schedule * momentum
        next_product = product * next_momentum
        self.add_update(self.m_schedule, product)
        ms, vs = zeros_like_all(params), zeros_like_all(params)
        self.weights = [self.iterations, *ms, *vs]
        for p, g, m, v in zip(params, grads, ms, vs):
            new_m = self.beta_1 * m + (1.0 - self.beta_1) * g
            new_v = self.beta_2 * v + (1.0 - self.beta_2) * K.square(g)
            self.add_update(m, new_m)
            self.add_update(v, new_v)
            step = (1.0 - momentum) * (g / (1.0 - product)) + next_momentum * (new_m / (1.0 - next_product))
            size = K.sqrt(new_v / (1.0 - K.pow(self.beta_2, t)))
            self.add_parameter_update(p, p - self.lr * step / (size + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "lr": value_of(self.lr),
            "beta_1": value_of(self.beta_1),
            "beta_2": value_of(self.beta_2),
            "epsilon": self.epsilon,
            "schedule_decay": self.schedule_decay,
        }
