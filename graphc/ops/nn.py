"""Composites of neural networks, in forms that neither overflow nor lose digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphc import ops
from graphc.graph import Node
from graphc.ops.define import composite, operands

_PLAIN = operands("float", (3, 5))
_ROWS = (*operands("float", (3, 5), axis=1), *operands("float", (2, 3, 4), axis=1), *operands("float", (3, 1), axis=1))
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _softmax_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (n * (g - ops.sum(g * n, n.attrs["axis"], keepdims=True)),)


@composite(_ROWS, _softmax_grad, accepts="float")
def softmax(x: Node, /, axis: int = -1) -> Node:
    """exp(x) / sum(exp(x)) along an axis, computed beside the greatest element."""
    e = ops.exp(x - ops.max(x, axis, keepdims=True))
    return e / ops.sum(e, axis, keepdims=True)


def _log_softmax_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (g - ops.exp(n) * ops.sum(g, n.attrs["axis"], keepdims=True),)


@composite(_ROWS, _log_softmax_grad, accepts="float")
def log_softmax(x: Node, /, axis: int = -1) -> Node:
    """log(softmax(x)) along an axis, without the logarithm of a number rounded to 0."""
    shifted = x - ops.max(x, axis, keepdims=True)
    return shifted - ops.log(ops.sum(ops.exp(shifted), axis, keepdims=True))


def _relu_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (ops.where(n > 0, g, 0),)


@composite(operands("number", (3, 5)), _relu_grad, accepts="number")
def relu(x: Node, /) -> Node:
    """max(x, 0); the gradient at 0 is 0."""
    return ops.maximum(x, 0)


def _leaky_relu_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (ops.where(n.inputs[0] > 0, g, g * n.attrs["alpha"]),)


@composite(operands("float", (3, 5), alpha=0.25), _leaky_relu_grad, accepts="float")
def leaky_relu(x: Node, /, alpha: float = 0.2) -> Node:
    """x above 0, alpha * x below; the gradient at 0 is alpha."""
    return ops.where(x > 0, x, x * alpha)


def _elu_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (ops.where(n.inputs[0] > 0, g, g * (n + n.attrs["alpha"])),)


@composite(operands("float", (3, 5), alpha=0.75), _elu_grad, accepts="float")
def elu(x: Node, /, alpha: float = 1.0) -> Node:
    """x above 0, alpha * (exp(x) - 1) below."""
    return ops.where(x > 0, x, ops.expm1(ops.minimum(x, 0)) * alpha)


@composite(_PLAIN, accepts="float")
def selu(x: Node, /) -> Node:
    """Scaled elu, whose fixed point has mean 0 and variance 1 (Klambauer et al., 2017)."""
    return elu(x, alpha=_SELU_ALPHA) * _SELU_SCALE


def _softplus_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    return (g * ops.sigmoid(n.inputs[0]),)


@composite(_PLAIN, _softplus_grad, accepts="float")
def softplus(x: Node, /) -> Node:
    """log(1 + exp(x)), for large x without overflow."""
    return ops.maximum(x, 0) + ops.log1p(ops.exp(-ops.absolute(x)))


@composite(_PLAIN, accepts="float")
def softsign(x: Node, /) -> Node:
    """x / (1 + |x|)."""
    return x / (ops.absolute(x) + 1.0)


@composite(_PLAIN, accepts="float")
def hard_sigmoid(x: Node, /) -> Node:
    """0.2 * x + 0.5 brought into [0, 1]."""
    return ops.clip(x * 0.2 + 0.5, 0, 1)


@composite(_PLAIN, accepts="float")
def gelu(x: Node, /) -> Node:
    """x times the normal distribution function of x."""
    return x * (ops.erf(x * math.sqrt(0.5)) + 1.0) * 0.5


def _swish_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    s = ops.sigmoid(n.inputs[0])
    return (g * (n * (1.0 - s) + s),)


@composite(_PLAIN, _swish_grad, accepts="float")
def swish(x: Node, /) -> Node:
    """x * sigmoid(x)."""
    return x * ops.sigmoid(x)


@composite((*operands("float", (3, 5), axis=(1,), epsilon=1e-12), *operands("float", (2, 3, 4), axis=(0, 2))),
           accepts="float")  # fmt: skip
def l2_normalize(x: Node, /, axis: int | Sequence[int] | None = None, epsilon: float = 1e-12) -> Node:
    """x divided by its Euclidean norm over axes (None: all), the squared norm taken as at least epsilon."""
    squares = ops.sum(ops.square(x), axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon))


def _sigmoid_cross_entropy_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    labels, logits = n.inputs
    return g * -logits, g * (ops.sigmoid(logits) - labels)


@composite((*operands("float", (3, 5), (3, 5)), *operands("float", (2, 3, 5), (3, 1))), _sigmoid_cross_entropy_grad,
           accepts="float")  # fmt: skip
def sigmoid_cross_entropy(labels: Node, logits: Node, /) -> Node:
    """-labels * log(sigmoid(logits)) - (1 - labels) * log(1 - sigmoid(logits)), each element by itself."""
    return ops.maximum(logits, 0) - logits * labels + ops.log1p(ops.exp(-ops.absolute(logits)))


@composite((*operands("float", (3, 5), (3, 5), axis=1), *operands("float", (2, 3, 4), (2, 3, 4), axis=1)),
           accepts="float")  # fmt: skip
def softmax_cross_entropy(labels: Node, logits: Node, /, axis: int = -1) -> Node:
    """-sum(labels * log_softmax(logits)) along an axis."""
    return -ops.sum(labels * log_softmax(logits, axis=axis), axis)
