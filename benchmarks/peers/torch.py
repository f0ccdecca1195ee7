"""PyTorch: eager, or ("compile") model, loss and optimizer through torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch._inductor.config
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
from torch import nn
from torch.nn import functional

from peers import images_torch, recurrent_torch
from peers.torch_device import DEVICE, tensor


class ChannelsLast(nn.Module):
    """Images channels first as they are in memory, channels last."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, c, h, w) as (n, h, w, c)."""
        return x.permute(0, 2, 3, 1)


def module_of(network: Network, is_inference: bool) -> nn.Sequential:
    """Return the network with its weights; without the softmax where it is trained."""
    weights = network.weights()
    parts: list[nn.Module] = []
    for block in network.blocks:
        for _ in block:
            kernel, bias = weights.pop(0)
            convolution = nn.Conv2d(kernel.shape[2], kernel.shape[3], 3)
            with torch.no_grad():
                convolution.weight.copy_(torch.from_numpy(kernel).permute(3, 2, 0, 1))
                convolution.bias.copy_(torch.from_numpy(bias))
            parts += [convolution.to(memory_format=torch.channels_last), nn.ReLU()]
        parts.append(nn.MaxPool2d(2))
    parts += [ChannelsLast(), nn.Flatten()] if network.blocks else []
    for kernel, bias in weights:
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel).T)
            linear.bias.copy_(torch.from_numpy(bias))
        parts += [linear, nn.ReLU()]
    parts.pop()
    return nn.Sequential(*parts, *([nn.Softmax(-1)] if is_inference and network.is_classifier else []))


class Training:
    """A network and its optimizer."""

    def __init__(self, network: Network, is_compiled: bool) -> None:
        self.network = network
        module = module_of(network, is_inference=False)
        loss_of = functional.cross_entropy if network.is_classifier else functional.mse_loss
        # On several small parameters the foreach form is the faster of the two that RMSprop has.
        self.optimizer = torch.optim.RMSprop(
            module.parameters(), lr=LEARNING_RATE, alpha=RHO, eps=EPSILON, foreach=not is_compiled
        )
        self.loss: Any = lambda x, y: loss_of(module(x), y)
        self.update: Any = self.optimizer.step
        if is_compiled:
            self.loss = torch.compile(self.loss, dynamic=False)
            self.update = torch.compile(lambda: self.optimizer.step(), dynamic=False)
        self.data = tuple(map(tensor, network.data()))

    def advance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take a step; return its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss: torch.Tensor = self.loss(x, y)
        loss.backward()
        self.update()
        return loss.detach()

    def step(self, x: Any, y: Any) -> float:
        """Take a step on NumPy arrays; return its loss."""
        rows = tensor(x)
        return float(self.advance(rows.permute(0, 3, 1, 2) if self.network.blocks else rows, tensor(y)))

    def epoch(self) -> float:
        """Run a shuffled epoch; return the sum of its losses."""
        x, y = self.data
        total = torch.zeros(())
        for rows in torch.randperm(self.network.rows).split(self.network.batch):
            total += self.advance(x[rows], y[rows])
        return float(total)


def _train(case: str, network: Network, is_compiled: bool) -> Entry:
    training, (x, y) = Training(network, is_compiled), network.first_batch()
    names = {"t": training, "x": x, "y": y}
    losses = [training.step(x, y) for _ in range(CHECKED_STEPS)]
    if network.blocks:
        return Entry(losses, {"step on arrays": Timed("t.step(x, y)", names)})
    figures = {"step within an epoch": Timed("t.epoch()", names, network.steps)}
    if case == "mlp_step":
        figures["step on arrays"] = Timed("t.step(x, y)", names)
    return Entry(losses, figures)


def inference_of(network: Network, is_compiled: bool) -> Callable[[Any], Any]:
    """Return a function from a NumPy array to one."""
    module: Any = module_of(network, is_inference=True).eval()
    if is_compiled:
        torch._inductor.config.freezing = True
        module = torch.compile(module, dynamic=False)

    def call(x: Any) -> Any:
        with torch.no_grad():
            return module(tensor(x)).cpu().numpy()

    return call


def _infer(network: Network, is_compiled: bool) -> Entry:
    f, x = inference_of(network, is_compiled), network.first_row()
    return Entry(sample(f(x)), {"call": Timed("f(x)", {"f": f, "x": x})})


def _elementwise(quick: bool, is_compiled: bool) -> Entry:
    a, b, c = COEFFICIENTS

    def expression(x: torch.Tensor) -> torch.Tensor:
        gelu = functional.gelu(a * x + b, approximate="tanh")
        return gelu * torch.sigmoid(c * x) - torch.log1p(torch.exp(x))

    torch.set_grad_enabled(False)
    data = {name: torch.from_numpy(values) for name, values in vectors(quick).items()}
    # A program for each size, which is the best that torch does.
    programs = {name: torch.compile(expression, dynamic=False) if is_compiled else expression for name in data}
    check = sample(programs["10^4"](data["10^4"]).numpy())
    return Entry(check, {name: Timed("f(x)", {"f": programs[name], "x": data[name]}) for name in data})


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    torch.set_num_threads(threads)
    torch.set_default_device(DEVICE)
    if case == "import_time":
        return import_entry("torch")
    if case == "first_call":
        return first_call_entry("torch", variant, threads)
    if case == "elementwise":
        return _elementwise(quick, variant == "compile")
    if case in RECURRENT:
        return recurrent_torch.prepare(case, RECURRENT[case](quick))
    if case in APPLICATIONS:
        return images_torch.prepare(case, variant == "compile", quick)
    network = NETWORKS[case](quick)
    if case in TRAINED:
        return _train(case, network, variant == "compile")
    return _infer(network, variant == "compile")


def first_call(variant: str, kind: str, threads: int) -> Callable[[], object]:
    """Return the first prediction, or the first training step."""
    torch.set_num_threads(threads)
    torch.set_default_device(DEVICE)
    network = NETWORKS["first_call"](False)
    x, y = network.data()
    if kind == "train":
        training = Training(network, variant == "compile")
        return lambda: training.step(x, y)
    f = inference_of(network, variant == "compile")
    return lambda: f(x)
