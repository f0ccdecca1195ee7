"""Networks of `keras.applications` by JAX, channels last: predictions with constant weights, or one jitted step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from entry import Entry, Timed
from image_networks import (
    LEARNING_RATE,
    MOMENTUM,
    TRAINED,
    Pads,
    Step,
    batches,
    described,
    follow,
    images_of,
    training_batch,
)
from problems import CHECKED_STEPS, EPSILON, RHO, sample

_ORDER = ("NHWC", "HWIO", "NHWC")


class _Jax:
    """Computes a network's layers. Where it is trained, batches are normalised by their own statistics, which `moved`
    collects, and the classes' probabilities are logarithms."""

    def __init__(self, is_training: bool) -> None:
        self.is_training = is_training
        self.moved: list[Any] = []

    def convolution(self, x: Any, kernel: Any, strides: Sequence[int], pads: Pads, is_depthwise: bool) -> Any:
        groups = kernel.shape[2] if is_depthwise else 1
        kernel = kernel.transpose(0, 1, 3, 2) if is_depthwise else kernel
        return jax.lax.conv_general_dilated(
            x, kernel, tuple(strides), pads, dimension_numbers=_ORDER, feature_group_count=groups
        )

    def add_bias(self, x: Any, bias: Any) -> Any:
        return x + bias

    def normalize(self, x: Any, scale: Any, shift: Any, mean: Any, variance: Any, epsilon: float) -> Any:
        if self.is_training:
            old = mean, variance
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.moved.append([MOMENTUM * o + (1 - MOMENTUM) * n for o, n in zip(old, (mean, variance))])
        return (x - mean) * (scale * jax.lax.rsqrt(variance + epsilon)) + shift

    def relu(self, x: Any, limit: float | None) -> Any:
        return jnp.clip(x, 0, limit)

    def pool(self, x: Any, is_max: bool, size: Sequence[int], strides: Sequence[int], pads: Pads) -> Any:
        window = ((1, *size, 1), (1, *strides, 1), ((0, 0), *pads, (0, 0)))
        if is_max:
            return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, *window)
        count = jax.lax.reduce_window(jnp.ones_like(x), 0.0, jax.lax.add, *window)
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, *window) / count

    def mean(self, x: Any) -> Any:
        return x.mean((1, 2))

    def flatten(self, x: Any) -> Any:
        return x.reshape(len(x), -1)

    def pixel(self, x: Any) -> Any:
        return x[:, None, None]

    def dense(self, x: Any, kernel: Any, bias: Any) -> Any:
        return x @ kernel + bias

    def softmax(self, x: Any) -> Any:
        return jax.nn.log_softmax(x) if self.is_training else jax.nn.softmax(x)

    def pad(self, x: Any, pads: Pads) -> Any:
        return jnp.pad(x, ((0, 0), *pads, (0, 0)))

    def add(self, xs: list[Any]) -> Any:
        return sum(xs[1:], xs[0])

    def concatenate(self, xs: list[Any]) -> Any:
        return jnp.concatenate(xs, -1)


class _Training:
    """The trained and the moving weights of a network, the averages of RMSprop, and a jitted step."""

    def __init__(self, steps: Sequence[Step]) -> None:
        trained = [jax.tree.map(jnp.asarray, step.trained) for step in steps]
        moving = [jax.tree.map(jnp.asarray, step.moving) for step in steps if step.moving]
        self.state = (trained, moving, jax.tree.map(jnp.zeros_like, trained))

        def loss_of(trained: Any, moving: Any, x: Any, y: Any) -> Any:
            b, rest = _Jax(is_training=True), iter(moving)
            weighed = [replace(s, weights=[*t, *(next(rest) if s.moving else ())]) for s, t in zip(steps, trained)]
            return -(y * follow(weighed, b, x)).sum(-1).mean(), b.moved

        def advance(state: Any, x: Any, y: Any) -> Any:
            trained, moving, squares = state
            (loss, moving), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained, moving, x, y)
            squares = jax.tree.map(lambda s, g: RHO * s + (1 - RHO) * g * g, squares, gradients)
            trained = jax.tree.map(
                lambda w, g, s: w - LEARNING_RATE * g / (jnp.sqrt(s) + EPSILON), trained, gradients, squares
            )
            return (trained, moving, squares), loss

        self.jitted = jax.jit(advance, donate_argnums=0)

    def step(self, x: Any, y: Any) -> float:
        """Take a step on NumPy arrays; return its loss."""
        self.state, loss = self.jitted(self.state, x, y)
        return float(loss)


def prepare(case: str, quick: bool) -> Entry:
    """Return the entry of a case."""
    steps, size = described(case, quick)
    if case in TRAINED:
        training, (x, y) = _Training(steps), training_batch(steps, size, quick)
        losses = [training.step(x, y) for _ in range(CHECKED_STEPS)]
        return Entry(losses, {"step on arrays": Timed("t.step(x, y)", {"t": training, "x": x, "y": y})})
    constant = [replace(step, weights=[jnp.asarray(w) for w in step.weights]) for step in steps]
    f = jax.jit(lambda x: follow(constant, _Jax(is_training=False), x))
    figures, check = {}, []
    for figure, batch in batches(quick).items():
        images = images_of(size, batch)
        check += sample(f(images))
        figures[figure] = Timed("asarray(f(x))", {"f": f, "x": images, "asarray": np.asarray})
    return Entry(check, figures)
