"""Embedding: a table of vectors, looked up by integers."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras import constraints, initializers, regularizers
from graphc.keras.engine.base_layer import Layer
from graphc.keras.legacy import interfaces
from graphc.keras.utils.generic_utils import to_list
from graphc.keras.utils.location import located


class Embedding(Layer):
    """Row `x` of a table for each integer x in [0, input_dim). First layers only need `input_length`.

    Input (batch, ...) of integers, output (batch, ..., output_dim). Weight: embeddings (input_dim, output_dim). With
    `mask_zero` the integer 0 means "no data" and is masked.
    """

    @interfaces.legacy_embedding_support
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        activity_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        input_length: Any = None,
        **kwargs: Any,
    ) -> None:
        if "input_shape" not in kwargs:
            kwargs["input_shape"] = tuple(to_list(input_length, allow_tuple=True)) if input_length else (None,)
        super().__init__(**kwargs)
        if input_dim < 1 or output_dim < 1:
            raise ShapeError(
                located(f"{self.name} needs input_dim and output_dim above 0, not {input_dim} and {output_dim}")
            )
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.input_length = input_length

    def build(self, input_shape: Any) -> None:
        """Make the table."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            dtype=self.dtype,
        )
        self.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return which integers are not 0, where 0 is masked."""
        return K.not_equal(inputs, 0) if self.mask_zero else None

    def call(self, inputs: Any) -> Any:
        """Return the rows of the table."""
        indices = inputs if K.dtype(inputs) == "int32" else K.cast(inputs, "int32")
        return K.gather(self.embeddings, indices)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, ..., output_dim). Raises ShapeError where `input_length` says otherwise."""
        if self.input_length is None:
            return (*input_shape, self.output_dim)
        lengths = to_list(self.input_length, allow_tuple=True)
        if len(lengths) != len(input_shape) - 1 or any(
            a is not None and b is not None and a != b for a, b in zip(lengths, input_shape[1:])
        ):
            raise ShapeError(
                located(f"{self.name}: input_length is {self.input_length}, but the input has shape {input_shape}")
            )
        sizes = (b if a is None else a for a, b in zip(lengths, input_shape[1:]))
        return (input_shape[0], *sizes, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "input_length": self.input_length,
        }
