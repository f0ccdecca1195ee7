"""Cross-entropies of probabilities and of logits, with the clips of Keras 2.2.4 on TensorFlow."""

from __future__ import annotations

from typing import Any

from graphc import ops
from graphc.errors import OptionError
from graphc.graph import Node
from graphc.keras.backend.common import epsilon
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes
from graphc.keras.utils.location import located


def _clipped(n: Node) -> Node:
    return ops.clip(n, as_node(epsilon(), n), as_node(1.0 - epsilon(), n))


def _class_axis(n: Node, axis: int) -> int:
    if axis != -1 and axis not in range(n.rank):
        raise OptionError(
            located(
                f"Unexpected channels axis {axis}. Expected to be -1 or one of the axes of `output`, "
                f"which has {n.rank} dimensions."
            )
        )
    return axis % n.rank


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """Return -sum(target * log(p)) over the class axis.

    p is `output` divided by its sum and clipped to [epsilon, 1 - epsilon]; with `from_logits`, softmax(output).
    Raises OptionError for an axis that `output` lacks.
    """
    n, t = as_nodes(output, target)
    axis = _class_axis(n, axis)
    if from_logits:
        logs = ops.log_softmax(n, axis)
    else:
        logs = ops.log(_clipped(n / ops.sum(n, axis, True)))
    return Tensor(-ops.sum(t * logs, axis))


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """Return -log(p) of the target class, p being `output` clipped to [epsilon, 1 - epsilon], then divided by its sum.

    With `from_logits`, p is softmax(output). `target` holds classes, with or without a last axis of size 1.
    Raises OptionError for an axis that `output` lacks.
    """
    n, t = as_node(output), ops.cast(as_node(target), "int64")
    axis = _class_axis(n, axis)
    if axis != n.rank - 1:
        n = ops.transpose(n, (*(a for a in range(n.rank) if a != axis), axis))
    logs = ops.log_softmax(n if from_logits else ops.log(_clipped(n)), -1)
    # A comparison with every class fuses with the sum and its gradient; a gather would scatter.
    is_target = ops.equal(ops.expand_dims(classes_of(t, n), -1), ops.arange(n.shape[-1]))
    return Tensor(-ops.sum(ops.where(is_target, logs, 0.0), -1))


def classes_of(target: Node, output: Node) -> Node:
    """Return classes in the shape of `output` without its last axis, dropping the target's last axis of size 1."""
    if target.rank == output.rank:
        return ops.get_item(target, (..., 0))
    return target if target.rank == output.rank - 1 else ops.reshape(target, output.shape[:-1])


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """Return the elementwise cross-entropy of probabilities, clipped to [epsilon, 1 - epsilon], or of logits."""
    n, t = as_nodes(output, target)
    if not from_logits:
        n = _clipped(n)
        n = ops.log(n / (1.0 - n))
    return Tensor(ops.sigmoid_cross_entropy(t, n))
