"""Weights of recurrent layers: Keras 1's one array a gate, and the layouts of cuDNN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.keras.saving.errors import ModelFileError

Array = np.ndarray[Any, Any]

# Positions of the gates in a Keras 1 file, in the order in which Keras 2 stacks them.
_GRU_GATES = (0, 1, 2)  # z, r, h
_LSTM_GATES = (0, 2, 1, 3)  # i, f, c, o; the file has i, c, f, o


def stack_gates(weights: Sequence[Array], class_name: str) -> list[Array]:
    """Return [kernel, recurrent kernel, bias] of a layer whose file has (W, U, b) of each gate in turn.

    The gates end up side by side on the last axis (the first of a Keras 1 convolution kernel in `th` order is its
    last here already): 9 arrays for a GRU (z, r, h), 12 for LSTM and ConvLSTM2D (i, c, f, o in the file; i, f, c, o
    after). Other numbers of arrays are returned as they are.
    """
    gates = _GRU_GATES if class_name == "GRU" else _LSTM_GATES
    if len(weights) != 3 * len(gates):
        return list(weights)
    return [np.concatenate([weights[3 * gate + part] for gate in gates], axis=-1) for part in range(3)]


def convert_cudnn(weights: Sequence[Array], class_name: str, reset_after: bool) -> list[Array]:
    """Return an LSTM's or GRU's three weights in the layout of the class that will hold them.

    cuDNN keeps each gate's input kernel in the other memory order and its recurrent kernel transposed; an LSTM has two
    biases there, whose sum counts, and a GRU's two biases lie one after the other. Where the layouts agree, or there
    is no bias to tell them apart by, the weights are returned as they are.
    Raises ModelFileError for a bias of no known shape, and for a GRU with `reset_after=False` against one without.
    """
    if len(weights) != 3:
        return list(weights)
    units, shape = weights[1].shape[0], weights[2].shape
    is_lstm = class_name in ("LSTM", "CuDNNLSTM")
    gates = 4 if is_lstm else 3
    sources: dict[tuple[int, ...], str]
    if is_lstm:
        sources = {(8 * units,): "CuDNNLSTM", (4 * units,): "LSTM"}
        target = class_name
    else:
        sources = {
            (6 * units,): "CuDNNGRU",
            (2, 3 * units): "GRU(reset_after=True)",
            (3 * units,): "GRU(reset_after=False)",
        }
        target = class_name if class_name == "CuDNNGRU" else f"GRU(reset_after={reset_after})"
    source = sources.get(shape)
    if source is None:
        raise ModelFileError(f"Invalid bias shape: {shape}")
    if source == target:
        return list(weights)
    if "GRU(reset_after=False)" in (source, target):
        raise ModelFileError(f"{source} is not compatible with {target}")
    from_cudnn = source.startswith("CuDNN")
    kernel = _by_gate(weights[0], gates, lambda k: k.T.reshape(k.shape, order="F" if from_cudnn else "C"))
    recurrent = _by_gate(weights[1], gates, lambda k: k.T)
    return [kernel, recurrent, _converted_bias(weights[2], is_lstm, from_cudnn)]


def _by_gate(kernel: Array, gates: int, change: Callable[[Array], Array]) -> Array:
    return np.hstack([change(part) for part in np.hsplit(kernel, gates)])


def _converted_bias(bias: Array, is_lstm: bool, from_cudnn: bool) -> Array:
    if is_lstm:
        # Only the sum of cuDNN's two biases counts: halves of it are as good as any.
        return bias.reshape(2, -1).sum(axis=0) if from_cudnn else np.tile(bias.dtype.type(0.5) * bias, 2)
    return bias.reshape(2, -1) if from_cudnn else bias.reshape(-1)
