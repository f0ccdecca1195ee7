"""JAX: one jitted step with donated state, or ("scan") the whole epoch jitted as a scan over its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from entry import Entry, Timed
from fresh import first_call_entry, import_entry
from image_networks import APPLICATIONS
from problems import (
    CHECKED_STEPS,
    COEFFICIENTS,
    EPSILON,
    LEARNING_RATE,
    NETWORKS,
    RHO,
    TRAINED,
    Network,
    sample,
    vectors,
)
from recurrent_networks import RECURRENT

from peers import images_jax, recurrent_jax


def forward(network: Network, weights: Any, x: Any) -> Any:
    """Return what comes before the softmax."""
    rest = list(weights)
    for block in network.blocks:
        for _ in block:
            kernel, bias = rest.pop(0)
            x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.nn.relu(x + bias)
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x, weights = x.reshape(len(x), -1), rest
    for kernel, bias in weights[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = weights[-1]
    return x @ kernel + bias


def predict(network: Network, weights: Any, x: Any) -> Any:
    """Return the network's output."""
    z = forward(network, weights, x)
    return jax.nn.softmax(z) if network.is_classifier else z


def training_step(network: Network) -> Callable[..., Any]:
    """Return (state, x, y) -> (state, loss)."""

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        z = forward(network, weights, x)
        return -(y * jax.nn.log_softmax(z)).sum(-1).mean() if network.is_classifier else ((z - y) ** 2).mean()

    def step(state: Any, x: Any, y: Any) -> Any:
        weights, squares = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        squares = jax.tree.map(lambda s, g: RHO * s + (1 - RHO) * g * g, squares, gradients)
        weights = jax.tree.map(
            lambda w, g, s: w - LEARNING_RATE * g / (jnp.sqrt(s) + EPSILON), weights, gradients, squares
        )
        return (weights, squares), loss

    return step


class Training:
    """A training state and the jitted functions that advance it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        weights = jax.tree.map(jnp.asarray, network.weights())
        self.state = (weights, jax.tree.map(jnp.zeros_like, weights))
        step = training_step(network)
        self.jitted_step = jax.jit(step, donate_argnums=0)
        self.gather_step = jax.jit(lambda state, x, y, rows: step(state, x[rows], y[rows]), donate_argnums=0)
        self.jitted_epoch = jax.jit(
            lambda state, x, y, order: jax.lax.scan(lambda s, rows: step(s, x[rows], y[rows]), state, order),
            donate_argnums=0,
        )
        self.data = tuple(map(jnp.asarray, network.data()))
        self.random = np.random.default_rng(0)

    def step(self, x: Any, y: Any) -> float:
        """Take a step on NumPy arrays; return its loss."""
        self.state, loss = self.jitted_step(self.state, x, y)
        return float(loss)

    def order(self) -> Any:
        """Return the rows of each step of a shuffled epoch."""
        network = self.network
        return self.random.permutation(network.rows)[: network.steps * network.batch].reshape(-1, network.batch)

    def epoch(self) -> None:
        """Run an epoch step by step; data are on the device, rows are gathered within the step."""
        losses = []
        for rows in self.order():
            self.state, loss = self.gather_step(self.state, *self.data, rows)
            losses.append(loss)
        jax.block_until_ready((losses[-1], self.state))

    def scanned_epoch(self) -> None:
        """Run an epoch as one call."""
        self.state, losses = self.jitted_epoch(self.state, *self.data, self.order())
        jax.block_until_ready((losses, self.state))


def _train(case: str, network: Network, variant: str) -> Entry:
    training, (x, y) = Training(network), network.first_batch()
    names = {"t": training, "x": x, "y": y}
    losses = [training.step(x, y) for _ in range(CHECKED_STEPS)]
    epoch = "t.scanned_epoch()" if variant == "scan" else "t.epoch()"
    figures = {"step within an epoch": Timed(epoch, names, network.steps)}
    if network.blocks:
        return Entry(losses, {"step on arrays": Timed("t.step(x, y)", names)})
    if case == "mlp_step" and variant == "":
        figures["step on arrays"] = Timed("t.step(x, y)", names)
    return Entry(losses, figures)


def _infer(network: Network) -> Entry:
    # Weights are constants of the program, as they are for the runtimes that only infer.
    weights = jax.tree.map(jnp.asarray, network.weights())
    f = jax.jit(lambda x: predict(network, weights, x))
    x = network.first_row()
    return Entry(sample(f(x)), {"call": Timed("asarray(f(x))", {"f": f, "x": x, "asarray": np.asarray})})


def _elementwise(quick: bool) -> Entry:
    a, b, c = COEFFICIENTS
    f = jax.jit(lambda x: jax.nn.gelu(a * x + b) * jax.nn.sigmoid(c * x) - jnp.log1p(jnp.exp(x)))
    data = vectors(quick)
    figures = {
        name: Timed("f(x).block_until_ready()", {"f": f, "x": jnp.asarray(values)}) for name, values in data.items()
    }
    return Entry(sample(f(data["10^4"])), figures)


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("jax")
    if case == "first_call":
        return first_call_entry("jax", variant, threads)
    if case == "elementwise":
        return _elementwise(quick)
    if case in RECURRENT:
        return recurrent_jax.prepare(case, RECURRENT[case](quick))
    if case in APPLICATIONS:
        return images_jax.prepare(case, quick)
    network = NETWORKS[case](quick)
    return _train(case, network, variant) if case in TRAINED else _infer(network)


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the first prediction, or the first training step."""
    network = NETWORKS["first_call"](False)
    x, y = network.data()
    if kind == "train":
        training = Training(network)
        return lambda: training.step(x, y)
    weights = jax.tree.map(jnp.asarray, network.weights())
    jax.block_until_ready(weights)
    return lambda: np.asarray(jax.jit(lambda w, x: predict(network, w, x))(weights, x))
