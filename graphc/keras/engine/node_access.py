"""NodeAccess: the attributes of a layer that speak of its calls: input, output, shapes, masks."""

from __future__ import annotations

from typing import Any

from graphc.errors import ExecutionError, GraphError
from graphc.keras.engine.node import Node
from graphc.keras.utils.generic_utils import unpack_singleton
from graphc.keras.utils.location import located


class UnconnectedError(GraphError, AttributeError):
    """A layer was asked for the input or output of its only call, but has none or several."""


class NodeAccess:
    """What a layer knows from its calls. `x_at(i)` speaks of call i; the bare attributes of the only one."""

    name: str
    _inbound_nodes: list[Node]

    def get_input_shape_at(self, node_index: int) -> Any:
        """Return the input shape(s) of call `node_index`."""
        return self._of_call(node_index, "input_shapes", "input shape")

    def get_output_shape_at(self, node_index: int) -> Any:
        """Return the output shape(s) of call `node_index`."""
        return self._of_call(node_index, "output_shapes", "output shape")

    def get_input_at(self, node_index: int) -> Any:
        """Return the input tensor(s) of call `node_index`."""
        return self._of_call(node_index, "input_tensors", "input")

    def get_output_at(self, node_index: int) -> Any:
        """Return the output tensor(s) of call `node_index`."""
        return self._of_call(node_index, "output_tensors", "output")

    def get_input_mask_at(self, node_index: int) -> Any:
        """Return the mask(s) of the inputs of call `node_index`."""
        return self._of_call(node_index, "input_masks", "input mask")

    def get_output_mask_at(self, node_index: int) -> Any:
        """Return the mask(s) of the outputs of call `node_index`."""
        return self._of_call(node_index, "output_masks", "output mask")

    @property
    def input(self) -> Any:
        """The input tensor(s) of the only call."""
        return self._of_only_call("input_tensors", "layer input", "get_input_at")

    @property
    def output(self) -> Any:
        """The output tensor(s) of the only call."""
        return self._of_only_call("output_tensors", "layer output", "get_output_at")

    @property
    def input_mask(self) -> Any:
        """The mask(s) of the inputs of the only call."""
        return self._of_only_call("input_masks", "layer input mask", "get_input_mask_at")

    @property
    def output_mask(self) -> Any:
        """The mask(s) of the outputs of the only call."""
        return self._of_only_call("output_masks", "layer output mask", "get_output_mask_at")

    @property
    def input_shape(self) -> Any:
        """The input shape(s), where all calls agree on them."""
        return self._agreed_shape("input_shapes", "input shape", "get_input_shape_at")

    @property
    def output_shape(self) -> Any:
        """The output shape(s), where all calls agree on them."""
        return self._agreed_shape("output_shapes", "output shape", "get_output_shape_at")

    def _of_call(self, node_index: int, attribute: str, what: str) -> Any:
        if not self._inbound_nodes:
            raise ExecutionError(
                located(f"The layer {self.name} has never been called and thus has no defined {what}.")
            )
        if node_index >= len(self._inbound_nodes):
            raise GraphError(
                located(
                    f"Asked to get {what} at node {node_index}, "
                    f"but the layer {self.name} has only {len(self._inbound_nodes)} inbound nodes."
                )
            )
        return unpack_singleton(getattr(self._inbound_nodes[node_index], attribute))

    def _of_only_call(self, attribute: str, what: str, instead: str) -> Any:
        if not self._inbound_nodes:
            raise UnconnectedError(located(f"Layer {self.name} is not connected: it has no {what}."))
        if len(self._inbound_nodes) > 1:
            raise UnconnectedError(
                located(
                    f'Layer {self.name} has multiple inbound nodes, hence the notion of "{what}" is ill-defined. '
                    f"Use `{instead}(node_index)` instead."
                )
            )
        return unpack_singleton(getattr(self._inbound_nodes[0], attribute))

    def _agreed_shape(self, attribute: str, what: str, instead: str) -> Any:
        if not self._inbound_nodes:
            raise UnconnectedError(
                located(f"The layer {self.name} has never been called and thus has no defined {what}.")
            )
        first, *others = (getattr(node, attribute) for node in self._inbound_nodes)
        if any(shapes != first for shapes in others):
            raise UnconnectedError(
                located(
                    f'The layer "{self.name}" has inbound nodes with different shapes, so its {what} is ill-defined. '
                    f"Use `{instead}(node_index)` instead."
                )
            )
        return unpack_singleton(first)
