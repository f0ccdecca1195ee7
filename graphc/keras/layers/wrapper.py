"""Wrapper: a layer around a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.errors import UsageError
from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import Layer
from graphc.keras.engine.composite import Composite
from graphc.keras.utils.generic_utils import object_list_uid
from graphc.keras.utils.location import located


class Wrapper(Composite):
    """A layer that owns nothing but another layer or model, `layer`: weights, penalties and updates are its.

    `trainable` as a keyword is given to the layer inside; without it that layer stays as it is.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise UsageError(located(f"{type(self).__name__} wraps a layer or a model, not {layer!r}"))
        self.layer = layer
        # What the layer inside is called on, by the identity of what the wrapper is called on.
        self._input_map: dict[str, Any] = {}
        kwargs.setdefault("trainable", layer.trainable)
        super().__init__(**kwargs)

    @property
    def activity_regularizer(self) -> Any:
        """The penalty of the outputs that the layer inside has."""
        return getattr(self.layer, "activity_regularizer", None)

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer inside."""
        return bool(self.layer.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.layer.trainable = value

    @property
    def inner_layers(self) -> list[Any]:
        """The layer inside."""
        return [self.layer]

    def _inner_inputs(self, inputs: Any) -> Any:
        return None if inputs is None else self._input_map.get(object_list_uid(inputs), inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "layer": layer_classes.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new wrapper, with a new layer inside, from the result of `get_config()`."""
        data = dict(config)
        layer = layer_classes.deserialize(data.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **data)
