"""Configs of tf_keras and Keras 3 in the spelling of Keras 2.2.4."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from graphc.keras.engine import layer_classes
from graphc.keras.engine.base_layer import BASE_ARGUMENTS
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.report import LoadReport
from graphc.keras.utils.generic_utils import get_custom_objects

Config = dict[str, Any]

_NETWORKS = ("Functional", "Model", "Sequential")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "Bidirectional")
_SCALINGS = {
    "Glorot": (1.0, "fan_avg"),
    "He": (2.0, "fan_in"),
    "Lecun": (1.0, "fan_in"),
}
_RENAMED_OBJECTS = {"OrthogonalInitializer": "Orthogonal", "IdentityInitializer": "Identity"}
_RENAMED_ARGUMENTS = {"batch_shape": "batch_input_shape"}
# Arguments that change nothing about what a layer computes for given weights.
_NEUTRAL = {
    "autocast", "build_config", "compile_config", "dtype", "fused", "lora_alpha", "module", "optional", "ragged",
    "registered_name", "seed", "shared_object_id", "synchronized", "time_major", "type_spec", "use_cudnn",
    "use_legacy_config", "implementation",
}  # fmt: skip
_USUAL = {"groups": 1, "keepdims": False, "zero_output_for_mask": False, "virtual_batch_size": None, "renorm": False}


def convert_newer(data: Mapping[str, Any], report: LoadReport, known: Mapping[str, Any]) -> Config:
    """Return `{"class_name", "config", ...}` of a tf_keras or Keras 3 model or layer as Keras 2.2.4 spells it.

    Configs of Keras 2 come back equal. Classes in `known` (custom objects) keep their configs. Raises ModelFileError
    for arguments that change what a layer computes and that Keras 2.2.4 does not have.
    """
    return _Converter(report, known).layer(data)


def short_class_name(name: Any) -> str:
    """Return a class name without the package before it (`Custom>Adam`). Raises ModelFileError where it is no name."""
    if not isinstance(name, str):
        raise ModelFileError(f"a class name that is no text: {str(name)[:80]}")
    return name.rsplit(">", 1)[-1]


class _Converter:
    def __init__(self, report: LoadReport, known: Mapping[str, Any]) -> None:
        self._report = report
        self._known = {**get_custom_objects(), **known}

    def layer(self, data: Any) -> Config:
        """Return a layer or model, with its place in the graph, converted."""
        if not isinstance(data, Mapping) or "class_name" not in data or "config" not in data:
            raise ModelFileError(f"a layer without class name and config: {str(data)[:80]}")
        full_name = data["class_name"]
        class_name = short_class_name(full_name)
        own = data["config"]
        converted: Config = {
            k: v for k, v in data.items() if k in ("name", "inbound_nodes", "keras_version", "backend")
        }
        if full_name in self._known or class_name in self._known:
            name = full_name if full_name in self._known else class_name
            return {**converted, "class_name": name, "config": own}
        if class_name == "Sequential":
            return {**converted, "class_name": class_name, "config": self._sequential(own)}
        if class_name in _NETWORKS and isinstance(own, Mapping) and "layers" in own:
            return {**converted, "class_name": "Model", "config": self._network(own)}
        if not isinstance(own, Mapping):
            raise ModelFileError(f"the config of {class_name} is no dictionary: {str(own)[:80]}")
        return {**converted, "class_name": class_name, "config": self._arguments(class_name, own)}

    # Models

    def _sequential(self, own: Any) -> Any:
        if isinstance(own, list):
            return [self.layer(layer) for layer in own]
        if not isinstance(own, Mapping) or not isinstance(own.get("layers"), list):
            raise ModelFileError("a Sequential without layers")
        kept = {name: own[name] for name in ("name", "build_input_shape") if name in own}
        layers = [self.layer(layer) for layer in own["layers"]]
        first = layers[0] if layers else {}
        if first.get("class_name") == "InputLayer" or "batch_input_shape" in first.get("config", {}):
            # Shapes come from the first layer; a shape to build with as well would build twice.
            kept.pop("build_input_shape", None)
        return {**kept, "layers": layers}

    def _network(self, own: Mapping[str, Any]) -> Config:
        layers = own["layers"]
        if not isinstance(layers, list):
            raise ModelFileError("a model whose layers are no list")
        # Keras 3 counts the calls of a nested model from its first use, Keras 2 from its own making.
        is_new = any(isinstance(call, Mapping) for layer in layers for call in _calls(layer))
        nested = {_name(layer) for layer in layers if is_new and short_class_name(layer.get("class_name")) in _NETWORKS}
        converted = []
        for layer in layers:
            new = self.layer(layer)
            new["inbound_nodes"] = [self._call(call, nested, layer) for call in _calls(layer)]
            new["name"] = _name(layer)
            converted.append(new)
        ends = {key: [_moved(end, nested) for end in _ends(own, key)] for key in ("input_layers", "output_layers")}
        return {"name": own.get("name"), "layers": converted, **ends}

    def _call(self, call: Any, nested: set[str], layer: Mapping[str, Any]) -> list[list[Any]]:
        """Return a call as a list of [layer, call, output, keyword arguments], one an input."""
        class_name = short_class_name(layer["class_name"])
        if isinstance(call, Mapping):
            tensors = _tensors(call.get("args", []))
            keywords = {k: v for k, v in (call.get("kwargs") or {}).items() if v is not None}
        elif isinstance(call, list):
            # One input may stand without the list around it.
            entries = [call] if call and isinstance(call[0], str) else call
            if not all(isinstance(entry, list) and len(entry) >= 3 for entry in entries):
                raise ModelFileError(f"layer {_name(layer)} has a call that cannot be read: {str(call)[:80]}")
            tensors = [list(entry[:3]) for entry in entries]
            keywords = dict(entries[0][3]) if entries and len(entries[0]) > 3 else {}
        else:
            raise ModelFileError(f"layer {_name(layer)} has a call that cannot be read: {str(call)[:80]}")
        states = keywords.pop("initial_state", None)
        if states is not None:
            tensors += _tensors(states)
        if class_name in _RECURRENT and keywords.get("training") is False:
            del keywords["training"]
        given = [name for name, value in keywords.items() if _tensors(value)]
        if given:
            raise ModelFileError(f"layer {_name(layer)} is called with tensors as keyword arguments: {given}")
        return [[*_moved(tensor, nested), keywords] for tensor in tensors]

    # Layers

    def _arguments(self, class_name: str, own: Mapping[str, Any]) -> Config:
        found: Config = {}
        for name, value in own.items():
            found[_RENAMED_ARGUMENTS.get(name, name)] = self._value(value)
        layer_name = own.get("name", class_name)
        if class_name == "Bidirectional":
            self._check_backward(layer_name, own)
            found.pop("backward_layer", None)
        if class_name == "LeakyReLU" and "negative_slope" in found:
            found["alpha"] = found.pop("negative_slope")
        if class_name == "BatchNormalization" and isinstance(found.get("axis"), list) and len(found["axis"]) == 1:
            (found["axis"],) = found["axis"]
        if isinstance(own.get("dtype"), Mapping) or str(own.get("dtype")).startswith("mixed_"):
            # A policy of types; Keras 2.2.4 computes in the type of the weights.
            found.pop("dtype")
        is_newer = any(name in own for name in ("dtype", "groups", "zero_output_for_mask"))
        if class_name == "UpSampling2D" and own.get("interpolation") == "bilinear" and is_newer:
            self._report.add(f"{layer_name}: bilinear UpSampling2D samples at other points in Keras 2.2.4")
        return self._known_arguments(class_name, layer_name, found)

    def _known_arguments(self, class_name: str, layer_name: str, found: Config) -> Config:
        """Leave out the arguments that the class does not have, where they change nothing."""
        layer_class = layer_classes.find(class_name)
        accepted = None if layer_class is None else _accepted(layer_class)
        if accepted is None:
            return found
        # Functions among the arguments stand with their kind, as `function_type`.
        accepted |= {f"{name}_type" for name in accepted}
        for name in [name for name in found if name not in accepted]:
            value = found.pop(name)
            if name in _NEUTRAL or value is None or (name in _USUAL and value == _USUAL[name]):
                continue
            if name == "zero_output_for_mask":
                self._report.add(f"{layer_name}: outputs of masked steps are those of the steps before, not zeros")
                continue
            raise ModelFileError(
                f"layer {layer_name} ({class_name}) has {name}={str(value)[:60]}, which Keras 2.2.4 does not have; "
                "a class of your own in custom_objects can take it"
            )
        return found

    def _check_backward(self, layer_name: Any, own: Mapping[str, Any]) -> None:
        """Raise where the backward layer is more than the forward layer backwards."""
        if not isinstance(own.get("backward_layer"), Mapping) or not isinstance(own.get("layer"), Mapping):
            return
        pair = [{**(own[part].get("config") or {})} for part in ("layer", "backward_layer")]
        for config in pair:
            for name in ("name", "go_backwards"):
                config.pop(name, None)
        if self._value(pair[0]) != self._value(pair[1]):
            raise ModelFileError(f"{layer_name} has a backward layer that differs from its forward layer")

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if "class_name" not in value or "config" not in value:
            return {name: self._value(item) for name, item in value.items()}
        class_name = short_class_name(value["class_name"])
        if class_name in ("DTypePolicy", "Policy"):
            return value["config"].get("name") if isinstance(value["config"], Mapping) else value["config"]
        if class_name == "function":
            return value["config"]
        if class_name in self._known:
            return {"class_name": class_name, "config": value["config"]}
        if class_name in _NETWORKS or layer_classes.find(class_name) is not None:
            return self.layer(value)
        return _plain_object(class_name, value["config"])


def _plain_object(class_name: str, config: Any) -> Config:
    """Return an initializer, regularizer or constraint in the names of Keras 2.2.4."""
    for prefix, (scale, mode) in _SCALINGS.items():
        for suffix in ("Uniform", "Normal"):
            if class_name in (prefix + suffix, prefix + suffix + "V2"):
                seed = config.get("seed") if isinstance(config, Mapping) else None
                own = {"scale": scale, "mode": mode, "distribution": suffix.lower(), "seed": _number(seed)}
                return {"class_name": "VarianceScaling", "config": own}
    if class_name in ("L1", "L2"):
        return {"class_name": "L1L2", "config": dict(config)}
    if isinstance(config, Mapping):
        config = {k: (_number(v) if k == "seed" else v) for k, v in config.items() if k != "dtype"}
        if class_name == "VarianceScaling" and config.get("distribution") in ("truncated_normal", "untruncated_normal"):
            config["distribution"] = "normal"
        if class_name in ("Zeros", "Ones"):
            config = {}
    return {"class_name": _RENAMED_OBJECTS.get(class_name, class_name), "config": config}


def _number(seed: Any) -> int | None:
    return seed if isinstance(seed, int) else None


def _accepted(layer_class: Any) -> set[str] | None:
    """Return the keywords that a layer class takes, None where it takes any."""
    names: set[str] = set()
    for base in layer_class.__mro__:
        if "__init__" not in base.__dict__:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names
    return names | BASE_ARGUMENTS


def _calls(layer: Any) -> Sequence[Any]:
    calls = layer.get("inbound_nodes", []) if isinstance(layer, Mapping) else None
    if not isinstance(calls, list):
        raise ModelFileError(f"a layer whose calls are no list: {str(layer)[:80]}")
    return calls


def _name(layer: Mapping[str, Any]) -> str:
    config = layer.get("config")
    name = layer.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    if not isinstance(name, str):
        raise ModelFileError(f"a layer without a name: {str(layer)[:80]}")
    return name


def _ends(own: Mapping[str, Any], key: str) -> list[Any]:
    ends = own.get(key)
    if not isinstance(ends, list) or not ends:
        raise ModelFileError(f"a model without {key}")
    return [ends] if isinstance(ends[0], str) else ends


def _moved(tensor: Any, nested: set[str]) -> list[Any]:
    """Return [layer, call, output], the call counted as Keras 2 does."""
    if not isinstance(tensor, list) or len(tensor) < 3 or not isinstance(tensor[0], str):
        raise ModelFileError(f"a tensor that cannot be read: {str(tensor)[:80]}")
    if not all(isinstance(i, int) and i >= 0 for i in tensor[1:3]):
        raise ModelFileError(f"a tensor that cannot be read: {str(tensor)[:80]}")
    return [tensor[0], tensor[1] + (tensor[0] in nested), tensor[2]]


def _tensors(value: Any) -> list[list[Any]]:
    """Return the tensors in the arguments of a call, in order."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return [list(value["config"]["keras_history"])]
        return []
    if not isinstance(value, list):
        return []
    if len(value) in (3, 4) and isinstance(value[0], str) and all(isinstance(i, int) for i in value[1:3]):
        return [list(value[:3])]
    return [tensor for item in value for tensor in _tensors(item)]
