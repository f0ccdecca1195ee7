"""PyTensor, by its default compiler, with shared variables for the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from entry import Entry, Timed
from fresh import first_call_entry, import_entry
from problems import (
    CHECKED_STEPS,
    COEFFICIENTS,
    EPSILON,
    LEARNING_RATE,
    NETWORKS,
    RHO,
    Array,
    Network,
    sample,
    vectors,
)

pytensor.config.floatX = "float32"
_number = np.float32


def forward(network: Network, x: Any, weights: Any) -> Any:
    """Return what comes before the softmax."""
    for kernel, bias in weights[:-1]:
        x = pt.maximum(x @ kernel + bias, _number(0))
    kernel, bias = weights[-1]
    return x @ kernel + bias


def training_function(network: Network) -> Callable[[Array, Array], Any]:
    """Return a step: (x, y) -> loss."""
    x, y = pt.matrix("x", dtype="float32"), pt.matrix("y", dtype="float32")
    weights = [(pytensor.shared(kernel), pytensor.shared(bias)) for kernel, bias in network.weights()]
    z = forward(network, x, weights)
    loss = -(y * pt.special.log_softmax(z, axis=-1)).sum(-1).mean() if network.is_classifier else ((z - y) ** 2).mean()
    parameters, updates = [p for pair in weights for p in pair], {}
    for p, g in zip(parameters, pt.grad(loss, parameters)):
        squares = pytensor.shared(np.zeros_like(p.get_value()))
        updates[squares] = _number(RHO) * squares + _number(1 - RHO) * g * g
        updates[p] = p - _number(LEARNING_RATE) * g / (pt.sqrt(updates[squares]) + _number(EPSILON))
    f: Callable[[Array, Array], Any] = pytensor.function([x, y], loss, updates=updates, trust_input=True)
    return f


def epoch(step: Callable[[Array, Array], Any], network: Network, x: Array, y: Array) -> None:
    """Run a shuffled epoch."""
    for rows in np.random.permutation(network.rows).reshape(network.steps, network.batch):
        step(x[rows], y[rows])


def _train(case: str, network: Network) -> Entry:
    step, (x, y) = training_function(network), network.data()
    first = network.first_batch()
    losses = [float(step(*first)) for _ in range(CHECKED_STEPS)]
    names = {"epoch": epoch, "step": step, "network": network, "x": x, "y": y, "first": first}
    figures = {"step within an epoch": Timed("epoch(step, network, x, y)", names, network.steps)}
    if case == "mlp_step":
        figures["step on arrays"] = Timed("float(step(*first))", names)
    return Entry(losses, figures)


def _elementwise(quick: bool) -> Entry:
    a, b, c = map(_number, COEFFICIENTS)
    x = pt.vector("x", dtype="float32")
    z = a * x + b
    inner = _number(0.7978845608028654) * (z + _number(0.044715) * z * z * z)
    gelu = _number(0.5) * z * (_number(1) + pt.tanh(inner))
    f = pytensor.function([x], gelu * pt.sigmoid(c * x) - pt.log1p(pt.exp(x)), trust_input=True)
    data = vectors(quick)
    return Entry(sample(f(data["10^4"])), {name: Timed("f(x)", {"f": f, "x": v}) for name, v in data.items()})


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("pytensor")
    if case == "first_call":
        return first_call_entry("pytensor", variant, threads)
    return _elementwise(quick) if case == "elementwise" else _train(case, NETWORKS[case](quick))


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the compilation and the first prediction, or the first training step."""
    network = NETWORKS["first_call"](False)
    data_x, data_y = network.data()
    if kind == "train":
        return lambda: training_function(network)(data_x, data_y)
    x = pt.matrix("x", dtype="float32")
    weights = [(pytensor.shared(kernel), pytensor.shared(bias)) for kernel, bias in network.weights()]
    y = pt.special.softmax(forward(network, x, weights), axis=-1)
    return lambda: pytensor.function([x], y, trust_input=True)(data_x)
