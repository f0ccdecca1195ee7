"""multi_gpu_model names the devices that there are."""

from typing import Any

import pytest

from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.keras.utils import multi_gpu_model
from graphc.keras.utils.multi_gpu_utils import _get_available_devices, _normalize_device_name


@pytest.mark.parametrize("gpus", [None, 0, 1, [], [3]])
def test_too_few_are_asked_for(gpus: Any) -> None:
    with pytest.raises(ValueError, match=r"at least 2 GPUs.*\['/cpu:0'\]"):
        multi_gpu_model(Sequential([Dense(2, input_shape=(3,))]), gpus=gpus)


@pytest.mark.parametrize("gpus, missing", [(2, "'/gpu:0', '/gpu:1'"), ([1, 4, 6], "'/gpu:1', '/gpu:4', '/gpu:6'")])
def test_they_are_not_there(gpus: Any, missing: str) -> None:
    with pytest.raises(ValueError, match=rf"{missing}\] should be available. This machine has only \['/cpu:0'\]"):
        multi_gpu_model(Sequential([Dense(2, input_shape=(3,))]), gpus)


def test_names_of_devices() -> None:
    assert [_normalize_device_name(name) for name in _get_available_devices()] == ["/cpu:0"]
    assert _normalize_device_name("/job:localhost/replica:0/task:0/device:GPU:3") == "/gpu:3"
    assert _normalize_device_name("/gpu:12") == "/gpu:12"
