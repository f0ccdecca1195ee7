"""Weights of layers to an open h5py group and back, for code that opens files itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras.saving.convert_weights import Origin
from graphc.keras.saving.errors import ModelFileError
from graphc.keras.saving.hdf5_objects import read_group, write_group
from graphc.keras.saving.layer_weights import layers_to_group, load_by_name, load_in_order, origin_of_weights
from graphc.keras.saving.report import LoadReport
from graphc.keras.saving.tree import Group


def save_weights_to_hdf5_group(f: Any, layers: Sequence[Any]) -> None:
    """Write the layers' weights to an open h5py file or group."""
    write_group(layers_to_group(layers), f)


def load_weights_from_hdf5_group(f: Any, layers: Sequence[Any], reshape: bool = False) -> None:
    """Set the layers' weights in order from an open h5py file or group, the one that has `layer_names`.

    `reshape` gives convolution kernels the layer's shape. Raises ModelFileError (an OSError and ValueError) where the
    group does not fit; then nothing changes.
    """
    weights, origin = _opened(f)
    load_in_order(weights, layers, origin, reshape)


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Sequence[Any], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Set the weights of those layers whose names the open h5py file or group has.

    `skip_mismatch` leaves what does not fit, with a warning. Otherwise as `load_weights_from_hdf5_group`.
    """
    weights, origin = _opened(f)
    load_by_name(weights, layers, origin, skip_mismatch, reshape)


def _opened(f: Any) -> tuple[Group, Origin]:
    weights = read_group(f)
    if not weights.has_names("layer_names"):
        raise ModelFileError(f"{f!r} has no `layer_names`: whole models keep them in the group `model_weights`")
    return weights, origin_of_weights(weights, None, LoadReport())
