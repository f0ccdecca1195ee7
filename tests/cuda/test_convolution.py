"""Convolutions by cuDNN: which contractions are such, how they are described to it, and what is left to us."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import DeviceError
from graphc.runtime import CudaDevice
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import NO_LIBRARIES, EmulatedCompiler, StandIn
from tests.cuda.stand_in_cudnn import StandInCudnn, numerical_note

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may go to the library goes there; 3 x 3 windows too."""
    monkeypatch.setenv("GRAPHC_CUDNN", "always")
    monkeypatch.setenv("GRAPHC_CUBLAS", "never")
    monkeypatch.setenv("GRAPHC_DISABLE", "use_winograd")


def chip(**options: Any) -> tuple[CudaDevice, StandIn, StandInCudnn]:
    stand_in = StandIn(order=3, **options)
    stand_in.prices["cudnn"] = 0.25
    library = StandInCudnn(stand_in)
    libraries = NO_LIBRARIES | {"cudnn": lambda: library}
    return CudaDevice(stand_in, compiler=EmulatedCompiler(), libraries=libraries), stand_in, library


# name -> (image without its number, filters, options)
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((7, 9, 3), (3, 2, 3, 5), {}),
    "padded": ((7, 9, 3), (3, 2, 3, 5), {"padding": ((1, 2), (0, 1))}),
    "strided": ((7, 9, 3), (3, 2, 3, 5), {"strides": (2, 3)}),
    "windows side by side": ((8, 9, 3), (2, 3, 3, 5), {"strides": (2, 3)}),
    "dilated": ((9, 11, 3), (3, 2, 3, 5), {"dilations": (2, 3)}),
    "columns strided alone": ((7, 11, 4), (1, 3, 4, 5), {"strides": (1, 2)}),
    "rows alone": ((9, 6, 3), (4, 1, 3, 5), {}),
    "columns alone": ((4, 9, 3), (1, 4, 3, 5), {"dilations": (1, 2)}),
    "one axis": ((11, 3), (4, 3, 5), {}),
    "one axis, strided and dilated": ((17, 3), (4, 3, 5), {"strides": (2,), "dilations": (1,)}),
    "one axis, dilated": ((17, 3), (4, 3, 5), {"dilations": (3,)}),
    "one channel": ((8, 9, 1), (3, 2, 1, 5), {}),
}


def program(device: Any, name: str) -> tuple[Any, list[Any]]:
    """Return a convolution with an epilogue, and its gradients; and arrays for it."""
    shape, filters, options = CASES[name]
    x, w = graphc.placeholder((None, *shape), name="x"), graphc.placeholder(filters, name="w")
    b = graphc.placeholder((filters[-1],), name="b")
    y = ops.convolution(x, w, **options)
    g = graphc.placeholder(y.shape, name="g")
    gradients = graphc.gradients(ops.sum(y * g), [x, w])
    with graphc.device(device):
        f = graphc.function([x, w, b, g], [ops.maximum(y + b, 0.0), gradients[0] * 2.0, gradients[1] + w])
    rng = np.random.default_rng(5)
    counts = (2, *(int(d) for d in y.shape[1:]))  # type: ignore[arg-type]
    shapes = ((2, *shape), filters, (filters[-1],), counts)
    return f, [rng.standard_normal(s).astype("float32") for s in shapes]


@pytest.mark.parametrize("name", CASES)
def test_convolutions_and_their_gradients_mean_the_same(name: str) -> None:
    device, _, library = chip()
    expected_of, arrays = program("cpu", name)
    f, _ = program(device, name)
    expected = expected_of(*arrays)
    for _ in range(3):
        for found, value in zip(f(*arrays), expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-4)
    kinds = [kind for kind, *_ in library.done]
    assert kinds.count("weights") == 2, "the third call replays"
    assert kinds.count("forward") >= 2


def test_what_the_library_is_told() -> None:
    device, _, library = chip()
    f, arrays = program(device, "padded")
    f(*arrays)
    image, filters, sums = (2, 3, 10, 10), (5, 3, 3, 2), (2, 5, 8, 9)
    assert ("forward", image, filters, sums) in library.done
    assert ("weights", image, sums, filters) in library.done
    assert ("forward", (2, 5, 9, 10), (3, 5, 3, 2), (2, 3, 7, 9)) in library.done


