"""EventFile: what TensorBoard reads, written through tensorboardX."""

from __future__ import annotations

import itertools
import os
import re
import struct
import time
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphc.errors import MissingPackageError
from graphc.graph import CONSTANT, Node, topological_order
from graphc.keras.utils.location import located

Array = np.ndarray[Any, Any]

_files = itertools.count()


class EventFile:
    """A new event file in `log_dir`, which is made where it is missing. Every call writes; nothing waits in a thread.

    Raises ImportError without tensorboardX.
    """

    def __init__(self, log_dir: str) -> None:
        protocol = load_protocol()
        os.makedirs(log_dir, exist_ok=True)
        # tensorboardX names files by the second: two trainings within one would write over each other.
        suffix = f".{os.getpid()}.{next(_files)}"
        self._protocol = protocol
        self._file: Any = protocol.event_file_writer.EventsWriter(os.path.join(log_dir, "events"), suffix)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        """Write a number."""
        self._add(step, tag=tag, simple_value=float(value))

    def add_histogram(self, tag: str, values: Array, step: int) -> None:
        """Write how the values are distributed; values that are not finite are left out."""
        finite = np.asarray(values, np.float64)[np.isfinite(values)]
        if finite.size:
            histogram = self._protocol.summary.make_histogram(finite, self._protocol.bins)
            self._add(step, tag=tag, histo=histogram)

    def add_image(self, tag: str, pixels: Array, step: int) -> None:
        """Write a matrix as a grey picture: from 0 to its largest value, or around a middle grey where it is signed."""
        height, width = pixels.shape
        image = self._protocol.summary_pb2.Summary.Image(
            height=height, width=width, colorspace=1, encoded_image_string=_png(_as_bytes(pixels))
        )
        self._add(step, tag=tag, image=image)

    def add_graph(self, roots: Iterable[Node]) -> None:
        """Write the graph that computes the nodes; operations of one layer make one box."""
        definition = self._protocol.graph_pb2.GraphDef(node=self._node_definitions(roots))
        definition.versions.producer = 22
        self._write(graph_def=definition.SerializeToString())

    def flush(self) -> None:
        """Bring what was written to the disk."""
        self._file.flush()

    def close(self) -> None:
        """Close the file; nothing can be written after that."""
        self._file.close()

    def _add(self, step: int, **value: Any) -> None:
        summary = self._protocol.summary_pb2.Summary
        self._write(step=int(step), summary=summary(value=[summary.Value(**value)]))

    def _write(self, **content: Any) -> None:
        self._file.write_event(self._protocol.event_pb2.Event(wall_time=time.time(), **content))

    def _node_definitions(self, roots: Iterable[Node]) -> list[Any]:
        names: dict[Node, str] = {}
        taken: set[str] = set()
        definitions = []
        for n in topological_order(tuple(roots)):
            names[n] = _unique_name(n, taken)
            definition = self._protocol.node_def_pb2.NodeDef(
                name=names[n], op=n.op.name, input=[names[i] for i in n.inputs]
            )
            shape = definition.attr["_output_shapes"].list.shape.add()
            for d in n.shape:
                shape.dim.add(size=d if isinstance(d, int) else -1)
            definitions.append(definition)
        return definitions


class Protocol:
    """The parts of tensorboardX that are used."""

    def __init__(self) -> None:
        # An optional package, and slow to import.
        from tensorboardX import event_file_writer, summary
        from tensorboardX.proto import event_pb2, graph_pb2, node_def_pb2, summary_pb2

        self.event_file_writer, self.summary = event_file_writer, summary
        self.event_pb2, self.graph_pb2, self.node_def_pb2, self.summary_pb2 = (
            event_pb2,
            graph_pb2,
            node_def_pb2,
            summary_pb2,
        )
        # As TensorFlow: each limit is 1.1 times the one before, on both sides of zero.
        positive = 1e-12 * 1.1 ** np.arange(774)
        self.bins = np.concatenate([-positive[::-1], [0.0], positive])


def load_protocol() -> Protocol:
    """Return tensorboardX's parts. Raises MissingPackageError, which says how to install it."""
    try:
        return Protocol()
    except ImportError as error:
        message = f"TensorBoard needs the package tensorboardX: `pip install graphc[tensorboard]` ({error})"
        raise MissingPackageError(located(message)) from error


def _unique_name(n: Node, taken: set[str]) -> str:
    layer = n.provenance.layer
    # A constant belongs beside what uses it; names of states have their layer in them.
    own = n.attrs.get("name") if n.op is not CONSTANT else None
    name = str(own) if own else f"{layer}/{n.op.name}" if layer else n.op.name
    name = re.sub(r"[^A-Za-z0-9_.\-/]", "_", name).lstrip("/_-") or n.op.name
    if name in taken:
        name = f"{name}_{n.serial}"
    taken.add(name)
    return name


def _as_bytes(pixels: Array) -> Array:
    finite = np.where(np.isfinite(pixels), pixels, 0.0)
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    grey = 128.0 + finite / largest * 127.0 if finite.min(initial=0.0) < 0 else finite / largest * 255.0
    return grey.astype(np.uint8)


def _png(pixels: Array) -> bytes:
    """Return a matrix of bytes as a grey PNG."""
    height, width = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
