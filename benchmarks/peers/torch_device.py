"""Where PyTorch computes: on a GPU when graphc does (GRAPHC_DEVICE), else on the CPU."""

from __future__ import annotations

import os
from typing import Any

import torch

DEVICE = "cuda" if os.environ.get("GRAPHC_DEVICE", "cpu").startswith("cuda") else "cpu"


def tensor(x: Any) -> torch.Tensor:
    """Return a NumPy array as a tensor there."""
    return torch.from_numpy(x).to(DEVICE)
