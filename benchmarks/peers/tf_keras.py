"""tf_keras, the last Keras 2, on TensorFlow with jit_compile."""

from __future__ import annotations

import tensorflow
import tf_keras
from entry import Entry
from fresh import first_result_entry, import_entry

from peers import keras_like


def prepare(case: str, variant: str, threads: int, quick: bool) -> Entry:
    """Return the entry of a case."""
    if case == "import_time":
        return import_entry("tf_keras")
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    if case == "first_result":
        return first_result_entry("tf_keras", quick)
    return keras_like.train(tf_keras, case, quick)
