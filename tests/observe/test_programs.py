"""What can be looked into, and with what arrays it is run."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc import ops
from graphc.errors import GraphcError
from graphc.graph import Graph
from graphc.keras import backend as K
from graphc.keras.layers import Dense
from graphc.keras.models import Sequential
from graphc.observe import programs_of, tell_story
from graphc.observe.programs import example_arrays, sizes_of


def test_programs_of_everything_that_has_some() -> None:
    x = graphc.placeholder((None, 3), name="x")
    y = ops.exp(x)
    f = graphc.function([x], y, name="f")
    assert programs_of(f) == {"f": f}
    for value in (y, [y], Graph((x,), (y,))):
        [(name, program)] = programs_of(value, "it").items()
        assert name == "it"
        np.testing.assert_array_equal(program(np.ones((2, 3), np.float32)), [np.full((2, 3), np.e, np.float32)])
    k = K.placeholder((None, 3))
    assert list(programs_of(K.function([k], [k * 2.0], name="doubled"))) == ["doubled"]
    with pytest.raises(GraphcError, match="cannot look into a dict"):
        programs_of({})


def test_a_compiled_model_has_two_programs() -> None:
    model = Sequential([Dense(2, input_shape=(3,))])
    assert list(programs_of(model)) == ["predict"]
    model.compile("sgd", "mse")
    assert list(programs_of(model)) == ["predict", "train"]


def test_sizes_come_from_arrays() -> None:
    x = graphc.placeholder((None, 3), name="x")
    plan = graphc.function([x, graphc.placeholder((4,), "int32")], ops.exp(x)).plan
    assert list(sizes_of(plan).values()) == [32]
    assert list(sizes_of(plan, [np.ones((5, 3))]).values()) == [5]
    first, second = example_arrays(plan)
    assert (first.shape, second.dtype, second.sum()) == ((32, 3), np.dtype("int32"), 0)


def test_images_are_as_large_as_their_windows_need() -> None:
    image = K.placeholder((None, None, None, 2))
    pooled = K.pool2d(K.pool2d(image, (7, 7), (7, 7)), (5, 5), (5, 5))
    [program] = programs_of(K.function([image], [pooled])).values()
    [array] = example_arrays(program.plan, rows=3)
    assert array.shape == (3, 64, 64, 2)
    assert program(array)[0].shape == (3, 1, 1, 2)
    assert list(sizes_of(program.plan, rows=2, extent=40).values()) == [2, 40, 40]


def test_a_story_tells_passes_members_and_code() -> None:
    x = graphc.placeholder((None, 3), name="x")
    w = graphc.state(np.ones((3, 2), np.float32), "w")
    f = graphc.function([x], ops.softmax(ops.tanh(x @ w.node) * 1.0))
    story = tell_story(f, [np.ones((5, 3), np.float32)])
    assert [step.name for step in story.steps][:2] == ["as built", "unify_dims"]
    assert any("x * 1 -> x" in why for step in story.steps for why in step.reasons.values())
    assert {n.op.name for members in story.members for n in members} >= {"matmul", "tanh", "exp"}
    assert set(story.code) == {launch.kernel for launch in f.plan.launches}
    for code in story.code.values():
        assert code["llvm"].startswith("define void @kernel_") and code["llvm"].endswith("}")
        assert "ret" in code["assembly"] and ".cfi" not in code["assembly"]
    assert len(story.times) == len(f.plan.launches)
    assert all(time.nanoseconds > 0 for time in story.times)