@pytest.mark.parametrize(("precision", "may_round"), [("float32", False), ("tf32", True), ("bfloat16", True)])
def test_tensor_cores_where_precision_allows_them(
    precision: str, may_round: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_MATMUL_PRECISION", precision)
    device, _, library = chip()
    f, arrays = program(device, "plain")
    f(*arrays)
    assert len(library.graphs) == 3
    for graph in library.graphs:
        assert (numerical_note.TENSOR_CORE not in graph.notes) is may_round
        assert set(numerical_note) - graph.notes <= {numerical_note.TENSOR_CORE}


def test_the_faster_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CUDNN", "measure")
    monkeypatch.setenv("GRAPHC_CACHE", "0")  # where the first choice would be remembered
    for price, taken in ((-5.0, "cudnn"), (9.0, "ours")):
        device, stand_in, library = chip()
        stand_in.prices["cudnn"] = price
        f, arrays = program(device, "padded")
        f(*arrays)
        assert [choice.taken for choice in device.choices.values()] == [taken] * 3
        assert all(facts.startswith("convolution ") for facts in device.choices)
        done = len(library.done)
        f(*arrays)
        assert (len(library.done) > done) is (taken == "cudnn")


def test_what_no_plan_takes_is_ours() -> None:
    device, _, library = chip()
    library.supports = False
    expected_of, arrays = program("cpu", "strided")
    f, _ = program(device, "strided")
    for found, value in zip(f(*arrays), expected_of(*arrays), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-4)
    assert library.done == []


def test_what_there_is_no_workspace_for_is_ours() -> None:
    device, _, library = chip(memory=200_000)
    library.workspace = 250_000
    f, arrays = program(device, "strided")
    f(*arrays)
    assert library.done == []


def test_a_library_that_fails_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CUDNN", "measure")
    device, _, library = chip()
    library.fails = True
    expected_of, arrays = program("cpu", "plain")
    f, _ = program(device, "plain")
    for found, value in zip(f(*arrays), expected_of(*arrays), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-4)
    assert {choice.taken for choice in device.choices.values()} == {"ours"}


def test_filters_that_are_updated_in_place() -> None:
    """The sums of a filter's gradient lie apart from it, so that the step may work in place."""
    start = np.random.default_rng(2).standard_normal((3, 2, 4, 5)).astype("float32")
    values = []
    rng = np.random.default_rng(3)
    images, other = (rng.standard_normal(s).astype("float32") for s in ((2, 7, 9, 4), (2, 5, 8, 5)))
    for device, library in (("cpu", None), chip()[::2]):
        w = graphc.state(start, "w")
        x, g = graphc.placeholder((None, 7, 9, 4), name="x"), graphc.placeholder((None, 5, 8, 5), name="g")
        [gradient] = graphc.gradients(ops.sum(ops.convolution(x, w.node) * g), [w.node])
        with graphc.device(device):
            step = graphc.function([x, g], [], [(w, w.node - 0.1 * gradient)])
        for _ in range(3):
            step(images, other)
        values.append(w.get_value())
        assert library is None or library.done
    np.testing.assert_allclose(values[1], values[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("in_place", [True, False])
def test_sums_do_not_go_where_an_operand_of_the_epilogue_lies(in_place: bool) -> None:
    device, _, library = chip()
    rng = np.random.default_rng(4)
    shapes = (2, 7, 9, 4), (3, 2, 4, 5), (2, 5, 8, 5)
    images, filters, start = (rng.standard_normal(s).astype("float32") for s in shapes)
    total, other = (graphc.state(start, name) for name in ("total", "other"))
    x, w = (graphc.placeholder(shape, name=name) for shape, name in zip(shapes, "xw"))
    sums = 0.5 * total.node + ops.convolution(x, w)
    target = total if in_place else other
    with graphc.device(device):
        graphc.function([x, w], [], [(target, sums)])(images, filters)
    with graphc.device("cpu"):
        expected = graphc.function([x, w], ops.convolution(x, w))
    np.testing.assert_allclose(target.get_value(), 0.5 * start + expected(images, filters), rtol=1e-4, atol=1e-4)
    assert bool(library.done) is not in_place


def test_empty_batches_are_ours() -> None:
    device, _, library = chip()
    f, (x, w, b, g) = program(device, "plain")
    sums, _, gradient = f(x[:0], w, b, g[:0])
    assert sums.shape == (0, *g.shape[1:])
    np.testing.assert_array_equal(gradient, w)
    assert library.done == []


@pytest.mark.parametrize(
    "build",
    [
        lambda x: ops.matmul(x, x),
        lambda x: ops.convolution(ops.cast(x, "float64"), np.ones((2, 3, 6, 5))),
        lambda x: ops.convolution(ops.expand_dims(x, 4), np.ones((2, 3, 4, 1, 5), "float32")),
    ],
    ids=["products in batches", "another dtype", "three axes"],
)
def test_what_is_no_such_convolution(build: Any) -> None:
    device, _, library = chip()
    x = graphc.placeholder((None, 7, 6, 6), name="x")
    with graphc.device(device):
        f = graphc.function([x], build(x))
    f(np.ones((2, 7, 6, 6), "float32"))
    assert library.done == []


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    device = CudaDevice(StandIn(), compiler=EmulatedCompiler(), libraries=NO_LIBRARIES)
    f, arrays = program(device, "plain")
    with pytest.raises(DeviceError, match="not installed"):
        f(*arrays)
    monkeypatch.setenv("GRAPHC_CUDNN", "measure")
    monkeypatch.setenv("GRAPHC_CUBLAS", "never")
    f, arrays = program(device, "plain")
    f(*arrays)
    assert device.choices == {}
