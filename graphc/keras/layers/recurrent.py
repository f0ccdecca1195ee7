"""SimpleRNN, GRU, LSTM: recurrent layers of one cell; and Keras's module path of all recurrent layers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from graphc.keras import regularizers
from graphc.keras.engine.base_layer import BASE_ARGUMENTS, InputSpec, Layer
from graphc.keras.engine.constructor import constructor_parameters
from graphc.keras.layers.rnn import RNN
from graphc.keras.layers.rnn_cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell
from graphc.keras.layers.stacked_cells import StackedRNNCells
from graphc.keras.legacy.recurrent import legacy_recurrent_support
from graphc.keras.legacy.recurrent_layer import Recurrent, time_distributed_dense

__all__ = [
    "GRU", "LSTM", "RNN", "GRUCell", "InputSpec", "LSTMCell", "Layer", "Recurrent", "SimpleRNN", "SimpleRNNCell",
    "StackedRNNCells", "time_distributed_dense",
]  # fmt: skip

_time_distributed_dense = time_distributed_dense


class RNNOfCell(RNN):
    """An RNN that makes its cell, of class `cell_class`: it takes the arguments of both, and has the cell's options.

    `activity_regularizer` is a penalty of the outputs.
    """

    cell_class: type[RecurrentCell] = RecurrentCell

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Show the arguments that the constructor takes: its own, the cell's, then those of an RNN."""
        super().__init_subclass__(**kwargs)
        own = inspect.signature(cls.__init__).parameters
        rest = [p for p in own.values() if p.kind is p.VAR_KEYWORD]
        if "__init__" not in vars(cls) or not rest:
            return
        taken = constructor_parameters(cls.cell_class) | constructor_parameters(RNNOfCell)
        hidden = {"cell", *own, *cls.cell_class.withheld}
        named = [p.replace(kind=p.KEYWORD_ONLY) for name, p in taken.items() if name not in hidden]
        first = [p for p in own.values() if p not in rest]
        vars(cls)["__init__"].__signature__ = inspect.Signature([*first, *named, *rest])

    def __init__(self, activity_regularizer: Any = None, **kwargs: Any) -> None:
        options = {name: kwargs.pop(name) for name in constructor_parameters(self.cell_class) if name in kwargs}
        super().__init__(self.cell_class(name=kwargs.get("name"), **options), **kwargs)
        self.activity_regularizer = regularizers.get(activity_regularizer)

    def __getattr__(self, name: str) -> Any:
        """Return an option of the cell. Raises AttributeError for any other name."""
        if name in constructor_parameters(type(self).cell_class):
            return getattr(self.cell, name)
        # Python comes here as well where a property has raised: its own message says more.
        return self.__getattribute__(name)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["cell"]
        options = {k: v for k, v in self.cell.get_config().items() if k not in BASE_ARGUMENTS}
        return {**config, **options, "activity_regularizer": regularizers.serialize(self.activity_regularizer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:  # type: ignore[override]
        """Return a new layer from the result of `get_config()`."""
        return cls(**config)


class SimpleRNN(RNNOfCell):
    """`SimpleRNNCell` over the steps of (batch, steps, features): h' = activation(x W + b + h U).

    Arguments: `units`, then by keyword those of the cell and of RNN. Weights: kernel (features, units),
    recurrent_kernel (units, units), bias (units,).
    """

    cell_class = SimpleRNNCell

    @legacy_recurrent_support
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units=units, **kwargs)


class GRU(RNNOfCell):
    """`GRUCell` over the steps of (batch, steps, features): gated recurrent units.

    Arguments: `units`, then by keyword those of the cell (`recurrent_activation`, `reset_after`, ...) and of RNN.
    Weights: kernel (features, 3 * units), recurrent_kernel (units, 3 * units), bias (3 * units,), with `reset_after`
    (2, 3 * units); gates in the order z, r, h.
    """

    cell_class = GRUCell

    @legacy_recurrent_support
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units=units, **kwargs)


class LSTM(RNNOfCell):
    """`LSTMCell` over the steps of (batch, steps, features): long short-term memory. The states are h and c.

    Arguments: `units`, then by keyword those of the cell (`recurrent_activation`, `unit_forget_bias`, ...) and of RNN.
    Weights: kernel (features, 4 * units), recurrent_kernel (units, 4 * units), bias (4 * units,); gates in the order
    i, f, c, o.
    """

    cell_class = LSTMCell

    @legacy_recurrent_support
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units=units, **kwargs)
