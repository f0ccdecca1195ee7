"""Composite: a layer whose weights, penalties and updates are those of the layers inside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.keras.engine.base_layer import Layer
from graphc.keras.utils.location import located


class Composite(Layer):
    """A layer made of other layers, `inner_layers`; weights go in their order, each layer's own one after the other."""

    @property
    def inner_layers(self) -> list[Any]:
        """The layers inside."""
        return []

    @property  # type: ignore[misc]
    def trainable_weights(self) -> list[Any]:
        """Those of the layers inside; none where this layer is frozen."""
        return [w for layer in self.inner_layers for w in layer.trainable_weights] if self.trainable else []

    @property  # type: ignore[misc]
    def non_trainable_weights(self) -> list[Any]:
        """Those of the layers inside; all their weights where this layer is frozen."""
        if not self.trainable:
            return [w for layer in self.inner_layers for w in layer.weights]
        return [w for layer in self.inner_layers for w in layer.non_trainable_weights]

    @property
    def losses(self) -> list[Any]:
        """Penalties of the layers inside, and of this layer's own outputs."""
        return [*(loss for layer in self.inner_layers for loss in layer.losses), *self._losses]

    @property
    def updates(self) -> list[Any]:
        """State updates of the layers inside, and this layer's own."""
        return [*(update for layer in self.inner_layers for update in layer.updates), *super().updates]

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """Return the penalties that depend on exactly these inputs (None: on none)."""
        given = self._inner_inputs(inputs)
        return [
            *(loss for layer in self.inner_layers for loss in layer.get_losses_for(given)),
            *super().get_losses_for(inputs),
        ]

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Return the updates that depend on exactly these inputs (None: on none)."""
        given = self._inner_inputs(inputs)
        return [
            *(update for layer in self.inner_layers for update in layer.get_updates_for(given)),
            *super().get_updates_for(inputs),
        ]

    def _inner_inputs(self, inputs: Any) -> Any:
        """Return what the layers inside are called on where this layer is called on `inputs`."""
        return inputs

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return copies of the values of the weights, layer by layer."""
        return [value for layer in self.inner_layers for value in layer.get_weights()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights from arrays in the order of `get_weights()`.

        Raises ShapeError where their number or a shape differs, and then changes nothing.
        """
        counts = [len(layer.weights) for layer in self.inner_layers]
        if sum(counts) != len(weights):
            raise ShapeError(
                located(
                    f'You called `set_weights(weights)` on layer "{self.name}" with {len(weights)} arrays, '
                    f"but it has {sum(counts)} weights: {[w.name for w in self.weights]}"
                )
            )
        before = self.get_weights()
        try:
            self._assign(counts, weights)
        except ShapeError:
            self._assign(counts, before)
            raise

    def _assign(self, counts: Sequence[int], weights: Sequence[Any]) -> None:
        rest = list(weights)
        for layer, count in zip(self.inner_layers, counts):
            layer.set_weights(rest[:count])
            rest = rest[count:]
