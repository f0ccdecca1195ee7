"""RNN: a cell repeated over the steps of a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import ExecutionError, GraphError, ShapeError
from graphc.keras import backend as K
from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.composite import Composite
from graphc.keras.engine.input_spec import Shape
from graphc.keras.layers.recurrent_inputs import call_with_states, split_inputs
from graphc.keras.layers.stacked_cells import StackedRNNCells, output_size, state_sizes
from graphc.keras.utils.generic_utils import has_arg, to_list
from graphc.keras.utils.location import located


class NotStatefulError(ExecutionError, AttributeError):
    """The states of a layer that keeps none were asked for."""


class RNN(Composite):
    """A cell repeated over the steps of (batch, steps, ...).

    A cell has `call(input of a step, states)`, which returns (output, new states), and `state_size`: the number of
    features of each state (an int or a tuple), the first being that of the output unless `output_size` says another.
    It may be a Layer with weights, or a list of cells: each takes the output of the one before. Its `call` may take
    `constants` and `training`.

    Output: the last step's (batch, features); all steps' with `return_sequences`; with `return_state` a list of the
    output and the last states. `go_backwards` starts at the last step. `stateful` keeps the states of each sample of a
    batch for the next batch, until `reset_states()`; the batch size must be known. `unroll` writes the steps one by one
    into the graph. A call takes `initial_state` and `constants`, tensors or lists of them.
    Under a mask the states of masked steps stay as they are.
    """

    rank = 3

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        self._num_constants: int | None = kwargs.pop("num_constants", None)
        super().__init__(**kwargs)
        self.cell: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        for needed in ("call", "state_size"):
            if not hasattr(self.cell, needed):
                raise GraphError(located(f"layer {self.name}: a cell has `{needed}`; {cell!r} has not"))
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=self.rank)]
        self._states: list[Any] | None = None

    @property
    def inner_layers(self) -> list[Any]:
        """The cell, where it is a layer."""
        return [self.cell] if isinstance(self.cell, Layer) else []

    @property
    def states(self) -> list[Any]:
        """The variables that a stateful layer keeps its states in; None for each state of another layer."""
        return [None] * len(state_sizes(self.cell)) if self._states is None else self._states

    @states.setter
    def states(self, states: list[Any]) -> None:
        self._states = states

    # Shapes

    def _state_shapes(self, input_shape: Any) -> list[Shape]:
        return [(input_shape[0], size) for size in state_sizes(self.cell)]

    def _output_shape_of_step(self, input_shape: Any) -> Shape:
        return (input_shape[0], output_size(self.cell))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape, or with `return_state` the list of it and the states'."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        step = self._output_shape_of_step(shape)
        output = (step[0], shape[1], *step[1:]) if self.return_sequences else step
        return [output, *self._state_shapes(shape)] if self.return_state else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask given where all steps' outputs are returned; states have none."""
        given = mask[0] if isinstance(mask, list) else mask
        output_mask = given if self.return_sequences else None
        return [output_mask, *(None for _ in self.states)] if self.return_state else output_mask

    # Weights and states

    def build(self, input_shape: Any) -> None:
        """Build the cell for one step, and make the states of a stateful layer.

        Raises ShapeError where a stateful layer does not know the size of the batch.
        """
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        shape = shapes[0]
        self.input_spec = [InputSpec(shape=(shape[0] if self.stateful else None, None, *shape[2:]))]
        self._build_cell((shape[0], *shape[2:]), shapes[len(shapes) - (self._num_constants or 0) :])
        if self.stateful:
            self.reset_states()
        self.built = True

    def _build_cell(self, step_shape: Shape, constant_shapes: Sequence[Shape]) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build([step_shape, *constant_shapes] if constant_shapes else step_shape)
            self.cell.built = True

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """Return zeros for each state, of the inputs' batch size."""
        dtype = K.dtype(inputs) if "float" in K.dtype(inputs) else K.floatx()
        return [K.full((K.shape(inputs)[0], size), 0.0, dtype) for size in state_sizes(self.cell)]

    def reset_states(self, states: Any = None) -> None:
        """Set the kept states to zeros, or to arrays.

        Raises NotStatefulError where the layer keeps none, ShapeError where the batch size is not known or the arrays
        do not fit.
        """
        if not self.stateful:
            raise NotStatefulError(located(f"layer {self.name} keeps no states: it is not stateful"))
        shapes = self._state_shapes(self.input_spec[0].shape or (None,) * self.rank)
        sizes = [tuple(size for size in shape if size is not None) for shape in shapes]
        if [*map(len, sizes)] != [*map(len, shapes)]:
            raise ShapeError(
                located(
                    f"layer {self.name} is stateful and needs to know its batch size and every size of its states, "
                    f"{shapes}: give the first layer `batch_input_shape`, or Input `batch_shape`"
                )
            )
        if any(state is None for state in self.states):
            self._states = [K.zeros(shape) for shape in sizes]
        values = [np.zeros(shape) for shape in sizes] if states is None else to_list(states, allow_tuple=True)
        if len(values) != len(shapes):
            raise ShapeError(located(f"layer {self.name} has {len(shapes)} states but was given {len(values)} values"))
        for position, (value, shape) in enumerate(zip(values, shapes)):
            if getattr(value, "shape", None) != shape:
                raise ShapeError(
                    located(
                        f"State {position} of layer {self.name} has shape {shape}, "
                        f"but was given {getattr(value, 'shape', value)}"
                    )
                )
        K.batch_set_value(list(zip(self.states, values)))

    # Calls

    def __call__(self, inputs: Any, initial_state: Any = None, constants: Any = None, **kwargs: Any) -> Any:
        """Apply the layer. `inputs` may be a list: the sequence, then the initial states, then the constants.

        Raises GraphError for initial states and constants of which some are Keras tensors and some are not.
        """
        sequence, states, further = split_inputs(inputs, initial_state, constants, self._num_constants)
        if further is not None:
            self._num_constants = len(further)
        return call_with_states(self.name, super().__call__, sequence, states, further, kwargs)

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Raise ShapeError or DTypeError where the sequence does not fit; states are held to their own shapes."""
        super().assert_input_compatibility(to_list(inputs)[0])

    def call(
        self, inputs: Any, mask: Any = None, training: Any = None, initial_state: Any = None, constants: Any = None
    ) -> Any:
        """Return the output, or with `return_state` the list of it and the last states."""
        x, given, further = split_inputs(inputs, initial_state, constants, self._num_constants)
        initial = self._initial_states(x, given)
        keywords: dict[str, Any] = {}
        if has_arg(self.cell.call, "training"):
            keywords["training"] = training
        if further and not has_arg(self.cell.call, "constants"):
            raise GraphError(located(f"layer {self.name}: the cell takes no constants"))
        if hasattr(self.cell, "begin_sequence"):
            self.cell.begin_sequence()

        def step(now: Any, states: Any) -> Any:
            if further:
                keywords["constants"] = states[len(initial) :]
            return self.cell.call(now, states[: len(initial)], **keywords)

        last, outputs, states = K.rnn(
            step,
            x,
            initial,
            go_backwards=self.go_backwards,
            mask=mask[0] if isinstance(mask, list) else mask,
            constants=further,
            unroll=self._is_unrolled(x),
        )
        return self._results(inputs, last, outputs, states)

    def _results(self, inputs: Any, last: Any, outputs: Any, states: Sequence[Any]) -> Any:
        """Return what the layer's options choose of the results of K.rnn, and keep the states of a stateful layer."""
        if self.stateful:
            self.add_update(list(zip(self.states, states)), inputs)
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def _is_unrolled(self, x: Any) -> bool:
        if self.unroll and K.int_shape(x)[1] in (None, 1):
            raise ShapeError(
                located(
                    f"layer {self.name} cannot unroll over {K.int_shape(x)[1]} steps (input {K.int_shape(x)}): give "
                    "the number of steps, above 1, in `input_shape` or in the shape of Input"
                )
            )
        return self.unroll

    def _initial_states(self, x: Any, given: Sequence[Any] | None) -> list[Any]:
        if given is None:
            return list(self.states) if self.stateful else self.get_initial_state(x)
        shapes = self._state_shapes(K.int_shape(x))
        if len(given) != len(shapes):
            raise ShapeError(
                located(f"layer {self.name} has {len(shapes)} states but was passed {len(given)} initial states")
            )
        for position, (state, shape) in enumerate(zip(given, shapes)):
            found = K.int_shape(state)
            if len(found) != len(shape) or any(a != b for a, b in zip(found, shape) if None not in (a, b)):
                raise ShapeError(located(f"layer {self.name}: initial state {position} has shape {found}, not {shape}"))
        return list(given)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "cell": layer_classes.serialize(self.cell),
        }
        return config if self._num_constants is None else {**config, "num_constants": self._num_constants}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new layer, with a new cell, from the result of `get_config()`."""
        data = dict(config)
        cell = layer_classes.deserialize(data.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **data)
