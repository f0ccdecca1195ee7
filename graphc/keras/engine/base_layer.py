"""Layer: the base of everything that turns tensors into tensors, with weights and a place in the layer graph."""

from __future__ import annotations

import functools
import inspect
import re
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc import graph
from graphc.errors import ExecutionError, ShapeError, UsageError
from graphc.keras import backend as K
from graphc.keras import initializers
from graphc.keras.engine import allowance
from graphc.keras.engine.input_spec import InputSpec, Shape, check_inputs
from graphc.keras.engine.node import Node, connect, mask_of
from graphc.keras.engine.node_access import NodeAccess
from graphc.keras.legacy import interfaces
from graphc.keras.utils.generic_utils import has_arg, is_all_none, plain_integers, to_list, unpack_singleton
from graphc.keras.utils.layer_utils import count_params
from graphc.keras.utils.location import about, located

__all__ = ["InputSpec", "Layer", "Node"]

BASE_ARGUMENTS = frozenset(
    {"input_shape", "batch_input_shape", "batch_size", "dtype", "name", "trainable", "weights", "input_dtype"}
)


class LayerClass(ABCMeta):
    """The class of layer classes: constructors take NumPy's integers as Python's, and their errors name the layer.

    (Layers may be abstract classes, too.)
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a new layer."""
        with about(kwargs.get("name") or cls.__name__):
            return super().__call__(*plain_integers(args), **plain_integers(kwargs))

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's, for `help` and editors, which else would show the arguments of `__call__`."""
        own = inspect.signature(cls.__init__)  # type: ignore[misc]  # of the class, not of an instance
        return own.replace(parameters=list(own.parameters.values())[1:])


