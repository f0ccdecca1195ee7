"""CuDNNGRU and CuDNNLSTM: the mathematics of GRU and LSTM, with the weights in the layout of cuDNN."""

from __future__ import annotations

from typing import Any

from graphc.errors import UsageError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.layers.recurrent import RNNOfCell
from graphc.keras.layers.rnn_cells import GRUCell, LSTMCell, RecurrentCell
from graphc.keras.utils.location import located


class CuDNNCell(RecurrentCell):
    """A cell whose weights are as cuDNN has them.

    Each gate's kernel is in the other memory order, its recurrent kernel transposed, and there are two biases, of the
    inputs and of the state, one after the other.
    """

    withheld = frozenset(
        {
            "activation",
            "recurrent_activation",
            "use_bias",
            "dropout",
            "recurrent_dropout",
            "implementation",
            "reset_after",
        }
    )
    choices: dict[str, Any]

    def __init__(self, units: int, **kwargs: Any) -> None:
        fixed = sorted(self.withheld.intersection(kwargs))
        if fixed:
            raise UsageError(located(f"the arguments {fixed} are not free in a layer of cuDNN"))
        super().__init__(units, **self.choices, **kwargs)

    def _bias_shape(self) -> Shape:
        return (2 * self.gates * self.units,)

    def build(self, input_shape: Any) -> None:
        """Make the weights, and from them the kernels that a step multiplies with."""
        super().build(input_shape)
        self.kernel = self._by_gate(self.kernel, lambda k: K.reshape(k, K.int_shape(k)[::-1]))
        self.recurrent_kernel = self._by_gate(self.recurrent_kernel, lambda k: k)
        self.bias = self._joined_bias(self.bias)

    def _by_gate(self, kernel: Any, change: Any) -> Any:
        return K.concatenate([K.transpose(change(part)) for part in K.split(kernel, self.gates, axis=-1)])

    def _joined_bias(self, bias: Any) -> Any:
        return bias

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {name: value for name, value in super().get_config().items() if name not in self.withheld}


class CuDNNGRUCell(CuDNNCell, GRUCell):
    """A `GRUCell` with `reset_after`, `tanh` and `sigmoid`."""

    choices = {"recurrent_activation": "sigmoid", "reset_after": True}

    def _joined_bias(self, bias: Any) -> Any:
        return K.reshape(bias, (2, self.gates * self.units))


class CuDNNLSTMCell(CuDNNCell, LSTMCell):
    """An `LSTMCell` with `tanh` and `sigmoid`."""

    choices = {"recurrent_activation": "sigmoid"}

    def _joined_bias(self, bias: Any) -> Any:
        return K.sum(K.reshape(bias, (2, self.gates * self.units)), axis=0)

    def _bias_start(self, shape: Any, dtype: str | None = None) -> Any:
        single = super()._bias_start(shape, dtype)
        return K.concatenate([self.bias_initializer((self.gates * self.units,)), single])


class CuDNNRNN(RNNOfCell):
    """What CuDNNGRU and CuDNNLSTM share: they take no masks, and are not unrolled."""

    cell_class = CuDNNCell

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = False

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return no masks. Raises UsageError where one is given: cuDNN knows none."""
        Layer.compute_mask(self, inputs, mask)
        return super().compute_mask(inputs, None)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["unroll"]
        return config


class CuDNNGRU(CuDNNRNN):
    """`GRU` with `reset_after`, "tanh" and "sigmoid", its weights in the layout of cuDNN: bias (6 * units,)."""

    cell_class = CuDNNGRUCell

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units=units, **kwargs)


class CuDNNLSTM(CuDNNRNN):
    """`LSTM` with "tanh" and "sigmoid", its weights in the layout of cuDNN: bias (8 * units,)."""

    cell_class = CuDNNLSTMCell

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units=units, **kwargs)
