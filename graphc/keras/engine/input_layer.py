"""InputLayer and Input: where a model's data comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import Layer, Node
from graphc.keras.legacy import interfaces
from graphc.keras.utils.generic_utils import unpack_singleton
from graphc.keras.utils.location import located


class InputLayer(Layer):
    """The layer that stands for one input of a model.

    `input_shape` is without the batch, `batch_input_shape` with it; `input_tensor` wraps a tensor instead of making
    a placeholder. `dtype` defaults to that of the tensor, or `K.floatx()`.
    """

    @interfaces.legacy_input_support
    def __init__(
        self,
        input_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        dtype: str | None = None,
        input_tensor: Any = None,
        sparse: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name or f"input_{K.get_uid('input')}")
        if input_shape and batch_input_shape:
            raise GraphError(
                located(
                    f"InputLayer {self.name} takes input_shape={input_shape} or batch_input_shape={batch_input_shape}, "
                    "not both"
                )
            )
        if batch_input_shape is None and input_tensor is not None:
            batch_input_shape = K.int_shape(input_tensor)
        if batch_input_shape is None and input_shape is None:
            raise GraphError(located("An Input layer needs either a `batch_input_shape` or an `input_shape`."))
        shape = tuple(batch_input_shape) if batch_input_shape is not None else (batch_size, *(input_shape or ()))
        self.trainable = False
        self.built = True
        self.sparse = sparse
        self.supports_masking = True
        self.batch_input_shape = shape
        self.dtype = dtype or (K.floatx() if input_tensor is None else K.dtype(input_tensor))
        self.is_placeholder = input_tensor is None
        if input_tensor is None:
            input_tensor = K.placeholder(shape=shape, dtype=self.dtype, sparse=sparse, name=self.name)
        input_tensor._keras_shape = shape
        input_tensor._uses_learning_phase = False
        input_tensor._keras_history = (self, 0, 0)
        tensors = [input_tensor]
        Node(self, [], [], [], tensors, tensors, [None], [None], [shape], [shape])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return {
            "batch_input_shape": self.batch_input_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "name": self.name,
        }


def Input(
    shape: Sequence[int | None] | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    tensor: Any = None,
) -> Any:
    """Return a tensor that stands for one input of a model.

    `shape` is without the batch, `batch_shape` with it (None: any size); `tensor` is wrapped instead of making a
    placeholder. Raises AssertionError where no shape is given.
    """
    assert shape is not None or batch_shape is not None or tensor is not None, (
        "Input needs a `shape` (without the batch dimension) or a `batch_shape`"
    )
    if batch_shape is None and shape is not None:
        batch_shape = (None, *shape)
    layer = InputLayer(
        batch_input_shape=batch_shape,
        name=name,
        dtype=dtype or (K.floatx() if tensor is None else None),
        sparse=sparse,
        input_tensor=tensor,
    )
    return unpack_singleton(layer._inbound_nodes[0].output_tensors)