class Layer(NodeAccess, metaclass=LayerClass):
    """A function of tensors that may own weights, losses and updates.

    Subclasses write `build(input_shape)` (make the weights with `add_weight`), `call(inputs)` (`mask` and
    `training` arguments are passed where it has them), `compute_output_shape(input_shape)`, `compute_mask` where
    they change masks, and `get_config()`.

    Keras 1's `get_output_shape_for` is another name of `compute_output_shape`.

    Keyword arguments of every layer: `name` (default: the class in snake case and a number), `trainable`, `weights`
    (set after building), and for a first layer `input_shape` (without the batch), `batch_size`,
    `batch_input_shape`, `dtype`. Raises UsageError for any other keyword.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the rule of shapes under its Keras 1 name."""
        super().__init_subclass__(**kwargs)
        old = vars(cls).get("get_output_shape_for")
        if old is not None and "compute_output_shape" not in vars(cls):
            cls.compute_output_shape = old  # type: ignore[method-assign]

    def __init__(self, **kwargs: Any) -> None:
        unknown = sorted(set(kwargs) - BASE_ARGUMENTS)
        if unknown:
            raise UsageError(located(f"{type(self).__name__} does not take the keyword arguments {unknown}"))
        self.name: str = kwargs.get("name") or _default_name(type(self).__name__)
        self.trainable: bool = kwargs.get("trainable", True)
        self.input_spec: Any = None
        self.supports_masking = False
        self.stateful = False
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []
        self._losses: list[Any] = []
        self._updates: list[Any] = []
        self._per_input_losses: dict[str | None, list[Any]] = {}
        self._per_input_updates: dict[str | None, list[Any]] = {}
        self._built = False
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._initial_weights = kwargs.get("weights")
        if "batch_input_shape" in kwargs or "input_shape" in kwargs:
            if "batch_input_shape" in kwargs:
                self.batch_input_shape: Shape = tuple(kwargs["batch_input_shape"])
            else:
                self.batch_input_shape = (kwargs.get("batch_size"), *kwargs["input_shape"])
            self.dtype: str = kwargs.get("dtype") or kwargs.get("input_dtype") or K.floatx()

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._built

    @built.setter
    def built(self, value: bool) -> None:
        self._built = value

    @property
    def losses(self) -> list[Any]:
        """Penalties of weights and activities, of every call."""
        return self._losses

    @property
    def updates(self) -> list[Any]:
        """State updates of every call; none for a frozen layer that is not stateful."""
        return self._updates if self.trainable or self.stateful else []

    @property
    def trainable_weights(self) -> list[Any]:
        """Weights that training changes; none where `trainable` is False."""
        return self._trainable_weights if self.trainable else []

    @trainable_weights.setter
    def trainable_weights(self, weights: list[Any]) -> None:
        self._trainable_weights = weights

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Weights that training leaves to the layer's own updates; all of them where `trainable` is False."""
        return self._non_trainable_weights if self.trainable else self._trainable_weights + self._non_trainable_weights

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights: list[Any]) -> None:
        self._non_trainable_weights = weights

    @property
    def weights(self) -> list[Any]:
        """The trainable weights, then the others."""
        return self.trainable_weights + self.non_trainable_weights

    @interfaces.legacy_add_weight_support
    def add_weight(
        self,
        name: str | None = None,
        shape: Sequence[int] = (),
        dtype: str | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool = True,
        constraint: Any = None,
    ) -> Any:
        """Make a weight of this layer, add its penalty to the losses, and return the variable."""
        allowance.spend_weights(shape, name)
        initializer = initializers.get(initializer)
        initial = initializers.first_value(initializer, tuple(shape))
        weight = K.variable(initial, dtype=dtype or K.floatx(), name=name, constraint=constraint)
        weight.draw = functools.partial(initializer, tuple(shape))
        if regularizer is not None:
            self.add_loss(regularizer(weight))
        (self._trainable_weights if trainable else self._non_trainable_weights).append(weight)
        return weight

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add penalties; `inputs` says which tensors they depend on (None: they hold whatever is fed)."""
        _add(self._losses, self._per_input_losses, losses, inputs)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Add state updates; `inputs` says which tensors they depend on (None: none)."""
        _add(self._updates, self._per_input_updates, updates, inputs)

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """Return the penalties that depend on exactly these inputs (None: on none)."""
        return self._per_input_losses.get(_inputs_key(inputs), [])

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Return the updates that depend on exactly these inputs (None: on none)."""
        if not self.trainable and not self.stateful:
            return []
        return self._per_input_updates.get(_inputs_key(inputs), [])

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Raise ShapeError or DTypeError where the inputs do not fit `input_spec`."""
        check_inputs(self.name, self.input_spec, to_list(inputs))

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (a list of shapes for several inputs)."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the layer's function of the inputs, which come first."""
        return args[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output for inputs of this shape; None stands for any size."""
        return input_shape

    def get_output_shape_for(self, input_shape: Any) -> Any:
        """Return `compute_output_shape(input_shape)`: its name in Keras 1."""
        return self.compute_output_shape(input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask to pass on: the one given where the layer supports masks.

        Raises UsageError where it does not, and one was given.
        """
        if self.supports_masking:
            return mask
        if mask is not None and not is_all_none(mask):
            raise UsageError(
                located(f"Layer {self.name} does not support masking, but was passed an input_mask: {mask}")
            )
        return None

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Apply the layer to a tensor or a list of tensors; build it at the first call.

        Records the call in the layer graph. Raises ShapeError or DTypeError where the inputs do not fit.
        """
        inputs = list(inputs) if isinstance(inputs, list) else inputs
        input_list = to_list(inputs)
        with K.name_scope(self.name), graph.layer_scope(self.name), about(self.name):
            self.assert_input_compatibility(inputs)
            self._build_for(input_list)
            self.assert_input_compatibility(inputs)
            masks = unpack_singleton([mask_of(x) for x in input_list])
            arguments = dict(kwargs)
            if not is_all_none(masks) and has_arg(self.call, "mask"):
                kwargs.setdefault("mask", masks)
            outputs = [_unclaimed(x) for x in to_list(self.call(inputs, **kwargs))]
            output_mask = self.compute_mask(inputs, masks)
            self._set_output_shapes(input_list, outputs)
            output_masks = list(output_mask) if isinstance(output_mask, (list, tuple)) else [output_mask] * len(outputs)
            connect(self, input_list, outputs, (to_list(masks), output_masks), arguments)
            self._penalise_activity(input_list, outputs)
        return unpack_singleton(outputs)

    def _build_for(self, inputs: list[Any]) -> None:
        if self.built:
            return
        self.build(unpack_singleton([K.int_shape(x) for x in inputs]))
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def _set_output_shapes(self, inputs: list[Any], outputs: list[Any]) -> None:
        """Keep the shapes that `compute_output_shape` says; a layer without a rule of its own keeps the known ones."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return
        shapes = self.compute_output_shape(unpack_singleton([K.int_shape(x) for x in inputs]))
        for x, shape in zip(outputs, shapes if isinstance(shapes, list) else [shapes]):
            if shape is not None:
                x._keras_shape = tuple(None if dim is None else int(dim) for dim in shape)

    def _penalise_activity(self, inputs: list[Any], outputs: list[Any]) -> None:
        regularizer = getattr(self, "activity_regularizer", None)
        if regularizer is not None:
            self.add_loss([regularizer(x) for x in outputs], inputs=inputs)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return copies of the weights' values, in the order of `weights`."""
        values: list[np.ndarray[Any, Any]] = K.batch_get_value(self.weights)
        return values

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights from arrays in the order of `get_weights()`.

        Raises ShapeError where their number or a shape differs, and then changes nothing.
        """
        assign_weights(f'layer "{self.name}"', self.weights, weights)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again, without its weights."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        for name in ("batch_input_shape", "dtype"):
            if hasattr(self, name):
                config[name] = getattr(self, name)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return a new layer made from the result of `get_config()`."""
        return cls(**config)

    def count_params(self) -> int:
        """Return the number of scalars in the weights. Raises ExecutionError where the layer is not built."""
        if not self.built:
            raise ExecutionError(
                located(
                    f"You tried to call `count_params` on {self.name}, but the layer isn't built. "
                    f"Build it with `{self.name}.build(batch_input_shape)`"
                )
            )
        return count_params(self.weights)


def assign_weights(owner: str, variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Set the variables, all or none. Raises ShapeError naming `owner` where the values do not fit."""
    if len(variables) != len(values):
        raise ShapeError(
            located(
                f"You called `set_weights(weights)` on {owner} with {len(values)} arrays, "
                f"but it has {len(variables)} weights: {[v.name for v in variables]}"
            )
        )
    pairs = [(variable, np.asarray(value)) for variable, value in zip(variables, values)]
    for variable, value in pairs:
        if tuple(K.int_shape(variable)) != value.shape:
            raise ShapeError(
                located(
                    f"Layer weight shape {tuple(K.int_shape(variable))} of '{variable.name}' in {owner} is "
                    f"not compatible with provided weight shape {value.shape}"
                )
            )
    K.batch_set_value(pairs)


def snake_case(name: str) -> str:
    """Return `BatchNormalization` as `batch_normalization`; a leading underscore becomes `private__`."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()
    return f"private{words}" if words.startswith("_") else words


def _default_name(class_name: str) -> str:
    return f"{snake_case(class_name)}_{K.get_uid(class_name)}"


def _inputs_key(inputs: Any) -> str | None:
    """A key for a list of tensors by identity; nodes of the layer graph keep the tensors alive."""
    if inputs is None or (isinstance(inputs, list) and not inputs):
        return None
    return ", ".join(str(id(x)) for x in to_list(inputs))


def _add(everything: list[Any], by_inputs: dict[str | None, list[Any]], items: Any, inputs: Any) -> None:
    if items is None:
        return
    items = to_list(items)
    everything.extend(items)
    if items:
        by_inputs.setdefault(_inputs_key(inputs), []).extend(items)


def _unclaimed(x: Any) -> Any:
    """Return the tensor, or a new wrapper of it where some layer has put its history on it already."""
    return x if getattr(x, "_keras_history", None) is None and not K.is_variable(x) else K.identity(x)
