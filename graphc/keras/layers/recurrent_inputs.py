"""How a call of a recurrent layer is given its sequence, initial states and constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.location import located

Parts = tuple[Any, list[Any] | None, list[Any] | None]


def split_inputs(inputs: Any, initial_state: Any, constants: Any, count: int | None) -> Parts:
    """Return (sequence, initial states, constants), the last two None where there are none.

    `inputs` may be a list of the sequence, states and constants, the last `count` of which are constants; what is
    given by keyword goes before what is in the list.
    """
    if not isinstance(inputs, list):
        return inputs, _listed(initial_state), _listed(constants)
    end = len(inputs) - (count or 0)
    states, further = inputs[1:end], inputs[end:]
    return inputs[0], _listed(initial_state) or states or None, _listed(constants) or further or None


def _listed(value: Any) -> list[Any] | None:
    return None if value is None else to_list(value, allow_tuple=True)


def call_with_states(
    name: str,
    call: Callable[..., Any],
    sequence: Any,
    states: list[Any] | None,
    constants: list[Any] | None,
    arguments: Mapping[str, Any],
) -> Any:
    """Call the layer `name`: states and constants that layers made are inputs beside the sequence, others arguments.

    Raises GraphError for a mixture.
    """
    further = [*(states or ()), *(constants or ())]
    made = [K.is_tensor(x) and K.is_keras_tensor(x) for x in further]
    if not further:
        return call(sequence, **arguments)
    if all(made):
        return call([sequence, *further], **arguments)
    if any(made):
        raise GraphError(
            located(
                f"layer {name}: initial states and constants must be all Keras tensors (outputs of layers, or Input) "
                f"or none of them, not a mixture: {further}"
            )
        )
    given = {name: value for name, value in (("initial_state", states), ("constants", constants)) if value is not None}
    return call(sequence, **arguments, **given)
