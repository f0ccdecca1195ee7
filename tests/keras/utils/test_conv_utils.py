"""Lengths of convolutions: the formulas against the layers that they speak of; options and their errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras import backend as K
from graphc.keras.utils import conv_utils


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("size", "stride", "dilation"), [(3, 1, 1), (4, 2, 1), (2, 3, 1), (3, 1, 2)])
def test_output_length_is_the_length_of_the_output(size: int, stride: int, dilation: int, padding: str) -> None:
    for length in (7, 8, 9):
        y = K.conv1d(np.zeros((2, length, 3)), np.zeros((size, 3, 4)), stride, padding, None, dilation)
        assert conv_utils.conv_output_length(length, size, padding, stride, dilation) == y.shape[1]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 3)])
def test_lengths_of_transposed_convolutions_lead_back(size: int, stride: int, padding: str) -> None:
    for length in (4, 5):
        for more in (None, 0, stride - 1):
            back = conv_utils.deconv_length(length, stride, size, padding, more)
            assert back is not None
            assert conv_utils.conv_output_length(back, size, padding, stride) == length


def test_full_padding() -> None:
    assert conv_utils.conv_output_length(5, 3, "full", 1) == 7
    assert conv_utils.conv_input_length(7, 3, "full", 1) == 5
    assert conv_utils.deconv_length(7, 1, 3, "full", None) == 5
    assert conv_utils.deconv_length(7, 1, 3, "full", 0) == 5


def test_unknown_lengths_stay_unknown() -> None:
    assert conv_utils.conv_output_length(None, 3, "valid", 1) is None
    assert conv_utils.conv_input_length(None, 3, "valid", 1) is None
    assert conv_utils.deconv_length(None, 1, 3, "valid", None) is None


def test_input_length_undoes_output_length() -> None:
    assert conv_utils.conv_input_length(4, 3, "valid", 2) == 9
    assert conv_utils.conv_output_length(9, 3, "valid", 2) == 4
    assert conv_utils.conv_input_length(5, 3, "same", 1) == 5


def test_turned_kernels() -> None:
    kernel = np.arange(24.0).reshape(2, 3, 1, 4)
    turned = conv_utils.convert_kernel(kernel)
    np.testing.assert_array_equal(turned, kernel[::-1, ::-1])
    np.testing.assert_array_equal(conv_utils.convert_kernel(turned), kernel)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (conv_utils.normalize_tuple, (None, 2, "size"), "`size` argument must be a tuple of 2"),
        (conv_utils.normalize_tuple, ((1, 2, 3), 2, "size"), "Received: \\(1, 2, 3\\)"),
        (conv_utils.normalize_tuple, (("a", 2), 2, "size"), "tuple of 2 integers"),
        (conv_utils.normalize_steps, ((0, 2), 2, "strides"), "`strides` argument must be above 0"),
        (conv_utils.normalize_padding, ("diagonal",), "Received: diagonal"),
        (conv_utils.convert_kernel, (np.zeros((3, 4)),), "kernel shape"),
        (conv_utils.conv_output_length, (5, 3, "diagonal", 1), "diagonal"),
        (conv_utils.conv_input_length, (5, 3, "diagonal", 1), "diagonal"),
        (conv_utils.deconv_length, (5, 1, 3, "diagonal", None), "diagonal"),
    ],
)
def test_impossible_arguments(call: Any, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call(*arguments)
