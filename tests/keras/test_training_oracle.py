"""Training against Keras 2.2.4: every step's losses and weights, predictions, `fit` and `evaluate`."""

from typing import Any

import pytest

from graphc.keras import models, optimizers
from graphc.keras.utils.generic_utils import to_list
from tests.keras.oracle import Case, load, names


def _arrays(case: Case, prefix: str) -> list[Any]:
    found = []
    while f"{prefix}_{len(found)}" in case.arrays:
        found.append(case.arrays[f"{prefix}_{len(found)}"])
    return found


def _model(case: Case) -> Any:
    model = models.model_from_config(case.facts["model"])
    model.set_weights(_arrays(case, "weight_init"))
    chosen = case.facts["optimizer"]
    optimizer = getattr(optimizers, chosen["class_name"])(**chosen["ctor_kwargs"])
    model.compile(optimizer, loss=case.facts["loss"], **case.facts["compile_kwargs"])
    assert model.metrics_names == case.facts["metrics_names"]
    return model


def _check_weights(case: Case, model: Any, prefix: str) -> None:
    for actual, expected in zip(model.get_weights(), _arrays(case, prefix), strict=True):
        case.check(actual, expected)


def _check_predictions(case: Case, model: Any, prefix: str) -> None:
    batch = [a[: case.facts["batch_size"]] for a in _arrays(case, "x")]
    for actual, expected in zip(to_list(model.predict_on_batch(batch)), _arrays(case, prefix), strict=True):
        case.check(actual, expected)


@pytest.mark.parametrize("name", names("training"))
def test_training_run(name: str) -> None:
    case = load("training", name)
    model = _model(case)
    x, y, size = _arrays(case, "x"), _arrays(case, "y"), case.facts["batch_size"]
    for actual, expected in zip(
        to_list(model.predict_on_batch([a[:size] for a in x])), _arrays(case, "predict_before")
    ):
        case.check(actual, expected)
    for step in range(case.facts["steps"]):
        if step in case.facts.get("reset_states_before_step", ()):
            model.reset_states()
        start = step % case.facts["n_batches"] * size
        rows = slice(start, start + size)
        results = to_list(model.train_on_batch([a[rows] for a in x], [a[rows] for a in y]))
        case.check(results, case.arrays["train_on_batch"][step])
        if step == 0:
            _check_weights(case, model, "weight_step1")
    _check_weights(case, model, "weight_final")
    model.reset_states()
    _check_predictions(case, model, "predict_after")
    model.reset_states()
    case.check(to_list(model.evaluate(x, y, batch_size=size, verbose=0)), case.arrays["evaluate_after"])


@pytest.mark.parametrize("name", names("training_api"))
def test_training_api(name: str) -> None:
    case = load("training_api", name)
    model = _model(case)
    x, y, call, result = _arrays(case, "x"), _arrays(case, "y"), case.facts["call"], case.facts["result"]
    weights = case.arrays.get("sample_weight")
    if call["method"] == "fit":
        classes = {int(key): value for key, value in call["class_weight"].items()} if "class_weight" in call else None
        history = model.fit(x, y, sample_weight=weights, class_weight=classes, **call["kwargs"]).history
        assert set(history) == set(result)
        for key, expected in result.items():
            case.check(history[key], expected)
        _check_weights(case, model, "weight_final")
        return
    size = call["batch_size"]
    if "train_on_batch" in result:
        for expected in result["train_on_batch"]:
            case.check(to_list(model.train_on_batch(x[0][:size], y[0][:size], sample_weight=weights[:size])), expected)
        _check_weights(case, model, "weight_final")
        return
    case.check(model.evaluate(x, y, batch_size=size, verbose=0), result["evaluate"])
    case.check(
        model.evaluate(x, y, batch_size=size, sample_weight=weights, verbose=0), result["evaluate_sample_weight"]
    )
    rows = slice(0, 4)
    case.check(
        model.test_on_batch(x[0][rows], y[0][rows], sample_weight=weights[rows]),
        result["test_on_batch_sample_weight"],
    )
