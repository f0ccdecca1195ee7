"""Merge: Keras 1's one layer for every way to join several inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from graphc.errors import GraphError, ShapeError, UsageError
from graphc.keras import backend as K
from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import Layer
from graphc.keras.utils.function_config import function_from_config, function_to_config
from graphc.keras.utils.generic_utils import has_arg, to_list
from graphc.keras.utils.location import located, warn

_ELEMENTWISE: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "max": K.maximum,
}
_MODES = (*_ELEMENTWISE, "concat", "dot", "cos")


class Merge(Layer):
    """Several inputs joined by `mode`: sum, mul, ave, max, concat, dot, cos, or a function of the list of inputs.

    `layers`: layers or models (each called once) whose outputs are merged at once; without it, call the Merge on a
    list of tensors. `node_indices` and `tensor_indices` choose among several calls and outputs of these layers.
    `concat_axis` and `dot_axes` (one axis or a pair) count the batch as 0; cos gives (batch, 1, ...). A function
    takes `arguments` as keywords and, if it has one of that name, `mask`; its `output_shape` (without the batch, or a
    function of the input shapes) is found from its result where it is None, and `output_mask` is a mask or a function
    of the list of masks. Raises ShapeError, with all shapes, where they do not fit the mode.
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        mode: Any = "sum",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        output_shape: Any = None,
        output_mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        node_indices: Sequence[int] | None = None,
        tensor_indices: Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not callable(mode) and mode not in _MODES:
            raise GraphError(
                located(f"{self.name}: mode {mode!r} is unknown; it may be {', '.join(_MODES)} or a function")
            )
        self.supports_masking = True
        self.mode = mode
        self.concat_axis = concat_axis
        self.dot_axes = dot_axes
        self.arguments = dict(arguments or {})
        self.layers = None if layers is None else list(layers)
        # `output_shape` is taken: layers have a property of that name.
        self._output_shape: Any = output_shape
        self._output_mask = output_mask
        if self.layers is not None:
            self(self._outputs_of(self.layers, node_indices, tensor_indices))

    def _outputs_of(
        self, layers: list[Any], node_indices: Sequence[int] | None, tensor_indices: Sequence[int] | None
    ) -> list[Any]:
        if len(layers) < 2:
            raise GraphError(located(f"{self.name}: there should be at least two layers to merge, not {layers}"))
        outputs = []
        for position, layer in enumerate(layers):
            call = node_indices[position] if node_indices else 0
            output = tensor_indices[position] if tensor_indices else 0
            if call >= len(layer._inbound_nodes):
                raise GraphError(
                    located(f"{self.name}: {layer.name} has not been called; give its first layer an `input_shape`")
                )
            outputs.append(layer._inbound_nodes[call].output_tensors[output])
        return outputs

    def build(self, input_shape: Any) -> None:
        """Check that the shapes fit the mode. Raises ShapeError or GraphError where they do not."""
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            raise GraphError(located(f"{self.name} should be called on a list of at least 2 inputs"))
        if self.mode in _ELEMENTWISE or self.mode == "cos":
            self._check_equal(input_shape, "inputs of the same shape")
        if self.mode == "concat":
            self._check_equal([_without(shape, self.concat_axis) for shape in input_shape],
                              f"inputs that differ along axis {self.concat_axis} alone", input_shape)  # fmt: skip
        if self.mode in ("dot", "cos"):
            self._check_axes(input_shape)
        self.built = True

    def _check_equal(self, shapes: list[Any], what: str, shown: list[Any] | None = None) -> None:
        ranks = {len(shape) for shape in shapes}
        if len(ranks) > 1 or any(len(set(sizes) - {None}) > 1 for sizes in zip(*shapes)):
            raise ShapeError(located(f"{self.name}: mode '{self.mode}' takes {what}. Got shapes: {shown or shapes}"))

    def _check_axes(self, shapes: list[Any]) -> None:
        if len(shapes) != 2:
            raise GraphError(located(f"{self.name}: mode '{self.mode}' takes exactly 2 inputs, not {len(shapes)}"))
        axes = [self.dot_axes, self.dot_axes] if isinstance(self.dot_axes, int) else self.dot_axes
        if isinstance(axes, (list, tuple)):
            # Each may stand in a list of its own.
            axes = [axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis for axis in axes]
        if not isinstance(axes, (list, tuple)) or len(axes) != 2 or not all(isinstance(axis, int) for axis in axes):
            raise UsageError(located(f"{self.name}: `dot_axes` should be an int or a pair of ints, not {axes!r}"))
        # Negative axes would mean others if K.batch_dot had to make the ranks equal.
        self.dot_axes = [axis % len(shape) if axis < 0 else axis for axis, shape in zip(axes, shapes)]
        sizes = [shape[axis] if axis < len(shape) else "no such axis" for axis, shape in zip(self.dot_axes, shapes)]
        if sizes[0] != sizes[1]:
            raise ShapeError(
                located(f"{self.name}: dimension incompatibility {sizes[0]} != {sizes[1]}. Layer shapes: {shapes}")
            )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the inputs merged."""
        if callable(self.mode):
            arguments = {**self.arguments, "mask": mask} if has_arg(self.mode, "mask") else self.arguments
            return self.mode(inputs, **arguments)
        if self.mode == "concat":
            return K.concatenate(inputs, axis=self.concat_axis)
        if self.mode in ("dot", "cos"):
            return self._dot_products(*inputs)
        merged = reduce(_ELEMENTWISE[self.mode], inputs)
        return merged / len(inputs) if self.mode == "ave" else merged

    def _dot_products(self, a: Any, b: Any) -> Any:
        products = K.batch_dot(a, b, self.dot_axes)
        if self.mode == "dot":
            return products
        squares = K.batch_dot(a, a, self.dot_axes) * K.batch_dot(b, b, self.dot_axes)
        return K.expand_dims(products / K.maximum(K.sqrt(squares), K.epsilon()), 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output; None for a function whose `output_shape` was not given."""
        if callable(self.mode):
            shape = self._output_shape
            return shape(input_shape) if callable(shape) else shape and (input_shape[0][0], *shape)
        if self.mode == "concat":
            sizes = [shape[self.concat_axis] for shape in input_shape]
            output = list(input_shape[0])
            output[self.concat_axis] = None if None in sizes else sum(sizes)
            return tuple(output)
        if self.mode in ("dot", "cos"):
            first, second = (_without(shape, axis) for shape, axis in zip(input_shape, self.dot_axes))
            batch, *rest = (*first, *second[1:])
            return (batch, *([1] if self.mode == "cos" else []), *(rest or [1]))
        return input_shape[0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask to pass on: a conjunction, the masks joined, or what `output_mask` says; none of dots."""
        masks = [None] * len(inputs) if mask is None else mask
        if callable(self.mode):
            return self._output_mask(masks) if callable(self._output_mask) else self._output_mask
        if all(m is None for m in masks) or self.mode in ("dot", "cos"):
            return None
        if self.mode != "concat":
            return reduce(lambda a, b: a & b, [m for m in masks if m is not None])
        whole = [K.ones_like(x, dtype="bool") if m is None else _as_wide(m, x) for x, m in zip(inputs, masks)]
        return K.all(K.concatenate(whole, axis=self.concat_axis), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments but `layers`; functions as their code."""
        config = super().get_config()
        for name, value in (
            ("mode", self.mode),
            ("output_shape", self._output_shape),
            ("output_mask", self._output_mask),
        ):
            config[name], config[f"{name}_type"] = function_to_config(value) if callable(value) else (value, "raw")
        return {
            **config,
            "concat_axis": self.concat_axis,
            "dot_axes": self.dot_axes,
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new layer from `get_config()`'s result; "layers" in it are made first; code in it is never run."""
        data = dict(config)
        for name in ("mode", "output_shape", "output_mask"):
            kind = data.pop(f"{name}_type", "raw")
            owner = str(data.get("name")) if name == "mode" else f"{data.get('name')}.{name}"
            data[name] = function_from_config(data.get(name), kind, owner, custom_objects)
        if data.get("layers") is not None:
            data["layers"] = [layer_classes.deserialize(layer, custom_objects) for layer in data["layers"]]
        return cls(**data)


def _without(shape: Sequence[Any], axis: int) -> list[Any]:
    rest = list(shape)
    del rest[axis]
    return rest


def _as_wide(mask: Any, x: Any) -> Any:
    """Return a mask of (batch, steps) as one of all elements of x."""
    for _ in range(K.ndim(x) - K.ndim(mask)):
        mask = K.expand_dims(mask)
    return mask & K.ones_like(x, dtype="bool")


def merge(
    inputs: Any,
    mode: Any = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """Return `Merge(mode=mode, ...)(inputs)`: a list of tensors merged, as Keras 1 spelled it. Warns of its age."""
    warn("`merge` is a function of Keras 1: use `add`, `multiply`, `concatenate`, ... of keras.layers.")
    layer = Merge(
        mode=mode,
        concat_axis=concat_axis,
        dot_axes=dot_axes,
        output_shape=output_shape,
        output_mask=output_mask,
        arguments=arguments,
        name=name,
    )
    return layer(to_list(inputs, allow_tuple=True))
