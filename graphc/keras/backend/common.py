"""Settings that every Keras function reads: the float type, the fuzz factor, the order of image axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import OptionError, ShapeError
from graphc.keras.settings_file import read_settings
from graphc.keras.utils.location import located

_settings = read_settings()


def epsilon() -> float:
    """Return the fuzz factor that keeps logarithms and divisions finite (1e-7)."""
    return float(_settings["epsilon"])


def set_epsilon(e: float) -> None:
    """Set the fuzz factor."""
    _settings["epsilon"] = e


def floatx() -> str:
    """Return the default float dtype, `"float32"` unless set."""
    return str(_settings["floatx"])


def set_floatx(floatx: str) -> None:
    """Set the default float dtype: `"float16"`, `"float32"` or `"float64"`. Raises OptionError for others."""
    if floatx not in {"float16", "float32", "float64"}:
        raise OptionError(located(f"Unknown floatx type: {floatx}; expected float16, float32 or float64"))
    _settings["floatx"] = str(floatx)


def cast_to_floatx(x: Any) -> np.ndarray[Any, Any]:
    """Return the array (or number) as a NumPy array of the default float dtype."""
    return np.asarray(x, dtype=floatx())


def image_data_format() -> str:
    """Return the default order of image axes: `"channels_last"` unless set."""
    return str(_settings["image_data_format"])


def set_image_data_format(data_format: str) -> None:
    """Set the default order of image axes. Raises OptionError for an unknown one."""
    if data_format not in {"channels_last", "channels_first"}:
        raise OptionError(located(f"Unknown data_format: {data_format}"))
    _settings["image_data_format"] = str(data_format)


def normalize_data_format(value: str | None) -> str:
    """Return `value` in lower case, the default for None. Raises ShapeError for an unknown order of axes."""
    data_format = str(image_data_format() if value is None else value).lower()
    if data_format not in {"channels_first", "channels_last"}:
        raise ShapeError(
            located(f'The `data_format` argument must be one of "channels_first", "channels_last". Received: {value}')
        )
    return data_format


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Keras 1 name of `set_image_data_format`: `"tf"` is channels_last, `"th"` channels_first."""
    if dim_ordering not in {"tf", "th"}:
        raise OptionError(located(f"Unknown dim_ordering: {dim_ordering}"))
    set_image_data_format("channels_first" if dim_ordering == "th" else "channels_last")


def image_dim_ordering() -> str:
    """Keras 1 name of `image_data_format`: `"tf"` or `"th"`."""
    return "th" if image_data_format() == "channels_first" else "tf"
