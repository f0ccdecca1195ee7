"""Graphs of layers: several inputs and outputs, shared and nested models, configs, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError
from graphc.keras import backend as K
from graphc.keras.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    add,
)
from graphc.keras.models import (
    Model,
    Sequential,
    clone_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
)

HERE = Path(__file__).name


def two_towers() -> Any:
    """Two inputs of different sizes, a layer shared by both, two outputs."""
    a, b = Input((5,), name="a"), Input((3,), name="b")
    left, right = Dense(4, name="left")(a), Dense(4, name="right")(b)
    shared = Dense(6, activation="tanh", name="shared")
    both = Concatenate(name="both")([shared(left), shared(right)])
    return Model([a, b], [Dense(2, name="o1")(both), add([left, right], name="o2")], name="towers")


def two_towers_by_hand(model: Any, a: Any, b: Any) -> tuple[Any, Any]:
    def dense(name: str, x: Any) -> Any:
        kernel, bias = model.get_layer(name).get_weights()
        return x @ kernel + bias

    left, right = dense("left", a), dense("right", b)
    both = np.concatenate([np.tanh(dense("shared", left)), np.tanh(dense("shared", right))], axis=-1)
    return dense("o1", both), left + right


def data() -> list[Any]:
    generator = np.random.default_rng(3)
    return [generator.normal(size=(7, 5)).astype("float32"), generator.normal(size=(7, 3)).astype("float32")]


def test_several_inputs_and_outputs() -> None:
    model, (a, b) = two_towers(), data()
    for actual, expected in zip(model.predict([a, b]), two_towers_by_hand(model, a, b), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    for actual, expected in zip(model.predict({"b": b, "a": a}), model.predict([a, b]), strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["o1", "o2"]
    assert model.output_shape == [(None, 2), (None, 4)]
    assert model.compute_output_shape([(9, 5), (9, 3)]) == [(9, 2), (9, 4)]


@pytest.mark.parametrize("way", ["config", "json", "yaml", "clone"])
def test_copies_compute_the_same(way: str) -> None:
    model, arrays = two_towers(), data()
    copies = {
        "config": lambda: Model.from_config(model.get_config()),
        "json": lambda: model_from_json(model.to_json()),
        "yaml": lambda: model_from_yaml(model.to_yaml()),
        "clone": lambda: clone_model(model),
    }
    copy = copies[way]()
    assert copy.get_config() == model.get_config()
    copy.set_weights(model.get_weights())
    for actual, expected in zip(copy.predict(arrays), model.predict(arrays), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_model_is_a_layer() -> None:
    inner = Sequential([Dense(4, input_shape=(3,), kernel_regularizer="l2"), Dense(2)], name="inner")
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], Concatenate()([inner(a), inner(b)]))
    x, y = data()[1], -data()[1]
    np.testing.assert_allclose(
        model.predict([x, y]), np.concatenate([inner.predict(x), inner.predict(y)], axis=1), rtol=1e-5, atol=1e-6
    )
    assert len(model.weights) == 4
    assert len(model.losses) == 1
    assert model.get_config() == Model.from_config(model.get_config()).get_config()


def test_updates_follow_the_inputs() -> None:
    normalise = BatchNormalization()
    a, b = Input((3,)), Input((3,))
    first, second = Model(a, normalise(a)), Model(b, normalise(b))
    assert [len(first.updates), len(second.updates), len(normalise.updates)] == [2, 2, 4]
    normalise.trainable = False
    assert first.updates == []


def test_learning_phase_is_seen_through_layers() -> None:
    a = Input((3,))
    assert Model(a, Dense(2)(Dropout(0.5)(a))).uses_learning_phase
    assert not Model(a, Dense(2)(a)).uses_learning_phase


def test_depth_orders_layers() -> None:
    a = Input((3,), name="a")
    x = Dense(4, name="first")(a)
    y = Dense(4, name="second")(x)
    model = Model(a, add([x, y], name="sum"))
    assert [layer.name for layer in model.layers] == ["a", "first", "second", "sum"]


def test_deep_networks_are_walked_without_recursion() -> None:
    x = a = Input((2,))
    step = [Lambda(lambda t: t + 1.0, name=f"step_{i}") for i in range(1200)]
    for layer in step:
        x = layer(x)
    model = Model(a, x)
    assert len(model.layers) == 1201
    assert len(Model.from_config(model.get_config()).layers) == 1201


def test_unconnected_graph() -> None:
    a, b = Input((3,), name="a"), Input((3,), name="b")
    with pytest.raises(GraphError, match=f'Graph disconnected.*tensor.*b:0.*layer "b".*{HERE}'):
        Model(a, add([a, b], name="sum"))


def test_duplicated_names() -> None:
    a = Input((3,))
    with pytest.raises(GraphError, match=f'The name "twin" is used 2 times.*{HERE}'):
        Model(a, Dense(3, name="twin")(Dense(3, name="twin")(a)))


def test_ends_that_are_no_keras_tensors() -> None:
    a = Input((3,))
    with pytest.raises(ValueError, match="must come from `Input`"):
        Model(K.placeholder((None, 3)), Dense(2)(a))
    with pytest.raises(ValueError, match="must be the output of a layer"):
        Model(a, Dense(2)(a) + 1.0)
    with pytest.raises(ValueError, match="redundant"):
        Model([a, a], Dense(2)(a))


def test_get_layer() -> None:
    model = two_towers()
    assert model.get_layer("shared").units == 6
    assert model.get_layer(index=0) is model.layers[0]
    with pytest.raises(GraphError, match="No such layer: nobody"):
        model.get_layer("nobody")
    with pytest.raises(GraphError, match="there is no index 99"):
        model.get_layer(index=99)


def test_failed_set_weights_changes_nothing() -> None:
    model = two_towers()
    before = model.get_weights()
    with pytest.raises(ValueError, match='model "towers"'):
        model.set_weights([w + 1 for w in before[:-1]] + [np.zeros(99)])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_masks_reach_the_end() -> None:
    a = Input((4,), dtype="int32")
    model = Model(a, Activation("relu")(Embedding(5, 3, mask_zero=True)(a)))
    mask = model.compute_mask(model.inputs, None)
    (value,) = K.function([a], [mask])([np.array([[1, 0, 2, 0]])])
    np.testing.assert_array_equal(value, [[True, False, True, False]])


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    two_towers().summary()
    lines = capsys.readouterr().out.splitlines()
    assert "Connected to" in lines[1]
    assert any("shared (Dense)" in line and "multiple" not in line and "30" in line for line in lines)
    assert any("right[0][0]" in line for line in lines)
    assert "Total params: 96" in lines
    written: list[str] = []
    Sequential([Flatten(input_shape=(2, 3)), Dense(4)]).summary(print_fn=written.append)
    assert "Connected to" not in "\n".join(written)
    assert "Trainable params: 28" in written


def test_model_from_config_wants_a_dictionary() -> None:
    with pytest.raises(TypeError, match="expects a dictionary"):
        model_from_config([])


def test_configs_of_no_network() -> None:
    x = Input((3,), name="x")
    config = Model(x, Dense(2, name="y")(x)).get_config()
    with pytest.raises(GraphError, match=r"lacks \['input_layers', 'output_layers'\]; `Sequential.from_config`"):
        Model.from_config(Sequential([Dense(2, input_shape=(3,))]).get_config())
    with pytest.raises(GraphError, match=r"""no layer "z"; it has \['x', 'y'\]"""):
        Model.from_config({**config, "output_layers": [["z", 0, 0]]})


class Doubled(Model):
    """A subclassed model."""

    def __init__(self) -> None:
        super().__init__(name="doubled")
        self.dense = Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs) * 2.0


def test_subclassed_model_is_built_by_data() -> None:
    model = Doubled()
    model.compile("sgd", "mse")
    x = data()[1]
    y = np.ones((7, 2), "float32")
    first = model.train_on_batch(x, y)
    assert model.train_on_batch(x, y) < first
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model.predict(x), 2 * (x @ kernel + bias), rtol=1e-4, atol=1e-5)
    with pytest.raises(NotImplementedError):
        model.get_config()


def test_layers_before_init_of_a_subclass() -> None:
    class Hasty(Model):
        def __init__(self) -> None:
            self.dense = Dense(2)

    with pytest.raises(RuntimeError, match="call it first"):
        Hasty()
