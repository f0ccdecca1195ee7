"""Layers of several inputs: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot.

`keras.layers.merge` was a function in Keras 1, so this module can be called like it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import reduce
from types import ModuleType
from typing import Any

from graphc.errors import GraphError, ShapeError, UsageError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.legacy import merge as legacy
from graphc.keras.utils.location import located


class _Merge(Layer):
    """An elementwise function of inputs that are broadcast, the batch aside.

    Inputs of lower rank get axes of size 1 after the batch until the ranks agree.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge_function(self, inputs: list[Any]) -> Any:
        raise GraphError(located(f"{type(self).__name__} says no way to merge its inputs"))

    def build(self, input_shape: Any) -> None:
        """Check that the inputs can be merged. Raises ShapeError or GraphError where they cannot."""
        self._check_list(input_shape)
        self.compute_output_shape(input_shape)
        self.built = True

    def _check_list(self, inputs: Any, at_least: int = 2) -> None:
        if not isinstance(inputs, list) or len(inputs) < at_least:
            raise GraphError(
                located(f"{self.name}: a merge layer should be called on a list of at least {at_least} inputs")
            )

    def call(self, inputs: Any) -> Any:
        """Return the inputs merged."""
        self._check_list(inputs)
        rank = max(len(K.int_shape(x)) for x in inputs)
        return self._merge_function([_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the broadcast shape. Raises ShapeError where sizes differ."""
        batches = {shape[0] for shape in input_shape if shape is not None} - {None}
        if len(batches) > 1:
            raise ShapeError(located(f"{self.name}: cannot merge tensors with different batch sizes: {input_shape}"))
        merged = reduce(self._broadcast, (tuple(shape[1:]) for shape in input_shape))
        return (batches.pop() if batches else None, *merged)

    def _broadcast(self, a: Shape, b: Shape) -> Shape:
        if len(a) < len(b):
            a, b = b, a
        sizes: list[int | None] = list(a[: len(a) - len(b)])
        for i, j in zip(a[len(a) - len(b) :], b):
            if i is None or j is None:
                sizes.append(None)
            elif i == 1 or j == 1 or i == j:
                sizes.append(j if i == 1 else i)
            else:
                raise ShapeError(located(f"{self.name}: operands could not be broadcast together with shapes {a} {b}"))
        return tuple(sizes)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the conjunction of the masks there are."""
        masks = self._masks(inputs, mask)
        return None if masks is None else reduce(lambda a, b: a & b, [m for m in masks if m is not None])

    def _masks(self, inputs: Any, mask: Any) -> list[Any] | None:
        if mask is None:
            return None
        if not isinstance(mask, list) or not isinstance(inputs, list) or len(mask) != len(inputs):
            raise GraphError(located(f"{self.name}: `inputs` and `mask` should be lists of the same length."))
        return None if all(m is None for m in mask) else mask


def _with_rank(x: Any, rank: int) -> Any:
    for _ in range(rank - len(K.int_shape(x))):
        x = K.expand_dims(x, 1)
    return x


class Add(_Merge):
    """The sum of the inputs."""

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(lambda a, b: a + b, inputs)


class Subtract(_Merge):
    """The first input less the second."""

    def build(self, input_shape: Any) -> None:
        """Check that there are two inputs that can be merged."""
        super().build(input_shape)
        self._check_pair(input_shape)

    def _merge_function(self, inputs: list[Any]) -> Any:
        self._check_pair(inputs)
        return inputs[0] - inputs[1]

    def _check_pair(self, inputs: Sequence[Any]) -> None:
        if len(inputs) != 2:
            raise GraphError(
                located(f"{self.name}: a `Subtract` layer should be called on exactly 2 inputs, not {len(inputs)}")
            )


class Multiply(_Merge):
    """The product of the inputs."""

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(lambda a, b: a * b, inputs)


class Average(_Merge):
    """The mean of the inputs."""

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(lambda a, b: a + b, inputs) / len(inputs)


class Maximum(_Merge):
    """The largest of the inputs, element by element."""

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(K.maximum, inputs)


class Minimum(_Merge):
    """The smallest of the inputs, element by element."""

    def _merge_function(self, inputs: list[Any]) -> Any:
        return reduce(K.minimum, inputs)


class Concatenate(_Merge):
    """The inputs one after the other along `axis` (which counts the batch as 0)."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Check that the shapes agree but for the axis. Raises ShapeError where they do not."""
        self._check_list(input_shape)
        if any(not -len(shape) <= self.axis < len(shape) for shape in input_shape):
            raise ShapeError(located(f"{self.name}: there is no axis {self.axis} in inputs of shapes {input_shape}"))
        others = []
        for shape in input_shape:
            rest = list(shape)
            del rest[self.axis]
            others.append(rest)
        if any(rest != others[0] for rest in others):
            raise ShapeError(
                located(
                    f"{self.name}: a `Concatenate` layer requires inputs with matching shapes except for the concat "
                    f"axis {self.axis}. Got inputs shapes: {input_shape}"
                )
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs joined."""
        self._check_list(inputs)
        return K.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the first shape with the sizes along the axis added up."""
        self._check_list(input_shape, at_least=1)
        sizes = [shape[self.axis] for shape in input_shape]
        output = list(input_shape[0])
        output[self.axis] = None if None in sizes else sum(sizes)
        return tuple(output)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks joined like the inputs; an input without one counts as unmasked."""
        masks = self._masks(inputs, mask)
        if masks is None:
            return None
        full = [K.ones_like(x, dtype="bool") if m is None else _stretched(m, x) for x, m in zip(inputs, masks)]
        return K.all(K.concatenate(full, axis=self.axis), axis=-1, keepdims=False)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}


def _stretched(mask: Any, x: Any) -> Any:
    """Return a mask of (batch, steps) as one of all elements of x."""
    for _ in range(len(K.int_shape(x)) - len(K.int_shape(mask))):
        mask = K.expand_dims(mask)
    return mask & K.ones_like(x, dtype="bool")


class Dot(_Merge):
    """Dot products of two inputs, sample by sample, along an axis of each.

    `axes` is one axis for both or a pair, counting the batch as 0; `normalize` makes them cosines.
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise UsageError(located(f"{self.name}: `axes` should be an int or a pair of ints, not {axes!r}"))
            if len(axes) != 2 or not all(isinstance(axis, int) for axis in axes):
                raise GraphError(located(f"{self.name}: `axes` should be an int or a pair of ints, not {axes!r}"))
        self.axes = axes
        self.normalize = normalize

    def _axes_of(self, ranks: Sequence[int]) -> list[int]:
        pair = [self.axes, self.axes] if isinstance(self.axes, int) else self.axes
        return [axis % rank if axis < 0 else axis for axis, rank in zip(pair, ranks)]

    def _check_pair(self, inputs: Any) -> None:
        if not isinstance(inputs, list) or len(inputs) != 2:
            raise GraphError(located(f"{self.name}: a `Dot` layer should be called on a list of 2 inputs."))

    def build(self, input_shape: Any) -> None:
        """Check that the two axes have the same size. Raises ShapeError where they do not."""
        self._check_pair(input_shape)
        axes = self._axes_of([len(shape) for shape in input_shape])
        if any(axis >= len(shape) for shape, axis in zip(input_shape, axes)):
            raise ShapeError(located(f"{self.name}: axes {self.axes} are not all in inputs of shapes {input_shape}"))
        sizes = [shape[axis] for shape, axis in zip(input_shape, axes)]
        if sizes[0] != sizes[1]:
            raise ShapeError(
                located(f"{self.name}: dimension incompatibility {sizes[0]} != {sizes[1]}. Layer shapes: {input_shape}")
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the dot products."""
        self._check_pair(inputs)
        axes = self._axes_of([K.ndim(x) for x in inputs])
        if self.normalize:
            inputs = [K.l2_normalize(x, axis=axis) for x, axis in zip(inputs, axes)]
        return K.batch_dot(inputs[0], inputs[1], axes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the axes that are left of the first input, then of the second; (batch, 1) for vectors."""
        self._check_pair(input_shape)
        first, second = map(list, input_shape)
        axes = self._axes_of([len(first), len(second)])
        del first[axes[0]]
        del second[axes[1]]
        output = first + second[1:]
        return (*output, 1) if len(output) == 1 else tuple(output)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: dot products have no steps to mask."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _functional(layer: Callable[..., Layer], what: str) -> Callable[..., Any]:
    def merge(inputs: Any, **kwargs: Any) -> Any:
        return layer(**kwargs)(inputs)

    merge.__name__ = what
    merge.__qualname__ = what
    merge.__doc__ = f"Return `{layer.__name__}(**kwargs)(inputs)`."
    return merge


add = _functional(Add, "add")
subtract = _functional(Subtract, "subtract")
multiply = _functional(Multiply, "multiply")
average = _functional(Average, "average")
maximum = _functional(Maximum, "maximum")
minimum = _functional(Minimum, "minimum")


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any, normalize: bool = False, **kwargs: Any) -> Any:
    """Return `Dot(axes, normalize, **kwargs)(inputs)`."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)


class _CallableModule(ModuleType):
    """A module that can be called: Keras 1 had a function of this module's name in the same place."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return legacy.merge(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
