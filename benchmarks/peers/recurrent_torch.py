"""Recurrent networks by PyTorch: `nn.LSTM`, whose layers run one after the other in C++."""

from __future__ import annotations

from typing import Any

import torch
from entry import Entry, Timed
from problems import sample
from recurrent_networks import BETAS, CHECKED_STEPS, EPSILON, LEARNING_RATE, RHO, RecurrentNetwork
from torch import nn
from torch.nn import functional

from peers.torch_device import tensor


class Network(nn.Module):
    """The network with its weights; gives what comes before the sigmoid or softmax."""

    def __init__(self, network: RecurrentNetwork) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(tensor(network.embedding()), False) if network.words else None
        self.lstm = nn.LSTM(network.features, network.units[0], len(network.units), batch_first=True)
        self.dense = nn.Linear(network.units[-1], network.classes)
        with torch.no_grad():
            for i, (kernel, recurrent, bias) in enumerate(network.layer_weights()):
                getattr(self.lstm, f"weight_ih_l{i}").copy_(torch.from_numpy(kernel).T)
                getattr(self.lstm, f"weight_hh_l{i}").copy_(torch.from_numpy(recurrent).T)
                getattr(self.lstm, f"bias_ih_l{i}").copy_(torch.from_numpy(bias))
                # It has two biases a gate; the second one stays zero.
                getattr(self.lstm, f"bias_hh_l{i}").zero_().requires_grad_(False)
            kernel, bias = network.dense_weights()
            self.dense.weight.copy_(torch.from_numpy(kernel).T)
            self.dense.bias.copy_(torch.from_numpy(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what comes before the sigmoid or softmax."""
        y, _ = self.lstm(x if self.words is None else self.words(x))
        result: torch.Tensor = self.dense(y[:, -1])
        return result


class Training:
    """A network and its optimizer."""

    def __init__(self, network: RecurrentNetwork) -> None:
        self.module = Network(network)
        self.loss: Any = functional.cross_entropy
        if network.classes == 1:
            self.loss = functional.binary_cross_entropy_with_logits
        trained = [p for p in self.module.parameters() if p.requires_grad]
        if network.optimizer == "adam":
            self.optimizer: Any = torch.optim.Adam(trained, LEARNING_RATE, BETAS, EPSILON, fused=True)
        else:
            self.optimizer = torch.optim.RMSprop(trained, LEARNING_RATE, RHO, EPSILON, foreach=True)

    def step(self, x: Any, y: Any) -> float:
        """Take a step on NumPy arrays; return its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss: torch.Tensor = self.loss(self.module(tensor(x)), tensor(y))
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


def prepare(case: str, network: RecurrentNetwork) -> Entry:
    """Return the entry of a recurrent case."""
    if case != "lstm_row":
        training, (x, y) = Training(network), network.first_batch()
        losses = [training.step(x, y) for _ in range(CHECKED_STEPS)]
        return Entry(losses, {"step on arrays": Timed("t.step(x, y)", {"t": training, "x": x, "y": y})})
    module, x = Network(network).eval(), network.inputs(1)

    def call(x: Any) -> Any:
        with torch.no_grad():
            return torch.sigmoid(module(tensor(x))).cpu().numpy()

    return Entry(sample(call(x)), {"call": Timed("f(x)", {"f": call, "x": x})})
