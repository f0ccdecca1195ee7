"""Recurrent networks by JAX: layers are scans over time behind one product for all steps; one jitted step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from entry import Entry, Timed
from problems import sample
from recurrent_networks import BETAS, CHECKED_STEPS, EPSILON, LEARNING_RATE, RHO, RecurrentNetwork


def weights_of(network: RecurrentNetwork) -> Any:
    """Return all weights, on the device."""
    made = {"layers": network.layer_weights(), "dense": network.dense_weights()}
    if network.words:
        made["words"] = network.embedding()
    return jax.tree.map(jnp.asarray, made)


def forward(network: RecurrentNetwork, weights: Any, x: Any) -> Any:
    """Return what comes before the sigmoid or softmax."""
    x = jnp.swapaxes(weights["words"][x] if network.words else x, 0, 1)
    for kernel, recurrent, bias in weights["layers"]:
        zeros = jnp.zeros((x.shape[1], recurrent.shape[0]), x.dtype)

        def step(carry: Any, z: Any, recurrent: Any = recurrent) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(z + h @ recurrent, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        (last, _), x = jax.lax.scan(step, (zeros, zeros), x @ kernel + bias)
    kernel, bias = weights["dense"]
    return last @ kernel + bias


def training_step(network: RecurrentNetwork) -> Callable[..., Any]:
    """Return (state, x, y) -> (state, loss)."""

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        z = forward(network, weights, x)
        if network.classes == 1:
            return (jax.nn.softplus(z) - y * z).mean()
        return -(y * jax.nn.log_softmax(z)).sum(-1).mean()

    def rmsprop(weights: Any, gradients: Any, state: Any) -> Any:
        squares = jax.tree.map(lambda s, g: RHO * s + (1 - RHO) * g * g, state, gradients)
        step = jax.tree.map(lambda g, s: LEARNING_RATE * g / (jnp.sqrt(s) + EPSILON), gradients, squares)
        return jax.tree.map(jnp.subtract, weights, step), squares

    def adam(weights: Any, gradients: Any, state: Any) -> Any:
        count, means, squares = state
        count = count + 1
        means = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, means, gradients)
        squares = jax.tree.map(lambda s, g: BETAS[1] * s + (1 - BETAS[1]) * g * g, squares, gradients)
        rate = LEARNING_RATE * jnp.sqrt(1 - BETAS[1] ** count) / (1 - BETAS[0] ** count)
        step = jax.tree.map(lambda m, s: rate * m / (jnp.sqrt(s) + EPSILON), means, squares)
        return jax.tree.map(jnp.subtract, weights, step), (count, means, squares)

    update = adam if network.optimizer == "adam" else rmsprop

    def step(state: Any, x: Any, y: Any) -> Any:
        weights, kept = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        return update(weights, gradients, kept), loss

    return step


class Training:
    """A training state and the jitted step that advances it."""

    def __init__(self, network: RecurrentNetwork) -> None:
        weights = weights_of(network)
        zeros = jax.tree.map(jnp.zeros_like, weights)
        kept = (jnp.zeros(()), zeros, jax.tree.map(jnp.zeros_like, weights)) if network.optimizer == "adam" else zeros
        self.state = (weights, kept)
        self.jitted_step = jax.jit(training_step(network), donate_argnums=0)

    def step(self, x: Any, y: Any) -> float:
        """Take a step on NumPy arrays; return its loss."""
        self.state, loss = self.jitted_step(self.state, x, y)
        jax.block_until_ready(self.state)
        return float(loss)


def prepare(case: str, network: RecurrentNetwork) -> Entry:
    """Return the entry of a recurrent case."""
    if case != "lstm_row":
        training, (x, y) = Training(network), network.first_batch()
        losses = [training.step(x, y) for _ in range(CHECKED_STEPS)]
        return Entry(losses, {"step on arrays": Timed("t.step(x, y)", {"t": training, "x": x, "y": y})})
    weights, x = weights_of(network), network.inputs(1)
    f = jax.jit(lambda x: jax.nn.sigmoid(forward(network, weights, x)))
    return Entry(sample(f(x)), {"call": Timed("asarray(f(x))", {"f": f, "x": x, "asarray": np.asarray})})
