"""Keras 2's module of downloads and of batches made ahead."""

from graphc.keras.utils.enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from graphc.keras.utils.files import _extract_archive, _hash_file, get_file, validate_file
from graphc.keras.utils.sequence import Sequence

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "Sequence",
    "SequenceEnqueuer",
    "_extract_archive",
    "_hash_file",
    "get_file",
    "validate_file",
]
