"""StackedRNNCells: cells one on top of the other, as one cell; and what a cell says of its sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.composite import Composite
from graphc.keras.utils.generic_utils import has_arg, to_list
from graphc.keras.utils.location import located


def state_sizes(cell: Any) -> list[int]:
    """Return the number of features of each state of a cell."""
    return list(cell.state_size) if hasattr(cell.state_size, "__len__") else [cell.state_size]


def output_size(cell: Any) -> int:
    """Return the number of features of a cell's output: its `output_size`, else that of its first state."""
    size = getattr(cell, "output_size", None)
    return state_sizes(cell)[0] if size is None else int(size)


class StackedRNNCells(Composite):
    """Cells of which each takes the output of the one before; the states are theirs, one after the other.

    `reverse_state_order` puts the last cell's states first, as Keras did before 2.2.4.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        self.reverse_state_order: bool = kwargs.pop("reverse_state_order", False)
        super().__init__(**kwargs)
        for cell in cells:
            for needed in ("call", "state_size"):
                if not hasattr(cell, needed):
                    raise GraphError(located(f"layer {self.name}: a cell has `{needed}`; {cell!r} has not"))
        self.cells = list(cells)

    @property
    def inner_layers(self) -> list[Any]:
        """The cells that are layers."""
        return [cell for cell in self.cells if isinstance(cell, Layer)]

    @property
    def _cells_by_state(self) -> list[Any]:
        return self.cells[::-1] if self.reverse_state_order else self.cells

    @property
    def state_size(self) -> tuple[int, ...]:
        """The number of features of each state."""
        return tuple(size for cell in self._cells_by_state for size in state_sizes(cell))

    @property
    def output_size(self) -> int:
        """The number of features of the last cell's output."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Build each cell for the output of the one before."""
        shape, *constants = input_shape if isinstance(input_shape, list) else [input_shape]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                takes_constants = constants and has_arg(cell.call, "constants")
                cell.build([shape, *constants] if takes_constants else shape)
                cell.built = True
            shape = (shape[0], output_size(cell))
        self.built = True

    def begin_sequence(self) -> None:
        """Let the cells draw new masks of dropout at their next step."""
        for cell in self.cells:
            if hasattr(cell, "begin_sequence"):
                cell.begin_sequence()

    def call(self, inputs: Any, states: Any, constants: Any = None, training: Any = None) -> Any:
        """Return the last cell's output and all new states."""
        rest, own = list(states), []
        for cell in self._cells_by_state:
            count = len(state_sizes(cell))
            own.append(rest[:count])
            rest = rest[count:]
        direction = -1 if self.reverse_state_order else 1
        output, new = inputs, []
        for cell, given in zip(self.cells, own[::direction]):
            arguments = {"constants": constants, "training": training}
            taken = {name: value for name, value in arguments.items() if has_arg(cell.call, name)}
            output, after = cell.call(output, given, **taken)
            new.append(to_list(after, allow_tuple=True))
        return output, [state for after in new[::direction] for state in after]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {**super().get_config(), "cells": [layer_classes.serialize(cell) for cell in self.cells]}
        return {**config, "reverse_state_order": True} if self.reverse_state_order else config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new stack, with new cells, from the result of `get_config()`."""
        data = dict(config)
        cells = [layer_classes.deserialize(cell, custom_objects=custom_objects) for cell in data.pop("cells")]
        return cls(cells, **data)
