"""Configs of Keras 1 in the spelling of Keras 2: class names, argument names, values, and sequences of merges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.report import LoadReport

Config = dict[str, Any]

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
KERAS_1_CLASSES = {*_CLASSES, "Merge", "Highway", "MaxoutDense", "SReLU", "TimeDistributedDense"}

_ARGUMENTS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "filter_length": "kernel_size",
    "bias": "use_bias",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "depthwise_init": "depthwise_initializer",
    "pointwise_init": "pointwise_initializer",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "input_dtype": "dtype",
}
_OF_CLASS: dict[str, dict[str, str]] = {
    "Dense": {"output_dim": "units"},
    "LSTM": {"output_dim": "units"},
    "GRU": {"output_dim": "units"},
    "SimpleRNN": {"output_dim": "units"},
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "PReLU": {"init": "alpha_initializer"},
    "GaussianNoise": {"sigma": "stddev"},
    "UpSampling1D": {"length": "size"},
    **{name: {"p": "rate"} for name in ("Dropout", "GaussianDropout")},
    **{name: {"p": "rate"} for name in ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")},
    **{name: {"pool_length": "pool_size", "stride": "strides"} for name in ("MaxPooling1D", "AveragePooling1D")},
}
# Arguments that say nothing that the shapes do not say, or that Keras 2 has no use for.
_DROPPED = {"input_dim", "input_length", "consume_less", "forget_bias_init"}
_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_ORDERED = ("2D", "3D")
_IMPLEMENTATIONS = {"cpu": 0, "mem": 1, "gpu": 2}
_REGULARIZERS = ("L1L2Regularizer", "WeightRegularizer", "ActivityRegularizer")
_CONSTRAINTS = {"MaxNorm": {"m": "max_value"}, "NonNeg": {}, "UnitNorm": {}}
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}


def is_keras_1(config: Any) -> bool:
    """Whether a model's or layer's config has classes or arguments that only Keras 1 wrote."""
    found = False
    for class_name, own in _layers(config):
        found = found or class_name in KERAS_1_CLASSES
        found = found or any(name in own for name in ("border_mode", "dim_ordering", "W_regularizer", "bias", "p"))
    return found


def _layers(value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return class name and config of every object in a config."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            own = item.get("config")
            if isinstance(item.get("class_name"), str) and isinstance(own, Mapping):
                found.append((item["class_name"], own))
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return found


def convert_keras_1(data: Mapping[str, Any], report: LoadReport, backend: str | None = None) -> Config:
    """Return `{"class_name", "config", ...}` of a Keras 1 model or layer as Keras 2 spells it.

    `backend` is the one that it ran on, where the file tells. Layers that store no ordering of axes take that of the
    others. Raises ModelFileError for what Keras 2 cannot say.
    """
    orderings = {own["dim_ordering"] for _, own in _layers(data) if own.get("dim_ordering") in ("th", "tf")}
    if len(orderings) > 1:
        raise ModelFileError("a model whose layers have different orderings of axes (th and tf)")
    report.add("model config converted from Keras 1 to the names of Keras 2")
    data_format = "channels_first" if orderings == {"th"} else "channels_last"
    return _Converter(data_format, report, backend == "theano").layer(data)


class _Converter:
    def __init__(self, data_format: str, report: LoadReport, is_theano: bool) -> None:
        self._data_format = data_format
        self._report = report
        self._is_theano = is_theano

    def layer(self, data: Mapping[str, Any]) -> Config:
        """Return a layer or model with its config converted."""
        class_name, own = data.get("class_name"), data.get("config")
        if class_name == "Sequential" and own is not None:
            return self._sequential(data)
        if not isinstance(own, Mapping) or not isinstance(class_name, str):
            raise ModelFileError(f"a layer without class name and config: {str(data)[:80]}")
        if class_name in ("Model", "Container"):
            layers = [self.layer(layer) for layer in own.get("layers", [])]
            return {**data, "class_name": "Model", "config": {**own, "layers": layers}}
        if class_name == "Merge":
            return {**data, **self._merge(own)}
        if class_name == "TimeDistributedDense":
            shared = {name: own[name] for name in ("name", "trainable", "batch_input_shape") if name in own}
            inner = self._arguments("Dense", {k: v for k, v in own.items() if k != "batch_input_shape"})
            inner["name"] = f"{own.get('name', 'time_distributed_dense')}_dense"
            config = {**shared, "layer": {"class_name": "Dense", "config": inner}}
            return {**data, "class_name": "TimeDistributed", "config": config}
        return {**data, "class_name": _CLASSES.get(class_name, class_name), "config": self._arguments(class_name, own)}

    # Models

    def _sequential(self, data: Mapping[str, Any]) -> Config:
        own = data["config"]
        layers = own if isinstance(own, list) else own.get("layers", [])
        if layers and layers[0].get("class_name") == "Merge":
            return self._graph_of_branches(layers, own)
        converted = [self.layer(layer) for layer in layers]
        return {**data, "config": converted if isinstance(own, list) else {**own, "layers": converted}}

    def _graph_of_branches(self, layers: Sequence[Mapping[str, Any]], own: Any) -> Config:
        """Return a Model for a Sequential that starts by merging other Sequentials."""
        made: list[Config] = []
        inputs: list[list[Any]] = []
        ends: list[str] = []
        for branch in layers[0]["config"].get("layers", []):
            parts = branch.get("config")
            if branch.get("class_name") != "Sequential" or not isinstance(parts, list) or not parts:
                raise ModelFileError("a Merge of something that is no Sequential with layers")
            ends.append(self._chain(parts, made, inputs, None))
        merged = self._merge({k: v for k, v in layers[0]["config"].items() if k != "layers"})
        name = merged["config"]["name"]
        made.append({**merged, "name": name, "inbound_nodes": [[[end, 0, 0, {}] for end in ends]]})
        last = self._chain(layers[1:], made, inputs, name)
        self._report.add("a Sequential that starts with a Merge of others became a Model of the same layers")
        title = own.get("name") if isinstance(own, Mapping) else None
        graph = {"name": title, "layers": made, "input_layers": inputs, "output_layers": [[last, 0, 0]]}
        return {"class_name": "Model", "config": graph}

    def _chain(
        self, parts: Sequence[Mapping[str, Any]], made: list[Config], inputs: list[list[Any]], before: str | None
    ) -> str:
        """Append layers one after the other, the first on `before` or on a new input, and return the last's name."""
        for part in parts:
            layer = self.layer(part)
            config = layer["config"]
            if before is None:
                shape = config.pop("batch_input_shape", None)
                if shape is None:
                    raise ModelFileError(f"layer {config.get('name')} starts a branch without an input shape")
                before = f"{config['name']}_input"
                dtype = config.pop("dtype", "float32")
                own = {"name": before, "batch_input_shape": shape, "dtype": dtype, "sparse": False}
                made.append({"name": before, "class_name": "InputLayer", "config": own, "inbound_nodes": []})
                inputs.append([before, 0, 0])
            made.append({**layer, "name": config["name"], "inbound_nodes": [[[before, 0, 0, {}]]]})
            before = config["name"]
        if before is None:
            raise ModelFileError("a branch without layers")
        return before

    # Layers

    def _merge(self, own: Mapping[str, Any]) -> Config:
        mode, name = own.get("mode"), own.get("name")
        if not isinstance(mode, str) or own.get("mode_type", "raw") != "raw":
            raise ModelFileError(f"Merge layer {name} has a function of its own as mode, which files do not give")
        if mode in _MERGES:
            config: Config = {"name": name, "trainable": True}
            if mode == "concat":
                config["axis"] = own.get("concat_axis", -1)
            self._report.add(f"{name}: Merge(mode={mode!r}) became {_MERGES[mode]}")
            return {"class_name": _MERGES[mode], "config": config}
        if mode not in ("dot", "cos"):
            raise ModelFileError(f"Merge layer {name} has the unknown mode {mode!r}")
        axes = own.get("dot_axes", -1)
        return {"class_name": "Merge", "config": {"name": name, "mode": mode, "dot_axes": axes}}

    def _arguments(self, class_name: str, own: Mapping[str, Any]) -> Config:
        new_class = _CLASSES.get(class_name, class_name)
        if class_name in ("Highway", "MaxoutDense", "SReLU"):
            kept = {name: _value(value) for name, value in own.items() if name != "input_dim"}
            if class_name == "SReLU" and self._is_theano:
                kept["is_capped"] = True
                self._report.add(f"{own.get('name')}: SReLU capped on the left, as Theano's was")
            return {("dtype" if name == "input_dtype" else name): value for name, value in kept.items()}
        names = {**_ARGUMENTS, **_OF_CLASS.get(new_class, {})}
        found: Config = {}
        for name, value in own.items():
            if name in _DROPPED and not (new_class == "Embedding" and name != "consume_less"):
                continue
            if name == "layer" and isinstance(value, Mapping):
                found[name] = self.layer(value)
            else:
                found[names.get(name, name)] = _value(value)
        for axes in _SIZES:
            if all(axis in found for axis in axes):
                found["kernel_size"] = [found.pop(axis) for axis in axes]
        self._special(new_class, own, found)
        return found

    def _special(self, class_name: str, own: Mapping[str, Any], found: Config) -> None:
        """Change what is more than a name."""
        if found.get("data_format") in ("th", "tf", "default"):
            ordering = {"th": "channels_first", "tf": "channels_last"}
            found["data_format"] = ordering.get(found["data_format"], self._data_format)
        elif class_name.endswith(_ORDERED) and class_name.startswith(("ZeroPadding", "Cropping", "UpSampling")):
            found["data_format"] = self._data_format
        if "consume_less" in own:
            found["implementation"] = _IMPLEMENTATIONS.get(own["consume_less"], 1)
        if class_name in ("LSTM", "ConvLSTM2D"):
            found["unit_forget_bias"] = own.get("forget_bias_init") == "one"
        if class_name == "Flatten" and self._data_format == "channels_first":
            found["data_format"] = "channels_last"
            self._report.add(f"{found.get('name')}: Flatten keeps the order of axes, as it did in Keras 1")
        if class_name == "Conv2DTranspose":
            found.pop("output_shape", None)
        if class_name == "BatchNormalization" and found.get("mode") == 0:
            del found["mode"]
        if class_name == "Embedding":
            if found.pop("dropout", 0):
                self._report.add(f"{found.get('name')}: the dropout of Embedding is left out")
            # Keras 1 told the type of the indices; in Keras 2 it would be that of the table.
            found.pop("dtype", None)


def _value(value: Any) -> Any:
    """Return a regularizer or constraint as Keras 2 spells it, and other values as they are."""
    if not isinstance(value, Mapping) or "name" not in value or "class_name" in value:
        return value
    name, arguments = value["name"], {k: v for k, v in value.items() if k != "name"}
    if name in _REGULARIZERS:
        return {"class_name": "L1L2", "config": {k: float(v) for k, v in arguments.items() if k in ("l1", "l2")}}
    if name in _CONSTRAINTS:
        renamed = _CONSTRAINTS[name]
        return {"class_name": name, "config": {renamed.get(k, k): v for k, v in arguments.items()}}
    return value
