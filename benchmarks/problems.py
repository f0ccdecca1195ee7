"""The problems of the cases: data and weights, the same for every peer. Standard library and NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEARNING_RATE, RHO, EPSILON = 0.001, 0.9, 1e-7  # RMSprop of Keras 2.2.4
COEFFICIENTS = (1.3, -0.2, 0.7)  # a, b, c of the elementwise expression
CHECKED_STEPS = 5


@dataclass(frozen=True)
class Network:
    """A chain of dense layers, relu between them, softmax at the end where `is_classifier` (else linear).

    It is trained by RMSprop on categorical cross-entropy, or on the mean squared error. `rows` is one epoch; `epochs`
    is how many one `fit` is asked for.
    """

    widths: tuple[int, ...]
    batch: int
    rows: int
    is_classifier: bool
    epochs: int = 1

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.rows // self.batch

    def weights(self) -> list[tuple[Array, Array]]:
        """Return (kernel [inputs, outputs], bias) of each layer."""
        random = np.random.default_rng(7)
        made = []
        for inputs, outputs in zip(self.widths, self.widths[1:]):
            limit = (6 / (inputs + outputs)) ** 0.5
            kernel = random.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
            made.append((kernel, random.uniform(-0.1, 0.1, outputs).astype(np.float32)))
        return made

    def data(self) -> tuple[Array, Array]:
        """Return inputs, and targets (one-hot, or real numbers) that depend on them, of an epoch.

        On targets that cannot be learnt the units die, and what is timed is arithmetic with subnormal averages.
        """
        random = np.random.default_rng(11)
        x = random.standard_normal((self.rows, self.widths[0]), np.float32)
        wanted = x @ random.standard_normal((self.widths[0], self.widths[-1]), np.float32)
        if self.is_classifier:
            return x, np.eye(self.widths[-1], dtype=np.float32)[wanted.argmax(-1)]
        return x, wanted / np.float32(self.widths[0] ** 0.5) + np.float32(1)

    def first_batch(self) -> tuple[Array, Array]:
        """Return inputs and targets of the first step, in memory of their own."""
        x, y = self.data()
        return x[: self.batch].copy(), y[: self.batch].copy()

    def first_row(self) -> Array:
        """Return the inputs of one row."""
        return self.data()[0][:1].copy()


def mlp(quick: bool) -> Network:
    """Return the classifier of the MNIST digits' size."""
    return Network((784, 512, 10), 128, 256 if quick else 12800, True)


def housing(quick: bool) -> Network:
    """Return the regression of the Boston housing data's size, trained row by row."""
    return Network((13, 64, 64, 1), 1, 16 if quick else 404, False, 2 if quick else 10)


def dense(quick: bool) -> Network:
    """Return one small layer, which costs as good as nothing: a call of it is the cost of calling."""
    return Network((10, 10), 1, 1, False)


def small_mlp(quick: bool) -> Network:
    """Return a network that computes nothing to speak of: its first call is the cost of compiling."""
    return Network((64, 32, 10), 32, 32, True)


NETWORKS: dict[str, Callable[[bool], Network]] = {
    "mlp_step": mlp,
    "mlp_batch1": mlp,
    "housing_fit": housing,
    "call_dense": dense,
    "first_call": small_mlp,
}


def image_batches(quick: bool) -> tuple[Array, Array]:
    """Return images [batches, rows, 28, 28, 1], and their classes one-hot [batches, rows, 10]."""
    random = np.random.default_rng(17)
    batches, rows = (2, 4) if quick else (10, 128)
    classes = np.eye(10, dtype=np.float32)[random.integers(0, 10, (batches, rows))]
    return random.random((batches, rows, 28, 28, 1), np.float32), classes


def augmented(images: Array, seed: int) -> Array:
    """Return the images of one batch, a random half mirrored, each made darker or brighter."""
    random = np.random.default_rng(seed)
    is_mirrored = random.random(len(images)) < 0.5
    changed = np.where(is_mirrored[:, None, None, None], images[:, :, ::-1], images)
    return changed * random.uniform(0.8, 1.2, (len(images), 1, 1, 1)).astype(np.float32)


def vectors(quick: bool) -> dict[str, Array]:
    """Return the operands of the elementwise case by the names of its figures."""
    random = np.random.default_rng(13)
    sizes = {"10^4": 100, "10^6": 200, "10^7": 300} if quick else {"10^4": 10**4, "10^6": 10**6, "10^7": 10**7}
    return {name: random.uniform(-4, 4, size).astype(np.float32) for name, size in sizes.items()}


def sample(values: Any) -> list[float]:
    """Return some hundred values of an array, for comparing."""
    flat = np.asarray(values, np.float64).reshape(-1)
    return [float(v) for v in flat[:: max(1, len(flat) // 100)]]
