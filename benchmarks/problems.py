"""The problems of the cases: data and weights, the same for every peer. Standard library and NumPy only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
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
    is how many one `fit` is asked for. Where there is an `image` (height, width, channels), blocks of 3 x 3
    convolutions (their channels; relu, nothing padded), each with a maximum of 2 x 2 behind it, come first.
    """

    widths: tuple[int, ...]
    batch: int
    rows: int
    is_classifier: bool
    epochs: int = 1
    image: tuple[int, int, int] | None = None
    blocks: tuple[tuple[int, ...], ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a row."""
        return self.widths[:1] if self.image is None else self.image

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.rows // self.batch

    def weights(self) -> list[tuple[Array, Array]]:
        """Return (kernel [inputs, outputs] or [3, 3, channels in, channels out], bias) of each layer."""
        random = np.random.default_rng(7)
        channels = [] if self.image is None else [self.image[-1], *(c for block in self.blocks for c in block)]
        shapes = [(3, 3, *pair) for pair in pairwise(channels)] + [*zip(self.widths, self.widths[1:])]
        # The first steps of RMSprop change a wide layer so much that brighter images would saturate the softmax.
        offset = 0.1 if self.image is None else 0.001
        made = []
        for shape in shapes:
            *window, inputs, outputs = shape
            limit = (6 / (math.prod(window) * (inputs + outputs))) ** 0.5
            kernel = random.uniform(-limit, limit, shape).astype(np.float32)
            made.append((kernel, random.uniform(-offset, offset, outputs).astype(np.float32)))
        return made

    def data(self) -> tuple[Array, Array]:
        """Return inputs, and targets (one-hot, or real numbers) that depend on them, of an epoch.

        On targets that cannot be learnt the units die, and what is timed is arithmetic with subnormal averages.
        """
        random = np.random.default_rng(11)
        x = random.standard_normal((self.rows, *self.input_shape), np.float32)
        x *= np.float32(1 if self.image is None else 0.05)
        flat = x.reshape(self.rows, -1)
        wanted = flat @ random.standard_normal((flat.shape[1], self.widths[-1]), np.float32)
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


def mnist_cnn(quick: bool) -> Network:
    """Return the convolutional classifier of the MNIST digits' size."""
    batch = 8 if quick else 128
    return Network((12 * 12 * 64, 128, 10), batch, batch, True, image=(28, 28, 1), blocks=((32, 64),))


def vgg_like(quick: bool) -> Network:
    """Return the classifier of 100 x 100 images of Keras's guide."""
    batch = 2 if quick else 32
    return Network((22 * 22 * 64, 256, 10), batch, batch, True, image=(100, 100, 3), blocks=((32, 32), (64, 64)))


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
    "mnist_cnn_step": mnist_cnn,
    "vgg_like_step": vgg_like,
    "call_dense": dense,
    "first_call": small_mlp,
}


# The cases that train a network.
TRAINED = ("mlp_step", "housing_fit", "mnist_cnn_step", "vgg_like_step")


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
