"""A multilayer perceptron without layers: graphc's own placeholders, states, ops, gradients and function.

Batch normalisation with its moving averages, ELU and leaky ReLU, gradients clipped by value and by norm, max-norm
projection of the weights, a rate that decays exponentially, Nesterov momentum; a checkpoint, of which another network
restores the lower layers, keeps them as they are, and trains a top of its own.

    python examples/symbolic_mlp.py

Nothing is downloaded. Ends with status 1 where an accuracy is too low.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import graphc
from graphc import ops
from graphc.keras.datasets import digits

MOMENTUM, FIRST_RATE, DECAY, DECAY_STEPS = 0.9, 0.02, 0.5, 300
LARGEST_GRADIENT, LARGEST_NORM, LARGEST_WEIGHTS = 1.0, 5.0, 1.5
MOVING, EPSILON = 0.95, 1e-3


@dataclass
class Layer:
    """A layer without a bias (`shift` is one): its activation, its states by name, and whether training changes it."""

    name: str
    activation: Callable[[Any], Any]
    states: dict[str, Any]
    is_trained: bool = True


def make_layer(name, inputs, units, activation, random):
    """Return a layer with He's initial weights."""
    values = {
        "weights": random.normal(0, np.sqrt(2 / inputs), (inputs, units)),
        "scale": np.ones(units),
        "shift": np.zeros(units),
        "mean": np.zeros(units),
        "variance": np.ones(units),
    }
    states = {key: graphc.state(v.astype("float32"), name=f"{name}/{key}") for key, v in values.items()}
    return Layer(name, activation, states)


def make_network(classes, random):
    """Return the layers 64-48-32-classes."""
    return [
        make_layer("low", 64, 48, ops.elu, random),
        make_layer("middle", 48, 32, lambda z: ops.leaky_relu(z, 0.1), random),
        make_layer(f"top{classes}", 32, classes, lambda z: z, random),
    ]


def apply(layer, x, is_training):
    """(n, inputs) -> (n, units), batch-normalised; and the updates of the moving averages, in training."""
    weights, scale, shift, mean, variance = (state.node for state in layer.states.values())
    z = ops.matmul(x, weights)
    updates = []
    if is_training and layer.is_trained:
        mean, variance = ops.mean(z, axis=0), ops.var(z, axis=0)
        for name, value in (("mean", mean), ("variance", variance)):
            state = layer.states[name]
            updates.append((state, MOVING * state.node + (1 - MOVING) * value))
    normalised = (z - mean) * ops.rsqrt(variance + EPSILON)
    return layer.activation(normalised * scale + shift), updates


def logits_of(layers, x, is_training):
    """(n, pixels) -> (n, classes), and the updates of the moving averages."""
    updates = []
    for layer in layers:
        x, moving = apply(layer, x, is_training)
        updates += moving
    return x, updates


def clipped(gradients):
    """Bring every element into a range, then all of them together to a norm."""
    gradients = [ops.clip(g, -LARGEST_GRADIENT, LARGEST_GRADIENT) for g in gradients]
    norm = ops.sqrt(ops.add_n([ops.sum(g * g) for g in gradients]))
    factor = ops.minimum(LARGEST_NORM / ops.maximum(norm, 1e-12), 1.0)
    return [g * factor for g in gradients]


def projected(weights):
    """Shrink the weights into a unit whose norm is too large."""
    norms = ops.sqrt(ops.sum(weights * weights, axis=0, keepdims=True))
    return weights * ops.minimum(LARGEST_WEIGHTS / ops.maximum(norms, 1e-12), 1.0)


def training_step(layers, classes):
    """Return step(x, labels): it improves the layers that are trained and returns the loss before that."""
    x = graphc.placeholder((None, 64), name="x")
    labels = graphc.placeholder((None,), "int32", name="labels")
    logits, updates = logits_of(layers, x, is_training=True)
    loss = ops.mean(ops.softmax_cross_entropy(ops.one_hot(labels, classes), logits))

    count = graphc.state(np.float32(0), name="count")
    rate = FIRST_RATE * ops.power(DECAY, count.node / DECAY_STEPS)
    updates.append((count, count.node + 1))
    parameters = [layer.states[key] for layer in layers if layer.is_trained for key in ("weights", "scale", "shift")]
    for parameter, gradient in zip(parameters, clipped(graphc.gradients(loss, [p.node for p in parameters]))):
        velocity = graphc.state(np.zeros_like(parameter.get_value()), name="velocity")
        moved = MOMENTUM * velocity.node - rate * gradient
        new = parameter.node + MOMENTUM * moved - rate * gradient
        updates += [(velocity, moved), (parameter, projected(new) if new.rank == 2 else new)]
    return graphc.function([x, labels], loss, updates)


def predictor(layers):
    """Return predict(x): the most likely class of each row."""
    x = graphc.placeholder((None, 64), name="x")
    return graphc.function([x], ops.argmax(logits_of(layers, x, is_training=False)[0], axis=1))


def train(layers, classes, x, labels, epochs, random):
    """Train on batches of 50 and print the mean loss now and then."""
    step = training_step(layers, classes)
    for epoch in range(epochs):
        order = random.permutation(len(x))
        losses = [step(x[rows], labels[rows]) for rows in np.array_split(order, len(x) // 50)]
        if epoch % 10 == 0 or epoch == epochs - 1:
            print(f"epoch {epoch:3d}  loss {np.mean(losses):.4f}")


def save(path, layers):
    """Write the states of all layers under their names."""
    np.savez(path, **{s.name: s.get_value() for layer in layers for s in layer.states.values()})


def restore(path, layers):
    """Read the states of these layers; others in the file are left alone."""
    with np.load(path) as values:
        for state in (s for layer in layers for s in layer.states.values()):
            state.set_value(values[state.name])


def main():
    random = np.random.default_rng(7)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = (x.reshape(-1, 64).astype("float32") / 16 for x in (x_train, x_test))
    y_train, y_test = y_train.astype("int32"), y_test.astype("int32")

    first = make_network(10, random)
    train(first, 10, x_train, y_train, 30, random)
    accuracy = np.mean(predictor(first)(x_test) == y_test)
    print(f"which digit: test accuracy {accuracy:.4f}")

    # Another question, even or odd: with the lower layers of the first network, which stay as they are.
    second = make_network(2, random)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.npz"
        save(checkpoint, first)
        restore(checkpoint, second[:2])
    for layer in second[:2]:
        layer.is_trained = False
    train(second, 2, x_train, y_train % 2, 10, random)
    parity = np.mean(predictor(second)(x_test) == y_test % 2)
    print(f"even or odd, by frozen lower layers: test accuracy {parity:.4f}")

    for ours, theirs in zip(first[:2], second[:2]):
        for name, state in ours.states.items():
            if not np.array_equal(state.get_value(), theirs.states[name].get_value()):
                sys.exit(f"{ours.name}/{name} has changed although it is frozen")
    largest = max(np.linalg.norm(layer.states["weights"].get_value(), axis=0).max() for layer in first)
    print(f"largest norm of a unit's weights: {largest:.3f}")
    if accuracy < 0.95 or parity < 0.95 or largest > LARGEST_WEIGHTS * 1.001:
        sys.exit("an accuracy is below 0.95, or the weights are too large")


if __name__ == "__main__":
    main()
