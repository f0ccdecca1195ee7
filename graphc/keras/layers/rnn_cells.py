"""Cells of recurrent layers: what one step of SimpleRNN, GRU and LSTM computes."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import activations, constraints, initializers, regularizers
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.utils.location import located, warn


class RecurrentCell(Layer):
    """What the cells share: weights of all gates side by side, dropout of input and state, options and config.

    Weights: kernel (features, gates * units), recurrent_kernel (units, gates * units), bias (gates * units,).
    `dropout` and `recurrent_dropout` are the shares of the inputs and states that are dropped in training, the same
    ones at every step of a sequence; with `implementation` 1 each gate has a draw of its own, with 2 all share one.
    """

    gates: int
    # Arguments of the classes above that a cell does not offer.
    withheld: frozenset[str] = frozenset()

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        implementation: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ShapeError(located(f"layer {self.name}: units must be a positive integer; got {units!r}"))
        if implementation == 0:
            warn("`implementation=0` is no more: it is 1 now.")
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.implementation = implementation or 1
        self.state_size: Any = units
        self._masks: dict[str, list[Any]] = {}

    # Weights

    def build(self, input_shape: Any) -> None:
        """Make the weights. Raises ShapeError where the number of features is not known."""
        features = self._channels(input_shape[0] if isinstance(input_shape, list) else input_shape)
        self.kernel = self._add("kernel", self._kernel_shape(features))
        self.recurrent_kernel = self._add("recurrent_kernel", self._kernel_shape(self.units))
        self.bias = self._add("bias", self._bias_shape()) if self.use_bias else None
        self.built = True

    def _channels(self, shape: Any) -> int:
        if shape[-1] is None:
            raise ShapeError(located(f"layer {self.name} needs inputs whose last size is known, got {shape}"))
        return int(shape[-1])

    def _kernel_shape(self, features: int) -> Shape:
        return (features, self.gates * self.units)

    def _bias_shape(self) -> Shape:
        return (self.gates * self.units,)

    def _add(self, name: str, shape: Any) -> Any:
        kind = name.removesuffix("_kernel")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self._bias_start if name == "bias" else getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def _bias_start(self, shape: Any, dtype: str | None = None) -> Any:
        return self.bias_initializer(shape)

    # One step

    def begin_sequence(self) -> None:
        """Draw new masks of dropout at the next step; the steps after it share them."""
        self._masks = {}

    def _dropped(self, name: str, x: Any, rate: float, training: Any) -> list[Any]:
        """Return x for each gate, a share of it zero in training; one for all gates where they share it."""
        if not 0.0 < rate < 1.0:
            return [x]
        if name not in self._masks:
            ones = K.ones_like(x)
            self._masks[name] = [
                K.in_train_phase(lambda: K.dropout(ones, rate), ones, training=training)
                for _ in range(self.gates if self.implementation == 1 else 1)
            ]
        return [x * mask for mask in self._masks[name]]

    def _of_inputs(self, inputs: Any, training: Any) -> Any:
        """Return what the inputs add to each gate, side by side."""
        return self._product(self._dropped("inputs", inputs, self.dropout, training), self.kernel)

    def _product(self, given: list[Any], kernel: Any) -> Any:
        if len(given) == 1:
            return K.dot(given[0], kernel)
        return K.concatenate([K.dot(x, part) for x, part in zip(given, K.split(kernel, len(given), axis=-1))])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": initializers.serialize(self.recurrent_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "recurrent_regularizer": regularizers.serialize(self.recurrent_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "recurrent_constraint": constraints.serialize(self.recurrent_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "implementation": self.implementation,
        }


class SimpleRNNCell(RecurrentCell):
    """h' = activation(x kernel + bias + h recurrent_kernel). State and output: h (batch, units)."""

    gates = 1
    withheld = frozenset({"implementation"})

    def __init__(self, units: int, activation: Any = "tanh", **kwargs: Any) -> None:
        if "implementation" in kwargs:
            kwargs.pop("implementation")
            warn("SimpleRNN takes no `implementation` any more: remove it.")
        super().__init__(units, activation, **kwargs)

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        """Return (output, [new state])."""
        (h,) = states
        z = _with_bias(self._of_inputs(inputs, training), self.bias)
        z = z + self._product(self._dropped("state", h, self.recurrent_dropout, training), self.recurrent_kernel)
        output = self.activation(z)
        return output, [output]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["implementation"]
        return config


class GRUCell(RecurrentCell):
    """Gated recurrent unit (Cho et al., 2014). State and output: h (batch, units); gates in the order z, r, h.

    z, r = recurrent_activation(x W + b + h U); candidate = activation(x W_h + b_h + (r * h) U_h);
    h' = z * h + (1 - z) * candidate. With `reset_after` the candidate is activation(x W_h + b_h + r * (h U_h + b'_h)):
    the bias is then (2, 3 * units), of the inputs and of the state, as cuDNN has it.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid",
        *,
        reset_after: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self) -> Shape:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        """Return (output, [new state])."""
        (h,) = states
        own_bias, state_bias = (self.bias, None) if self.bias is None or not self.reset_after else self.bias
        x_z, x_r, x_h = K.split(_with_bias(self._of_inputs(inputs, training), own_bias), 3, axis=-1)
        of_gates = self._dropped("state", h, self.recurrent_dropout, training)
        for_candidate = of_gates[-1]
        if self.reset_after:
            product = _with_bias(self._product(of_gates, self.recurrent_kernel), state_bias)
            h_z, h_r, h_h = K.split(product, 3, axis=-1)
        else:
            h_z, h_r = K.split(self._product(of_gates[:2], self.recurrent_kernel[:, : 2 * self.units]), 2, axis=-1)
        z, r = self.recurrent_activation(x_z + h_z), self.recurrent_activation(x_r + h_r)
        if not self.reset_after:
            h_h = K.dot(r * for_candidate, self.recurrent_kernel[:, 2 * self.units :])
        candidate = self.activation(x_h + (r * h_h if self.reset_after else h_h))
        # Where all gates share one mask, Keras mixes the masked state in; else the whole one.
        mixed = h if self.implementation == 1 else for_candidate
        output = z * mixed + (1 - z) * candidate
        return output, [output]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class LSTMCell(RecurrentCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997). States h, c; output h; gates in the order i, f, c, o.

    i, f, o = recurrent_activation(x W + b + h U); c' = f * c + i * activation(x W_c + b_c + h U_c);
    h' = o * activation(c'). With `unit_forget_bias` the bias of f starts at 1.
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid",
        *,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = (self.units, self.units)

    def _bias_start(self, shape: Any, dtype: str | None = None) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape)
        units = self.units
        parts = [self.bias_initializer((units,)), K.ones((units,)), self.bias_initializer((2 * units,))]
        return K.concatenate(parts)

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        """Return (output, [new h, new c])."""
        h, c = states
        of_inputs = _with_bias(self._of_inputs(inputs, training), self.bias)
        of_state = self._product(self._dropped("state", h, self.recurrent_dropout, training), self.recurrent_kernel)
        return self._gated(of_inputs + of_state, c, axis=-1)

    def _gated(self, z: Any, c: Any, axis: int) -> Any:
        i, f, candidate, o = K.split(z, 4, axis=axis)
        memory = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(candidate)
        output = self.recurrent_activation(o) * self.activation(memory)
        return output, [output, memory]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


def _with_bias(x: Any, bias: Any) -> Any:
    return x if bias is None else x + bias
