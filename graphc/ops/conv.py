"""Convolution as contraction of windows with a kernel, and its adjoint.

Arrays are channels-last, (n, s1, .., sk, channels); kernels (w1, .., wk, channels in, channels out).
The kernel is not turned round: what is computed is the cross-correlation, as neural networks have it.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import Node, Op, apply, register, same_dim, shape_text
from graphc.ops.axes import Shape, as_shape
from graphc.ops.define import Operand, builder, operands, promoted
from graphc.ops.phases import axes_of, in_one_product, in_phases, is_one_product
from graphc.ops.spatial import Padding, PaddingOption, checked_rank, explicit_padding, kernel_sizes, pad_space, per_axis
from graphc.ops.windows import Ints, window_counts
from graphc.symbolic import Dim


def _convolution(x: Node, w: Node, strides: Ints, padding: Padding, dilations: Ints) -> Node:
    rank = len(strides)
    seen = ops.windows(pad_space(x, padding), kernel_sizes(w, rank), strides, dilations)
    return ops.contract(seen, w, depth=[(1 + rank + i, i) for i in range(rank + 1)])


def _convolution_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    (x, w), attrs = n.inputs, n.attrs
    dx = apply(_TRANSPOSE, g, w, shape=x.shape[1:-1], **attrs)
    return dx, _kernel_gradient(x, g, kernel_sizes(w, x.rank - 2), **attrs)


def _kernel_gradient(x: Node, g: Node, sizes: Ints, strides: Ints, padding: Padding, dilations: Ints) -> Node:
    """Return the gradient of the kernel from the array and the cotangent: products summed over rows and positions."""
    seen = ops.windows(pad_space(x, padding), sizes, strides, dilations)
    return ops.contract(seen, g, depth=[(axis, axis) for axis in range(g.rank - 1)])


def _transpose(g: Node, w: Node, shape: Shape, strides: Ints, padding: Padding, dilations: Ints) -> Node:
    axes = axes_of(w, shape, strides, padding, dilations)
    return in_one_product(g, w, axes) if is_one_product(w, axes) else in_phases(g, w, axes, _products_of_windows)


def _products_of_windows(seen: Node, w: Node) -> Node:
    """Return the products of windows and a kernel summed over the windows and the channels out."""
    rank = w.rank - 2
    return ops.contract(seen, w, [*((1 + rank + i, i) for i in range(rank)), (2 * rank + 1, rank + 1)])


def _transpose_grad(n: Node, g: Node) -> tuple[Node | None, ...]:
    x, w = n.inputs
    attrs = {name: n.attrs[name] for name in ("strides", "padding", "dilations")}
    return apply(_CONVOLUTION, g, w, **attrs), _kernel_gradient(g, x, kernel_sizes(w, x.rank - 2), **attrs)


_CONVOLUTION = register(
    Op(
        "convolution",
        "composite",
        """The sum over a window and the channels in of products of x, padded with zeros, and a kernel.""",
        grad=_convolution_grad,
        expand=_convolution,
        samples=(
            *operands("float", (2, 7, 3), (4, 3, 5), strides=(1,), padding=((3, 0),), dilations=(1,)),
            *operands("float", (2, 7, 8, 3), (3, 2, 3, 4), strides=(1, 1), padding=((1, 1), (0, 1)), dilations=(1, 1)),
            *operands("float", (2, 7, 9, 3), (3, 2, 3, 4), strides=(2, 3), padding=((1, 1), (0, 2)), dilations=(1, 1)),
            *operands("float", (2, 7, 9, 3), (3, 2, 3, 4), strides=(1, 1), padding=((2, 2), (0, 0)), dilations=(2, 3)),
            *operands("float", (2, 5, 6, 3), (1, 1, 3, 4), strides=(2, 2), padding=((0, 0), (0, 0)), dilations=(1, 1)),
            *operands("float", (2, 5, 6, 3), (1, 2, 3, 4), strides=(1, 1), padding=((2, 1), (3, 0)), dilations=(1, 1)),
            *operands(
                "float", (2, 4, 5, 6, 3), (1, 2, 3, 3, 4), strides=(1, 1, 2), padding=((0, 0), (1, 0), (0, 1)),
                dilations=(1, 1, 1),
            ),
        ),
    )
)  # fmt: skip

_TRANSPOSE = register(
    Op(
        "convolution_transpose",
        "composite",
        """The adjoint of a convolution of arrays of the space `shape`, with respect to the array.""",
        grad=_transpose_grad,
        expand=_transpose,
        samples=(
            *operands("float", (2, 7, 5), (4, 3, 5), shape=(10,), strides=(1,), padding=((0, 0),), dilations=(1,)),
            *operands(
                "float", (2, 4, 3, 4), (3, 2, 5, 4), shape=(8, 9), strides=(2, 3), padding=((1, 1), (0, 0)),
                dilations=(1, 1),
            ),
            *operands(
                "float", (2, 3, 4, 5), (1, 1, 3, 5), shape=(6, 4), strides=(2, 1), padding=((0, 0), (0, 0)),
                dilations=(1, 1),
            ),
        ),
    )
)  # fmt: skip


@builder
def convolution(
    x: Operand,
    w: Operand,
    strides: int | Sequence[int] = 1,
    padding: PaddingOption = "valid",
    dilations: int | Sequence[int] = 1,
) -> Node:
    """Return the convolution of (n, s1..sk, channels in) with a kernel (w1..wk, channels in, channels out).

    The result is (n, o1..ok, channels out). `padding` is `valid`, `same` (as TensorFlow: ceil(s / stride) windows,
    the odd element of padding at the end), `causal` or a (low, high) pair for each axis. Half floats are multiplied
    in float32 and rounded once. Raises ShapeError for channels that differ, a window larger than the padded array and
    options below 1.
    """
    a, b = promoted(x, w, accepts="number")
    rank = checked_rank(a, b, b.shape[-2] if b.rank > 1 else 0)
    steps, gaps = per_axis(strides, rank, "strides"), per_axis(dilations, rank, "dilations")
    widths = explicit_padding(padding, a.shape[1:-1], kernel_sizes(b, rank), steps, gaps)
    return apply(_CONVOLUTION, a, b, strides=steps, padding=widths, dilations=gaps)


@builder
def convolution_transpose(
    x: Operand,
    w: Operand,
    shape: Dim | Sequence[Dim],
    strides: int | Sequence[int] = 1,
    padding: PaddingOption = "valid",
    dilations: int | Sequence[int] = 1,
) -> Node:
    """Return what a convolution's gradient is for its array: (n, o1..ok, channels out) -> (n, *shape, channels in).

    `w`, `strides`, `padding` and `dilations` are those of the convolution from `shape` to x's space. Raises ShapeError
    where that would not give x's shape, and as `convolution` does.
    """
    a, b = promoted(x, w, accepts="number")
    rank = checked_rank(a, b, b.shape[-1] if b.rank > 1 else 0)
    sizes = kernel_sizes(b, rank)
    steps, gaps = per_axis(strides, rank, "strides"), per_axis(dilations, rank, "dilations")
    space = as_shape(shape)
    if len(space) != rank:
        raise ShapeError(f"needs {rank} axes of space for the result, not {shape_text(space)}")
    widths = explicit_padding(padding, space, sizes, steps, gaps)
    padded = tuple(low + d + high for d, (low, high) in zip(space, widths))
    counts = window_counts(padded, sizes, steps, gaps)
    for given, count in zip(a.shape[1:-1], counts):
        same_dim(given, count, f"a convolution of {shape_text(space)} gives {shape_text(counts)}, not {a.type}: sizes")
    return apply(_TRANSPOSE, a, b, shape=space, strides=steps, padding=widths, dilations=gaps)
