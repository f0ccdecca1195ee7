"""Optimizer: what all optimizers share. Gradients, clipping, decay, constraints, saved state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import OptionError, UsageError
from graphc.keras import backend as K
from graphc.keras.legacy import interfaces
from graphc.keras.utils.location import located


def clip_norm(g: Any, c: float, n: Any) -> Any:
    """Return g * c / n where the norm n is at least c, else g; g itself where c is not positive."""
    return g if c <= 0 else K.switch(K.greater_equal(n, c), g * (c / n), g)


class Optimizer:
    """Base of optimizers. A subclass adds its updates in `add_updates(params, grads)`.

    `clipnorm` limits the norm of all gradients taken together, `clipvalue` each element; the first is applied first.
    `updates` and `weights` (the state that is saved) are there after `get_updates`. Raises UsageError for other
    keyword arguments.
    """

    iterations: Any
    lr: Any
    decay: Any
    initial_decay: float = 0.0

    def __init__(self, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in ("clipnorm", "clipvalue"):
                raise UsageError(located(f"Unexpected keyword argument passed to optimizer: {name}"))
        self.__dict__.update(kwargs)
        self.updates: list[Any] = []
        self.weights: list[Any] = []

    def add_variables(self, **values: float) -> None:
        """Make `iterations` and a variable attribute of each name and value."""
        with K.name_scope(type(self).__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            for name, value in values.items():
                setattr(self, name, K.variable(value, name=name))

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss: Any, params: Sequence[Any]) -> list[Any]:
        """Return the updates of one step. Raises OptionError where a parameter has no gradient.

        Keras 1's order of the arguments, (params, constraints, loss), is taken too.
        """
        params = list(params)
        grads = self.get_gradients(loss, params)
        self.updates = []
        self.add_updates(params, grads)
        self.updates.insert(0, K.update_add(self.iterations, 1))
        return self.updates

    def add_updates(self, params: Sequence[Any], grads: Sequence[Any]) -> None:
        """Set `weights` and append to `updates` what one step does."""
        raise UsageError(
            located(f"{type(self).__name__} does not say how to step: define `add_updates` or `get_updates`")
        )

    def get_gradients(self, loss: Any, params: Sequence[Any]) -> list[Any]:
        """Return the clipped gradients of the loss. Raises OptionError where a parameter has none."""
        grads: list[Any] = K.gradients(loss, params)
        missing = [p.name for p, g in zip(params, grads) if g is None]
        if missing:
            raise OptionError(
                located(
                    f"An operation has `None` for gradient: the loss does not depend differentiably on "
                    f"{', '.join(missing)}. Common ops without gradient: K.argmax, K.round, K.eval."
                )
            )
        clipnorm, clipvalue = getattr(self, "clipnorm", 0), getattr(self, "clipvalue", 0)
        if clipnorm > 0:
            norm = K.sqrt(sum(K.sum(K.square(g)) for g in grads))
            grads = [clip_norm(g, clipnorm, norm) for g in grads]
        if clipvalue > 0:
            grads = [K.clip(g, -clipvalue, clipvalue) for g in grads]
        return grads

    def decayed_rate(self) -> Any:
        """Return lr / (1 + decay * iterations), iterations being those before this step."""
        if self.initial_decay <= 0:
            return self.lr
        return self.lr * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))

    def step(self) -> Any:
        """Return the number of this step, 1 for the first, as a float."""
        return K.cast(self.iterations, K.floatx()) + 1.0

    def add_update(self, variable: Any, value: Any) -> None:
        """Append an update of the optimizer's own state."""
        self.updates.append(K.update(variable, value))

    def add_parameter_update(self, p: Any, value: Any) -> None:
        """Append the update of a parameter, after its constraint."""
        constraint = getattr(p, "constraint", None)
        self.updates.append(K.update(p, value if constraint is None else constraint(value)))

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the state by arrays in the order of `weights`. Raises OptionError where number or shapes differ."""
        if len(self.weights) != len(weights):
            raise OptionError(
                located(
                    f"Length of the specified weight list ({len(weights)}) does not match the number of weights "
                    f"of the optimizer ({len(self.weights)})"
                )
            )
        for p, w in zip(self.weights, weights):
            if K.int_shape(p) != tuple(w.shape):
                raise OptionError(
                    located(
                        f"Optimizer weight shape {K.int_shape(p)} not compatible with provided weight shape {w.shape}"
                    )
                )
        K.batch_set_value(list(zip(self.weights, weights)))

    def get_weights(self) -> list[Any]:
        """Return the state as arrays in the order of `weights`."""
        return K.batch_get_value(self.weights)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer (without its state)."""
        return {name: getattr(self, name) for name in ("clipnorm", "clipvalue") if hasattr(self, name)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        """Return the optimizer of a config."""
        return cls(**config)


def value_of(x: Any) -> float:
    """Return the value of a hyperparameter's variable as a float."""
    return float(K.get_value(x))


def zeros_like_all(params: Sequence[Any]) -> list[Any]:
    """Return a variable of zeros for each parameter, of its shape and dtype."""
    return [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
