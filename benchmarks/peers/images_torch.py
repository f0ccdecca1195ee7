"""Networks of `keras.applications` by PyTorch, eager or compiled: images channels first, in memory channels last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch._inductor.config
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
from torch import nn
from torch.nn import functional

from peers.torch_device import tensor


class _Torch:
    """Computes a network's layers. Where it is trained, batches are normalised by their own statistics, and what comes
    before the softmax is the result."""

    def __init__(self, is_training: bool) -> None:
        self.is_training = is_training

    def convolution(self, x: Any, kernel: Any, strides: Sequence[int], pads: Pads, is_depthwise: bool) -> Any:
        x, padding = _padded(x, pads, 0.0)
        return functional.conv2d(x, kernel, None, tuple(strides), padding, groups=len(kernel) if is_depthwise else 1)

    def add_bias(self, x: Any, bias: Any) -> Any:
        return x + bias[:, None, None]

    def normalize(self, x: Any, scale: Any, shift: Any, mean: Any, variance: Any, epsilon: float) -> Any:
        scale, shift = (tensor(part) if isinstance(part, np.ndarray) else part for part in (scale, shift))
        return functional.batch_norm(x, mean, variance, scale, shift, self.is_training, 1 - MOMENTUM, epsilon)

    def relu(self, x: Any, limit: float | None) -> Any:
        return functional.relu(x) if limit is None else x.clamp(0, limit)

    def pool(self, x: Any, is_max: bool, size: Sequence[int], strides: Sequence[int], pads: Pads) -> Any:
        if is_max:
            x, padding = _padded(x, pads, -torch.inf)
            return functional.max_pool2d(x, tuple(size), tuple(strides), padding)
        padding = tuple(low for low, _ in pads)
        if padding != tuple(high for _, high in pads):
            raise ValueError(f"average pooling padded by {pads}: PyTorch pads both sides alike")
        return functional.avg_pool2d(x, tuple(size), tuple(strides), padding, count_include_pad=False)

    def mean(self, x: Any) -> Any:
        return x.mean((2, 3))

    def flatten(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1)

    def pixel(self, x: Any) -> Any:
        return x[:, :, None, None]

    def dense(self, x: Any, kernel: Any, bias: Any) -> Any:
        return functional.linear(x, kernel, bias)

    def softmax(self, x: Any) -> Any:
        return x if self.is_training else x.softmax(1)

    def pad(self, x: Any, pads: Pads) -> Any:
        return functional.pad(x, (*pads[1], *pads[0]))

    def add(self, xs: list[Any]) -> Any:
        return sum(xs[1:], xs[0])

    def concatenate(self, xs: list[Any]) -> Any:
        return torch.cat(xs, 1)


def _padded(x: Any, pads: Pads, value: float) -> tuple[Any, tuple[int, int]]:
    """Return what is left to pad on both sides alike, and the image, padded where they differ."""
    (top, bottom), (left, right) = pads
    if (top, left) == (bottom, right):
        return x, (top, left)
    return functional.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _ordered(weight: Any, kind: str) -> torch.Tensor:
    """Return a weight in PyTorch's order of axes."""
    made = tensor(weight)
    if made.ndim == 4:
        made = made.permute((2, 3, 0, 1) if kind == "DepthwiseConv2D" else (3, 2, 0, 1))
        return made.contiguous(memory_format=torch.channels_last)
    return made.T.contiguous() if made.ndim == 2 else made


class _Application(nn.Module):
    """A network with its weights."""

    def __init__(self, steps: Sequence[Step], is_training: bool) -> None:
        super().__init__()
        self.steps, self.builder = list(steps), _Torch(is_training)
        self.weights = nn.ParameterList()
        self.counts = [(len(step.trained), len(step.moving)) for step in steps]
        for i, step in enumerate(steps):
            self.weights.extend(nn.Parameter(_ordered(w, step.kind)) for w in step.trained)
            for j, w in enumerate(step.moving):
                self.register_buffer(f"moving_{i}_{j}", tensor(w))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the classes of images."""
        rest = iter(self.weights)
        weighed = []
        for i, (step, (trained, moving)) in enumerate(zip(self.steps, self.counts)):
            own = [next(rest) for _ in range(trained)] + [getattr(self, f"moving_{i}_{j}") for j in range(moving)]
            weighed.append(replace(step, weights=own))
        result: torch.Tensor = follow(weighed, self.builder, x)
        return result


class _Training:
    """A network and its optimizer."""

    def __init__(self, steps: Sequence[Step], is_compiled: bool) -> None:
        module = _Application(steps, is_training=True)
        self.optimizer = torch.optim.RMSprop(
            module.parameters(), lr=LEARNING_RATE, alpha=RHO, eps=EPSILON, foreach=not is_compiled
        )
        self.loss: Any = lambda x, y: functional.cross_entropy(module(x), y)
        self.update: Any = self.optimizer.step
        if is_compiled:
            self.loss = torch.compile(self.loss, dynamic=False)
            self.update = torch.compile(lambda: self.optimizer.step(), dynamic=False)

    def step(self, x: Any, y: Any) -> float:
        """Take a step on NumPy arrays; return its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(tensor(x).permute(0, 3, 1, 2), tensor(y))
        loss.backward()
        self.update()
        return float(loss.detach())


def prepare(case: str, is_compiled: bool, quick: bool) -> Entry:
    """Return the entry of a case."""
    steps, size = described(case, quick)
    if case in TRAINED:
        training, (x, y) = _Training(steps, is_compiled), training_batch(steps, size, quick)
        losses = [training.step(x, y) for _ in range(CHECKED_STEPS)]
        return Entry(losses, {"step on arrays": Timed("t.step(x, y)", {"t": training, "x": x, "y": y})})
    module: Any = _Application(steps, is_training=False).eval()
    if is_compiled:
        torch._inductor.config.freezing = True
        module = torch.compile(module, dynamic=False)

    def f(x: Any) -> Any:
        with torch.no_grad():
            return module(tensor(x).permute(0, 3, 1, 2)).cpu().numpy()

    figures, check = {}, []
    for figure, batch in batches(quick).items():
        images = images_of(size, batch)
        check += sample(f(images))
        figures[figure] = Timed("f(x)", {"f": f, "x": images})
    return Entry(check, figures)
