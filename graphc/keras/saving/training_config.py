"""How a model was compiled: to a config and back, from Keras 2.2.4, tf_keras and Keras 3."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from graphc.keras import losses, metrics, optimizers
from graphc.keras.engine.base_layer import snake_case
from graphc.keras.saving.config_newer import short_class_name
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.report import LoadReport
from graphc.keras.utils.generic_utils import get_custom_objects

# Arguments of newer optimizers in the spelling of 2.2.4.
_RENAMED = {"learning_rate": "lr", "global_clipnorm": "clipnorm"}
# Arguments that say how a step is computed, not which.
_NEUTRAL = {"name", "jit_compile", "is_legacy_optimizer", "ema_momentum", "initial_accumulator_value", "fused"}


def compile_from_config(model: Any, config: Mapping[str, Any], custom: Mapping[str, Any], report: LoadReport) -> bool:
    """Compile a model as a file says. Returns whether it could: newer losses and optimizers may have no equal.

    What could not be kept is told to the report. Raises ModelFileError for a config that cannot be read.
    """
    known = {**get_custom_objects(), **custom}
    try:
        optimizer = _optimizer(config.get("optimizer_config", config.get("optimizer")), known, report)
        loss = _by_output(config.get("loss"), lambda x: _loss(x, known))
        weights = config.get("loss_weights")
        wanted = [_metrics(model, config.get(key), known, report) for key in ("metrics", "weighted_metrics")]
        if optimizer is None or loss is None:
            return False
        model.compile(
            optimizer=optimizer,
            loss=loss,
            metrics=wanted[0],
            loss_weights=weights,
            sample_weight_mode=config.get("sample_weight_mode"),
            weighted_metrics=wanted[1] or None,
        )
    except _CannotKeepError as error:
        report.add(f"the model is not compiled: {error}")
        return False
    return True


class _CannotKeepError(Exception):
    """Something that 2.2.4 has no word for."""


def _by_output(value: Any, convert: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" not in value:
        return {name: convert(item) for name, item in value.items()}
    if isinstance(value, list):
        return [convert(item) for item in value]
    return convert(value)


def _loss(value: Any, known: Mapping[str, Any]) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return known.get(value, value)
    if not isinstance(value, Mapping) or "class_name" not in value:
        raise ModelFileError(f"a loss that cannot be read: {str(value)[:80]}")
    name = short_class_name(value["class_name"])
    own = value.get("config")
    if name in known:
        return losses.deserialize({"class_name": name, "config": own}, dict(known))
    if name == "function" and isinstance(own, str):
        return _loss(own, known)
    if isinstance(own, Mapping) and isinstance(own.get("fn"), str):
        return _loss(own["fn"], known)
    options = own if isinstance(own, Mapping) else {}
    if options.get("from_logits") or options.get("label_smoothing"):
        raise _CannotKeepError(f"loss {name} has options that the function of 2.2.4 does not have: {dict(options)}")
    return snake_case(name)


def _metrics(model: Any, value: Any, known: Mapping[str, Any], report: LoadReport) -> Any:
    """Return metrics as a list, or a dictionary by output."""
    if not value:
        return []
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        # tf_keras writes a list for each output.
        by_output = [[_metric(item, known, report) for item in items] for items in value]
        found = {
            name: [x for x in items if x is not None]
            for name, items in zip(getattr(model, "output_names", []), by_output)
        }
        return next(iter(found.values())) if len(found) == 1 else found
    if isinstance(value, Mapping):
        found = {}
        for name, items in value.items():
            listed = items if isinstance(items, list) else [items]
            found[name] = [m for m in (_metric(item, known, report) for item in listed) if m is not None]
        return found
    if not isinstance(value, list):
        raise ModelFileError(f"metrics that cannot be read: {str(value)[:80]}")
    return [m for m in (_metric(item, known, report) for item in value) if m is not None]


def _metric(value: Any, known: Mapping[str, Any], report: LoadReport) -> Any:
    if isinstance(value, str):
        return known.get(value, value)
    if value is None:
        return None
    if not isinstance(value, Mapping) or "class_name" not in value:
        raise ModelFileError(f"a metric that cannot be read: {str(value)[:80]}")
    class_name = short_class_name(value["class_name"])
    own = value.get("config")
    if class_name in known:
        return metrics.deserialize({"class_name": class_name, "config": own}, dict(known))
    if class_name == "function" and isinstance(own, str):
        return _metric(own, known, report)
    options = own if isinstance(own, Mapping) else {}
    if options.get("name") in ("accuracy", "acc"):
        return "accuracy"
    name = options.get("fn", snake_case(class_name))
    if isinstance(name, Mapping):
        name = name.get("config")
    if isinstance(name, str) and (name in known or callable(getattr(metrics, name, None))):
        return known.get(name, name)
    report.add(f"metric {class_name} is left out: Keras 2.2.4 does not have it")
    return None


def _optimizer(value: Any, known: Mapping[str, Any], report: LoadReport) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return optimizers.get(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("config"), Mapping):
        raise ModelFileError(f"an optimizer that cannot be read: {str(value)[:80]}")
    full_name, own = str(value.get("class_name")), value["config"]
    name = short_class_name(full_name)
    if full_name in known or name in known:
        key = full_name if full_name in known else name
        return optimizers.deserialize({"class_name": key, "config": dict(own)}, dict(known))
    optimizer_class = getattr(optimizers, name, None)
    if not (isinstance(optimizer_class, type) and issubclass(optimizer_class, optimizers.Optimizer)):
        raise _CannotKeepError(f"Keras 2.2.4 has no optimizer {name}")
    accepted = {*inspect.signature(optimizer_class.__init__).parameters, "clipnorm", "clipvalue"}
    arguments: dict[str, Any] = {}
    for key, item in own.items():
        item = _rate(item, report) if key == "learning_rate" else item
        if key == "clipnorm" and "learning_rate" in own and item is not None:
            report.add(f"{name}: clipnorm of each variable is left out: that of 2.2.4 is of all gradients together")
        elif key == "decay" and name == "Nadam" and "learning_rate" in own:
            arguments["schedule_decay"] = item
        elif _RENAMED.get(key, key) in accepted:
            if item is not None:
                arguments[_RENAMED.get(key, key)] = item
        elif key not in _NEUTRAL and item:
            report.add(f"{name}: {key}={item} is left out: training will differ")
    return optimizer_class(**arguments)


def _rate(value: Any, report: LoadReport) -> Any:
    if not isinstance(value, Mapping):
        return value
    own = value.get("config", {})
    report.add(f"learning rate schedule {value.get('class_name')} is left out: use a LearningRateScheduler")
    rate = own.get("initial_learning_rate", own.get("value", 0.001)) if isinstance(own, Mapping) else 0.001
    return rate if isinstance(rate, (int, float)) else 0.001
