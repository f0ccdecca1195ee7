"""TensorBoard: metrics, histograms, the graph, pictures of weights and embeddings, for TensorBoard to show."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.callbacks.callback import Callback
from graphc.keras.callbacks.event_file import EventFile, load_protocol
from graphc.keras.utils.generic_utils import to_list

Array = np.ndarray[Any, Any]

# TensorFlow writes the first three of a batch of pictures.
_IMAGES_OF_A_WEIGHT = 3


class TensorBoard(Callback):
    """Writes event files to `log_dir`; `tensorboard --logdir LOG_DIR` shows them. Needs the extra `tensorboard`.

    - Losses and metrics: each epoch, each batch (`update_freq="batch"`), or every `update_freq` samples.
    - `histogram_freq` (epochs; 0: never): histograms of weights and of the layers' outputs for the validation data,
      which must be arrays; with `write_grads` of the gradients. They are computed in batches of `batch_size`.
    - `write_images`: with the histograms, weights of up to three axes as pictures.
    - `write_graph`: the graph of operations, by layers.
    - `embeddings_freq` (epochs): the outputs of `embeddings_layer_names` (default: all Embedding layers) for
      `embeddings_data`, with `embeddings_metadata` (a file for all layers, or a dict of files by layer).

    Raises ImportError without tensorboardX; ValueError at an epoch's end where the data for histograms or embeddings
    are missing.
    """

    def __init__(
        self,
        log_dir: str = "./logs",
        histogram_freq: int = 0,
        batch_size: int = 32,
        write_graph: bool = True,
        write_grads: bool = False,
        write_images: bool = False,
        embeddings_freq: int = 0,
        embeddings_layer_names: Sequence[str] | None = None,
        embeddings_metadata: str | Mapping[str, str] | None = None,
        embeddings_data: Any = None,
        update_freq: str | int = "epoch",
    ) -> None:
        super().__init__()
        load_protocol()
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.batch_size = batch_size
        self.write_graph = write_graph
        self.write_grads = write_grads
        self.write_images = write_images
        self.embeddings_freq = embeddings_freq
        self.embeddings_layer_names = embeddings_layer_names
        self.embeddings_metadata = embeddings_metadata or {}
        self.embeddings_data = embeddings_data
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.samples_seen = 0
        self.samples_seen_at_last_write = 0
        self._observed: tuple[list[str], Any] | None = None

    @property
    def ignores_batches(self) -> bool:
        """Whether the ends of batches are of no interest, so that epochs may run in native code."""
        return self.update_freq == "epoch"

    def set_model(self, model: Any) -> None:
        """Open a file, and write the graph."""
        self.model = model
        self._observed = None
        self.writer = EventFile(self.log_dir)
        if self.write_graph:
            self.writer.add_graph(
                x.node for x in (model.total_loss, *model.metrics_tensors, *model.outputs) if K.is_tensor(x)
            )
            self.writer.flush()

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write the metrics where enough samples have gone by."""
        logs = logs or {}
        if self.update_freq == "epoch":
            return
        self.samples_seen += logs.get("size", 0)
        if self.samples_seen - self.samples_seen_at_last_write >= int(self.update_freq):
            self._write_logs(logs, self.samples_seen)
            self.samples_seen_at_last_write = self.samples_seen

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the metrics, and what else it is time for."""
        if self.histogram_freq and not self.validation_data:
            raise GraphError("If printing histograms, validation_data must be provided, and cannot be a generator.")
        if self.embeddings_freq and self.embeddings_data is None:
            raise GraphError("To visualize embeddings, embeddings_data must be provided.")
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
            self._write_observed(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        self._write_logs(logs or {}, epoch if self.update_freq == "epoch" else self.samples_seen)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        self.writer.close()

    def _write_logs(self, logs: Mapping[str, Any], step: int) -> None:
        for name, value in logs.items():
            if name not in ("batch", "size"):
                self.writer.add_scalar(name, np.asarray(value).item(), step)
        self.writer.flush()

    def _write_weights(self, epoch: int) -> None:
        for layer in self.model.layers:
            for weight, value in zip(layer.weights, layer.get_weights()):
                tag = _tag(weight)
                self.writer.add_histogram(tag, value, epoch)
                if self.write_images:
                    for i, pixels in enumerate(_pictures(value)):
                        self.writer.add_image(f"{tag}/image/{i}", pixels, epoch)

    def _observe(self) -> tuple[list[str], Any]:
        """Return the tags and a function of a batch's arrays: outputs of layers, and gradients."""
        model = self.model
        tags: list[str] = []
        tensors: list[Any] = []
        for layer in model.layers:
            outputs = getattr(layer, "output", None)
            if outputs is None:
                continue
            several = isinstance(outputs, list)
            for i, x in enumerate(to_list(outputs)):
                tags.append(f"{layer.name}_out_{i}" if several else f"{layer.name}_out")
                tensors.append(x)
        if self.write_grads:
            weights = [w for layer in model.layers for w in layer.trainable_weights]
            tags += [f"{_tag(w)}_grad" for w in weights]
            tensors += model.optimizer.get_gradients(model.total_loss, weights)
        fed = [*model._feed_inputs, *model._feed_targets, *model._feed_sample_weights, *model._phase_input()]
        return tags, K.function(fed, tensors)

    def _write_observed(self, epoch: int) -> None:
        if self._observed is None:
            self._observed = self._observe()
        tags, function = self._observed
        for batch in self._batches(self.validation_data):
            for tag, values in zip(tags, function(batch)):
                self.writer.add_histogram(tag, values, epoch)

    def _batches(self, arrays: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield batches of rows; the learning phase, a float, is not sliced."""
        for start in range(0, len(arrays[0]), self.batch_size):
            yield [a if isinstance(a, float) else a[start : start + self.batch_size] for a in arrays]

    def _write_embeddings(self) -> None:
        model = self.model
        names = self.embeddings_layer_names or [x.name for x in model.layers if type(x).__name__ == "Embedding"]
        arrays, _, _ = model._standardize_user_data(self.embeddings_data)
        layers = [layer for layer in model.layers if layer.name in names]
        function = K.function([*model._feed_inputs, *model._phase_input()], [layer.output for layer in layers])
        batches = [function(batch) for batch in self._batches([*arrays, *model._phase_value(0.0)])]
        entries = []
        for layer, parts in zip(layers, zip(*batches)):
            values = np.concatenate(parts)
            table = f"{layer.name}_embedding.tsv"
            np.savetxt(os.path.join(self.log_dir, table), values.reshape(len(values), -1), delimiter="\t", fmt="%.9g")
            entries.append(_projector_entry(layer.name, table, self._metadata_of(layer.name)))
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.writelines(entries)

    def _metadata_of(self, name: str) -> str | None:
        given = self.embeddings_metadata
        return given if isinstance(given, str) else given.get(name)


def _tag(weight: Any) -> str:
    return str(weight.name).replace(":", "_")


def _projector_entry(name: str, table: str, metadata: str | None) -> str:
    fields = {"tensor_name": name, "tensor_path": table, "metadata_path": metadata}
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in fields.items() if value is not None)
    return f"embeddings {{\n{lines}}}\n"


def _pictures(value: Array) -> list[Array]:
    """Return the first pictures of a weight: a vector is a row, a matrix is wide, three axes are kernels."""
    squeezed = np.squeeze(value)
    if squeezed.ndim == 1:
        return [squeezed[None, :]]
    if squeezed.ndim == 2:
        return [squeezed if squeezed.shape[0] <= squeezed.shape[1] else squeezed.T]
    if squeezed.ndim == 3:
        stacked = np.moveaxis(squeezed, -1, 0) if K.image_data_format() == "channels_last" else squeezed
        return list(stacked[:_IMAGES_OF_A_WEIGHT])
    return []
