"""Model files that released Keras versions wrote: what they predict here, and how they train on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras.models import load_model, model_from_json, model_from_yaml
from graphc.keras.saving import audit_file
from graphc.keras.utils.generic_utils import to_list
from tests.keras.oracle import ROOT

FOLDER = ROOT / "saved_models"
MODELS = sorted(path.parent for path in FOLDER.glob("*/*/meta.json"))
# Where training on from the file gives other numbers, and why.
OTHER_TRAINING = {
    "keras_1.2.2_theano/cnn_tf": "Theano pads 'same' convolutions and normalises batches in another way",
    "keras_1.2.2_theano/cnn_th": "Theano pads 'same' convolutions and normalises batches in another way",
}
OTHER_ENGINES = ("tf_keras_2.17/", "tf_keras_2.17_legacy", "keras_3.6/")
# Newer versions compute the same step here: Adam, and the RMSprop of the older optimizers.
SAME_STEP = ("tf_keras_2.17/nested", "keras_3.6/nested", "legacy_optimizers/nested", "legacy_optimizers/multi_io")


def cases(names: tuple[str, ...]) -> list[Any]:
    found = [
        pytest.param(folder, name, id=f"{folder.relative_to(FOLDER)}/{name}")
        for folder in MODELS
        for name in names
        if (folder / name).exists()
    ]
    if not found:
        return [pytest.param(None, "", marks=pytest.mark.skip(reason=f"no reference files at {FOLDER}"))]
    return found


class Case:
    """A folder's facts and arrays."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder.relative_to(FOLDER))
        self.facts = json.loads((folder / "meta.json").read_text())
        with np.load(folder / "io.npz") as archive:
            self.arrays = {key: archive[key] for key in archive.files}

    def listed(self, key: str, count: str) -> list[Any]:
        return [self.arrays[f"{key}_{i}"] for i in range(self.facts[count])]

    def check_predictions(self, model: Any) -> None:
        inputs = self.listed("input", "n_inputs")
        outputs = self.listed("predict", "n_outputs")
        for mine, theirs in zip(to_list(model.predict(inputs)), outputs, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    K.clear_session()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder,name", cases(("full.h5", "full_nooptimizer.h5", "legacy_full.h5", "model.keras")))
def test_a_model_file_predicts_what_its_writer_predicted(folder: Path, name: str) -> None:
    case = Case(folder)
    model = load_model(folder / name)
    case.check_predictions(model)
    inputs, targets = case.listed("input", "n_inputs"), case.listed("target", "n_outputs")
    if "continue_train_on_batch" not in case.arrays or model.optimizer is None or case.name in OTHER_TRAINING:
        return
    if case.name.startswith(OTHER_ENGINES) and not case.name.endswith(SAME_STEP):
        return
    for step, expected in enumerate(case.arrays["continue_train_on_batch"]):
        rows = slice(4 * step, 4 * step + 4)
        values = model.train_on_batch([x[rows] for x in inputs], [y[rows] for y in targets])
        # Newer versions report other sums after the total.
        np.testing.assert_allclose(to_list(values)[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder,name", cases(("architecture.json", "architecture.yaml")))
def test_an_architecture_and_its_weight_file_predict_what_their_writer_predicted(folder: Path, name: str) -> None:
    if str(folder).endswith("keras_1.2.2_theano/sequential_merge"):
        pytest.skip(
            "without the weights an architecture does not tell that SReLU is Theano's, which caps its left line"
        )
    case = Case(folder)
    read = model_from_json if name.endswith("json") else model_from_yaml
    model = read((folder / name).read_text())
    weights = next(folder / name for name in ("weights.h5", "model.weights.h5") if (folder / name).exists())
    model.load_weights(weights)
    case.check_predictions(model)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder,name", cases(("full.h5", "legacy_full.h5", "model.keras")))
def test_conversions_are_reported(folder: Path, name: str) -> None:
    case = Case(folder)
    report = load_model(folder / name).load_report
    if case.name.startswith("keras_2.2.4_tensorflow"):
        assert report == []
    if case.name.startswith("keras_1"):
        assert any("converted from Keras 1" in sentence for sentence in report)
    if case.name in ("keras_2.2.4_theano/cnn", "keras_1.2.2_theano/cnn_th"):
        assert any("rotated by 180 degrees" in sentence for sentence in report)
    if name == "model.keras":
        assert "the file is a .keras archive" in report[0]


@pytest.mark.parametrize("folder,name", cases(("full.h5", "legacy_full.h5", "model.keras", "architecture.json")))
def test_an_audit_tells_of_every_layer_without_a_problem(folder: Path, name: str) -> None:
    found = audit_file(folder / name)
    assert found.problems == []
    assert all(need.endswith("not known here") for need in found.needs)
    assert "Dense" in found.facts["layers"]
    # An architecture of Keras 3 tells no version.
    told = ("not told",) if name.endswith("json") else ()
    assert found.facts["keras"].startswith(("1.2.2", "2.2.4", "2.17", "3.6", *told))
