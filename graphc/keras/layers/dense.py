"""Dense: every output is a weighted sum of every input."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.keras import activations, constraints, initializers, regularizers
from graphc.keras import backend as K
from graphc.keras.engine.base_layer import InputSpec, Layer
from graphc.keras.engine.input_spec import Shape
from graphc.keras.legacy import interfaces
from graphc.keras.utils.location import located


class Dense(Layer):
    """`activation(x @ kernel + bias)` along the last axis.

    Input (batch, ..., input_dim), output (batch, ..., units). Weights: kernel (input_dim, units), bias (units,).
    `input_dim` as a keyword is `input_shape=(input_dim,)`.
    """

    @interfaces.legacy_dense_support
    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if "input_shape" not in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ShapeError(located(f"layer {self.name}: units must be a positive integer; got {units!r}"))
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias. Raises ShapeError where the last size of the input is not known."""
        input_dim = input_shape[-1]
        if input_dim is None:
            raise ShapeError(located(f"Layer {self.name} needs inputs whose last size is known, got {input_shape}"))
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_dim, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_dim})
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the layer's function of the inputs."""
        output = K.dot(inputs, self.kernel)
        if self.bias is not None:
            output = K.bias_add(output, self.bias, data_format="channels_last")
        return output if self.activation is None else self.activation(output)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, ..., units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
