"""Recurrent: the base of recurrent layers before there were cells, which users' own layers derive from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.errors import UsageError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.layers.recurrent_inputs import split_inputs
from graphc.keras.layers.rnn import RNN
from graphc.keras.legacy.renaming import generate_legacy_interface
from graphc.keras.legacy.spatial import gather_input_shape
from graphc.keras.utils.location import located

_support = generate_legacy_interface(
    None, [("consume_less", "implementation")], gather_input_shape, {"consume_less": {"cpu": 0, "mem": 1, "gpu": 2}}
)


class _StepOf:
    """A cell whose call is the `step` of a layer."""

    def __init__(self, layer: Recurrent) -> None:
        self.layer = layer

    @property
    def state_size(self) -> int:
        return self.layer.width

    def call(self, inputs: Any, states: Sequence[Any]) -> Any:
        return self.layer.step(inputs, states)

    def get_config(self) -> dict[str, Any]:
        return {}


class Recurrent(RNN):
    """A step repeated over (batch, steps, features), for subclasses to define.

    A subclass sets `units` (in Keras 1 `output_dim`), in `build` its weights and `states`, a list of as many None as
    it has states, and defines `step(inputs, states)`, which returns (output, new states). It may define
    `get_constants(x)`, whose tensors come after the states, `preprocess_input(x)`, whose result is stepped over, and
    `get_initial_state(x)` (`get_initial_states` in Keras 1; zeros of (batch, units) by default).

    Arguments are those of RNN without the cell; `implementation` is kept for the subclass.
    """

    # The weights are the layer's own, not a cell's.
    trainable_weights = Layer.trainable_weights
    non_trainable_weights = Layer.non_trainable_weights
    get_weights = Layer.get_weights
    set_weights = Layer.set_weights

    @_support
    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        implementation: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(_StepOf(self), return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)
        self.implementation = implementation

    @property
    def width(self) -> int:
        """The number of features of the output: `units`, or Keras 1's `output_dim`; 0 where neither is set yet."""
        return int(getattr(self, "units", 0) or getattr(self, "output_dim", 0))

    def _state_shapes(self, input_shape: Any) -> list[Shape]:
        return [(input_shape[0], self.width) for _ in self.states]

    def step(self, inputs: Any, states: Sequence[Any]) -> Any:
        """Return (output, new states) of one step. `states` are followed by the constants."""
        raise UsageError(located(f"{type(self).__name__} does not define `step`"))

    def get_constants(self, inputs: Any, training: Any = None) -> list[Any]:
        """Return the tensors that every step is given after the states: none."""
        return []

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        """Return what is stepped over: the inputs."""
        return inputs

    def get_initial_states(self, inputs: Any) -> list[Any]:
        """Return zeros for each state."""
        return [K.full(shape, 0.0) for shape in self._state_shapes(K.shape(inputs))]

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """Return the states before the first step."""
        return self.get_initial_states(inputs)

    def call(
        self, inputs: Any, mask: Any = None, training: Any = None, initial_state: Any = None, constants: Any = None
    ) -> Any:
        """Return the output, or with `return_state` the list of it and the last states."""
        x, given, _ = split_inputs(inputs, initial_state, constants, 0)
        last, outputs, states = K.rnn(
            self.step,
            self.preprocess_input(x),
            self._initial_states(x, given),
            go_backwards=self.go_backwards,
            mask=mask[0] if isinstance(mask, list) else mask,
            constants=self.get_constants(x),
            unroll=self._is_unrolled(x),
        )
        return self._results(inputs, last, outputs, states)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {**super().get_config(), "implementation": self.implementation}
        del config["cell"]
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:  # type: ignore[override]
        """Return a new layer from the result of `get_config()`."""
        return cls(**config)


def time_distributed_dense(
    x: Any,
    w: Any,
    b: Any = None,
    dropout: float | None = None,
    input_dim: int | None = None,
    output_dim: int | None = None,
    timesteps: int | None = None,
    training: Any = None,
) -> Any:
    """Return x w + b for each step of (batch, steps, features); the sizes are known from x and w.

    `dropout` drops, in training, the same features of all steps.
    """
    if dropout:
        kept = K.in_train_phase(K.dropout(K.ones_like(x[:, :1, :]), dropout), K.ones_like(x[:, :1, :]), training)
        x = x * kept
    product = K.dot(x, w)
    return product if b is None else K.bias_add(product, b)
