"""TensorBoard: what stands in the event files, as a reader of the format sees it."""

import itertools
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras.callbacks import Callback, CallbackList, ReduceLROnPlateau, TensorBoard
from graphc.keras.layers import Dense, Dropout, Embedding, Flatten, Input
from graphc.keras.models import Model, Sequential

pytest.importorskip("tensorboardX")

GENERATOR = np.random.default_rng(29)
X = GENERATOR.normal(size=(20, 6)).astype("float32")
Y = GENERATOR.normal(size=(20, 2)).astype("float32")


def events(folder: Path) -> list[Any]:
    """Return the events of the folder's files: records of length, check sum, bytes, check sum."""
    from tensorboardX.crc32c import crc32c
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("*tfevents*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            record = data[at + 12 : at + 12 + length]
            sums = struct.unpack_from("<I", data, at + 8) + struct.unpack_from("<I", data, at + 12 + length)
            for part, expected in zip((data[at : at + 8], record), sums):
                plain = crc32c(part)
                assert (((plain >> 15) | (plain << 17)) + 0xA282EAD8) % 2**32 == expected
            found.append(Event.FromString(record))
            at += 16 + length
    return found


def values(folder: Path, kind: str) -> dict[str, list[tuple[int, Any]]]:
    """Return tag -> [(step, value)] of all summaries of one kind."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.WhichOneof("value") == kind:
                found.setdefault(value.tag, []).append((event.step, getattr(value, kind)))
    return found


def model() -> Any:
    built = Sequential([Dense(4, input_shape=(6,), name="first"), Dropout(0.5), Dense(2, name="second")])
    built.compile("sgd", "mse", metrics=["mae"])
    return built


def test_metrics_of_epochs(tmp_path: Path) -> None:
    history = model().fit(X, Y, epochs=3, validation_split=0.2, verbose=0, callbacks=[TensorBoard(str(tmp_path))])
    written = values(tmp_path, "simple_value")
    assert set(written) == set(history.history)
    for name, expected in history.history.items():
        assert [step for step, _ in written[name]] == [0, 1, 2]
        assert [value for _, value in written[name]] == pytest.approx(expected, rel=1e-6)
    assert events(tmp_path)[0].file_version == "brain.Event:2"


@pytest.mark.parametrize("update_freq, expected", [("batch", [6, 12, 18, 20]), (9, [12]), (1, [6, 12, 18, 20])])
def test_metrics_of_samples(tmp_path: Path, update_freq: Any, expected: list[int]) -> None:
    callback = TensorBoard(str(tmp_path), update_freq=update_freq, write_graph=False)
    history = model().fit(X, Y, batch_size=6, callbacks=[callback], verbose=0).history
    written = values(tmp_path, "simple_value")["loss"]
    # The last entry is the epoch's average.
    assert [step for step, _ in written] == [*expected, 20]
    assert written[-1][1] == pytest.approx(history["loss"][0], rel=1e-6)


def test_epochs_stay_native_without_batches() -> None:
    assert CallbackList([TensorBoard()]).ignore_batches()
    assert not CallbackList([TensorBoard(update_freq=7)]).ignore_batches()

    class Counting(TensorBoard):
        pass

    assert not CallbackList([Counting()]).ignore_batches()


def test_numbers_of_every_kind_are_written(tmp_path: Path) -> None:
    class More(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs.update(plain=0.5, scalar=np.float32(1.5), array=np.array([2.5]))

    callbacks = [More(), ReduceLROnPlateau("loss"), TensorBoard(str(tmp_path), write_graph=False)]
    model().fit(X, Y, callbacks=callbacks, verbose=0)
    written = {name: entries[0][1] for name, entries in values(tmp_path, "simple_value").items()}
    assert [written[name] for name in ("plain", "scalar", "array")] == [0.5, 1.5, 2.5]
    assert written["lr"] == pytest.approx(0.01)


def test_histograms_of_weights_outputs_and_gradients(tmp_path: Path) -> None:
    built = model()
    K.set_value(built.optimizer.lr, 0.0)
    callback = TensorBoard(str(tmp_path), histogram_freq=2, batch_size=5, write_grads=True, write_graph=False)
    built.fit(X, Y, epochs=3, validation_data=(X[:7], Y[:7]), callbacks=[callback], verbose=0)
    written = values(tmp_path, "histo")
    weights = ["first/kernel_0", "first/bias_0", "second/kernel_0", "second/bias_0"]
    outputs = ["first_out", "dropout_1_out", "second_out"]
    assert {tag.replace(built.layers[1].name, "dropout_1") for tag in written} == {
        *weights, *outputs, *(f"{tag}_grad" for tag in weights),
    }  # fmt: skip
    kernel = built.get_weights()[0]
    assert [step for step, _ in written["first/kernel_0"]] == [0, 2]
    histogram = written["first/kernel_0"][0][1]
    assert histogram.num == 24
    assert (histogram.min, histogram.max) == pytest.approx((kernel.min(), kernel.max()))
    assert sum(histogram.bucket) == 24
    # Two batches of validation data in each of the epochs 0 and 2.
    assert [(step, h.num) for step, h in written["second_out"]] == [(0, 10), (0, 4), (2, 10), (2, 4)]
    predicted = built.predict(X[:5])
    assert written["second_out"][0][1].sum == pytest.approx(predicted.sum(), rel=1e-4)
    # d(mean of squares) / d(bias), in test phase: no dropout.
    expected = (2 * (predicted - Y[:5]).mean(0) / 2).sum()
    assert written["second/bias_0_grad"][0][1].sum == pytest.approx(expected, rel=1e-4)


def test_pictures_of_weights(tmp_path: Path) -> None:
    callback = TensorBoard(str(tmp_path), histogram_freq=1, write_images=True, write_graph=False)
    built = model()
    built.fit(X, Y, validation_data=(X, Y), callbacks=[callback], verbose=0)
    written = {tag: entries[0][1] for tag, entries in values(tmp_path, "image").items()}
    assert (written["first/kernel_0/image/0"].width, written["first/kernel_0/image/0"].height) == (6, 4)
    assert (written["first/bias_0/image/0"].width, written["first/bias_0/image/0"].height) == (4, 1)
    png = written["first/kernel_0/image/0"].encoded_image_string
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    begin = png.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompress(png[begin:]), np.uint8).reshape(4, 7)[:, 1:]
    kernel = built.get_weights()[0].T
    np.testing.assert_allclose(rows, 128 + 127 * kernel / np.abs(kernel).max(), atol=1)


def test_graph_of_operations(tmp_path: Path) -> None:
    from tensorboardX.proto.graph_pb2 import GraphDef

    model().fit(X, Y, callbacks=[TensorBoard(str(tmp_path))], verbose=0)
    (definition,) = [GraphDef.FromString(event.graph_def) for event in events(tmp_path) if event.graph_def]
    names = [n.name for n in definition.node]
    assert len(set(names)) == len(names)
    for position, n in enumerate(definition.node):
        assert all(names.index(i) < position for i in n.input)
    assert {"first", "second"} <= {name.split("/")[0] for name in names}
    (kernel,) = [n for n in definition.node if n.name == "first/kernel"]
    assert [d.size for d in kernel.attr["_output_shapes"].list.shape[0].dim] == [6, 4]
    assert any(n.op == "matmul" and kernel.name in n.input for n in definition.node)


def test_embeddings(tmp_path: Path) -> None:
    words = Input((3,), name="words")
    other = Input((2,), name="other")
    embedded = Embedding(11, 5, name="table")(words)
    built = Model([words, other], [Dense(1)(Flatten()(embedded)), Dense(1, name="plain")(other)])
    built.compile("sgd", "mse")
    data = [np.arange(33).reshape(11, 3) % 11, np.ones((11, 2))]
    callback = TensorBoard(
        str(tmp_path), embeddings_freq=1, embeddings_data=data, embeddings_metadata={"table": 'a"b.tsv'}, batch_size=4
    )
    built.fit(data, [np.ones(11), np.ones(11)], callbacks=[callback], verbose=0)
    table = np.loadtxt(tmp_path / "table_embedding.tsv", delimiter="\t")
    expected = built.get_layer("table").get_weights()[0][data[0]].reshape(11, 15)
    np.testing.assert_allclose(table, expected, rtol=1e-6)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "table_embedding.tsv"' in config
    assert r'metadata_path: "a\"b.tsv"' in config
    assert "plain" not in config


def test_missing_data_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="validation_data must be provided"):
        model().fit(X, Y, callbacks=[TensorBoard(str(tmp_path), histogram_freq=1)], verbose=0)
    batches = itertools.repeat((X, Y))
    with pytest.raises(ValueError, match="cannot be a generator"):
        model().fit_generator(
            batches, 1, validation_data=batches, validation_steps=1, verbose=0,
            callbacks=[TensorBoard(str(tmp_path), histogram_freq=1)],
        )  # fmt: skip
    with pytest.raises(ValueError, match="embeddings_data must be provided"):
        model().fit(X, Y, callbacks=[TensorBoard(str(tmp_path), embeddings_freq=1)], verbose=0)


def test_trainings_in_one_second_have_files_of_their_own(tmp_path: Path) -> None:
    built = model()
    callback = TensorBoard(str(tmp_path), write_graph=False)
    for epoch in range(3):
        built.fit(X, Y, epochs=epoch + 1, initial_epoch=epoch, callbacks=[callback], verbose=0)
    assert len(list(tmp_path.glob("*tfevents*"))) == 3
    assert sorted(step for step, _ in values(tmp_path, "simple_value")["loss"]) == [0, 1, 2]


def test_not_finite_values_are_left_out(tmp_path: Path) -> None:
    built = model()
    kernel = built.get_weights()[0]
    kernel[0, 0], kernel[1, 1] = np.nan, np.inf
    K.set_value(built.optimizer.lr, 0.0)
    built.layers[0].set_weights([kernel, np.full(4, np.nan)])
    callback = TensorBoard(str(tmp_path), histogram_freq=1, write_images=True, write_graph=False)
    callback.validation_data = [X, Y, np.ones(20), 0.0]
    callback.set_model(built)
    callback.on_epoch_end(0, {"loss": float("nan")})
    callback.on_train_end()
    written = values(tmp_path, "histo")
    assert written["first/kernel_0"][0][1].num == 22
    assert "first/bias_0" not in written
    assert np.isnan(values(tmp_path, "simple_value")["loss"][0][1])


@pytest.mark.parametrize(
    "module, use", [("tensorboardX", "TensorBoard()"), ("requests", "RemoteMonitor().on_epoch_end(0)")]
)
def test_missing_package_is_named(module: str, use: str) -> None:
    script = f"""
import sys
sys.modules[{module!r}] = None
from graphc.keras.callbacks import RemoteMonitor, TensorBoard
try:
    {use}
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert module in done.stdout and "pip install" in done.stdout
