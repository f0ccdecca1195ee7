"""Weights and configs of other versions, turned into ours: unit by unit, on arrays and dictionaries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from graphc.keras import backend as K
from graphc.keras.layers import (
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    Input,
    TimeDistributed,
)
from graphc.keras.models import Model, Sequential, model_from_config
from graphc.keras.saving import LoadReport, ModelFileError, preprocess_weights_for_loading
from graphc.keras.saving.config_keras1 import convert_keras_1, is_keras_1
from graphc.keras.saving.config_newer import convert_newer
from graphc.keras.saving.convert_recurrent import convert_cudnn, stack_gates
from graphc.keras.saving.convert_weights import Origin, convert_weights, origin_of

R = np.random.default_rng(5)


def arrays(*shapes: tuple[int, ...]) -> list[Any]:
    return [R.normal(size=shape).astype("float32") for shape in shapes]


def test_gates_of_keras_1_are_stacked_in_the_order_of_keras_2() -> None:
    # The file has W, U, b of i, c, f, o in turn; input 5, units 3.
    stored = [a for _ in range(4) for a in arrays((5, 3), (3, 3), (3,))]
    kernel, recurrent, bias = stack_gates(stored, "LSTM")
    for gate, position in (("i", 0), ("c", 2), ("f", 1), ("o", 3)):
        first = 3 * "icfo".index(gate)
        columns = slice(3 * position, 3 * position + 3)
        np.testing.assert_array_equal(kernel[:, columns], stored[first])
        np.testing.assert_array_equal(recurrent[:, columns], stored[first + 1])
        np.testing.assert_array_equal(bias[columns], stored[first + 2])
    stored = [a for _ in range(3) for a in arrays((5, 3), (3, 3), (3,))]
    kernel, recurrent, bias = stack_gates(stored, "GRU")
    np.testing.assert_array_equal(kernel, np.hstack(stored[0::3]))
    np.testing.assert_array_equal(recurrent, np.hstack(stored[1::3]))
    np.testing.assert_array_equal(bias, np.hstack(stored[2::3]))
    assert stack_gates(stored[:3], "LSTM")[1] is stored[1]


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_cudnn_layouts_go_there_and_back(kind: str) -> None:
    gates = 4 if kind == "LSTM" else 3
    bias = (gates * 3,) if kind == "LSTM" else (2, gates * 3)
    plain = arrays((5, gates * 3), (3, gates * 3), bias)
    packed = convert_cudnn(plain, f"CuDNN{kind}", True)
    assert packed[2].shape == (2 * gates * 3,)
    assert packed[0].dtype == packed[2].dtype == np.float32
    # cuDNN has the transposed matrix of each gate, in C order, in the bytes of one of the kernel's shape.
    for gate in range(gates):
        columns = slice(3 * gate, 3 * gate + 3)
        np.testing.assert_array_equal(packed[0][:, columns].reshape(3, 5), plain[0][:, columns].T)
        np.testing.assert_array_equal(packed[1][:, columns], plain[1][:, columns].T)
    for before, after in zip(plain, convert_cudnn(packed, kind, True)):
        np.testing.assert_allclose(before, after, rtol=1e-6)
    assert all(a is b for a, b in zip(plain, convert_cudnn(plain, kind, True)))


def test_cudnn_does_not_fit_a_gru_that_resets_before() -> None:
    cudnn = arrays((5, 9), (3, 9), (18,))
    before = arrays((5, 9), (3, 9), (9,))
    after = arrays((5, 9), (3, 9), (2, 9))
    for weights, kind, resets_after, text in (
        (cudnn, "GRU", False, r"CuDNNGRU is not compatible with GRU\(reset_after=False\)"),
        (before, "CuDNNGRU", False, r"GRU\(reset_after=False\) is not compatible with CuDNNGRU"),
        (before, "GRU", True, r"GRU\(reset_after=False\) is not compatible with GRU\(reset_after=True\)"),
        (after, "GRU", False, r"GRU\(reset_after=True\) is not compatible with GRU\(reset_after=False\)"),
        (arrays((5, 9), (3, 9), (7,)), "GRU", False, "Invalid bias shape"),
    ):
        with pytest.raises(ValueError, match=text):
            convert_cudnn(weights, kind, resets_after)


def recurrent(class_name: str, **attributes: Any) -> Any:
    """Return what stands for a recurrent layer of a class, where only its name and options count."""
    return type(class_name, (SimpleNamespace,), {})(name="r", weights=[None] * 3, **attributes)


@pytest.mark.parametrize("is_turned", [True, False])
def test_gates_of_th_convolutions_are_turned_where_they_need_it(is_turned: bool) -> None:
    # Kernel (rows, columns, channels, 4 * filters); each gate may be stored as (filters, channels, rows, columns).
    kernel = R.normal(size=(3, 2, 6, 20)).astype("float32")
    inner = R.normal(size=(3, 2, 5, 20)).astype("float32")
    bias = np.arange(20.0)
    stored = []
    for gate in (0, 2, 1, 3):
        columns = slice(5 * gate, 5 * gate + 5)
        parts = [kernel[..., columns], inner[..., columns]]
        stored += [*(w.transpose(3, 2, 0, 1) if is_turned else w for w in parts), bias[columns]]
    layer = recurrent("ConvLSTM2D", data_format="channels_first")
    layer.weights = [K.variable(w) for w in (kernel, inner, bias)]
    for mine, theirs in zip(preprocess_weights_for_loading(layer, stored, "1"), (kernel, inner, bias), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights_in_wrappers_and_models_are_converted_inside() -> None:
    lstm = recurrent("LSTM")
    both = SimpleNamespace(name="both", forward_layer=lstm, backward_layer=lstm)
    stored = [a for _ in range(4) for a in arrays((5, 3), (3, 3), (3,))]
    report = LoadReport()
    found = convert_weights(both, stored + stored[::-1][::-1], Origin(1, "tensorflow", report))
    assert [w.shape for w in found] == [(5, 12), (3, 12), (12,)] * 2
    assert report == ["r: 12 arrays, one a gate, stacked into 3 in the gate order of Keras 2"]
    cudnn = arrays((5, 12), (3, 12), (24,))
    (kernel, _, bias) = convert_weights(SimpleNamespace(layer=lstm), cudnn, Origin())
    np.testing.assert_allclose(bias, cudnn[2][:12] + cudnn[2][12:])
    assert not np.array_equal(kernel, cudnn[0])


def test_a_nested_model_takes_trainable_weights_first_and_converts_each_layer() -> None:
    x = Input((6, 7, 2))
    conv, norm = Conv2D(3, (2, 4), name="c"), BatchNormalization(name="n")
    inner = Model(x, norm(conv(x)))
    stored = [w + i for i, w in enumerate(inner.get_weights())]
    trainable_first = [stored[0], stored[1], stored[2], stored[3], stored[4], stored[5]]
    found = convert_weights(inner, trainable_first, Origin(2, "theano"))
    np.testing.assert_array_equal(found[0], stored[0][::-1, ::-1])
    for mine, theirs in zip(found[1:], trainable_first[1:]):
        np.testing.assert_array_equal(mine, theirs)


def built(layer: Any, shape: tuple[int, ...]) -> Any:
    layer.build((None, *shape))
    return layer


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_kernels_of_keras_1_convolutions(data_format: str) -> None:
    is_first = data_format == "channels_first"
    shape = (2, 8, 9) if is_first else (8, 9, 2)
    stored = R.normal(size=(5, 2, 3, 4) if is_first else (3, 4, 2, 5)).astype("float32")
    bias = np.arange(5.0)
    layer = built(Conv2D(5, (3, 4), data_format=data_format), shape)
    kernel, kept = preprocess_weights_for_loading(layer, [stored, bias], "1")
    np.testing.assert_array_equal(kernel, stored.transpose(2, 3, 1, 0) if is_first else stored)
    assert kept is bias
    (flipped, _) = preprocess_weights_for_loading(layer, [stored, bias], "1", "theano")
    np.testing.assert_array_equal(flipped, kernel[::-1, ::-1])
    layer = built(Conv2DTranspose(5, (3, 4), data_format=data_format), shape)
    (kernel, _) = preprocess_weights_for_loading(layer, [stored, bias], "1")
    np.testing.assert_array_equal(kernel, stored.transpose((2, 3, 0, 1) if is_first else (0, 1, 3, 2)))


def test_kernels_of_keras_1_convolutions_in_one_dimension() -> None:
    layer = built(Conv1D(5, 3), (8, 2))
    usual = R.normal(size=(3, 1, 2, 5)).astype("float32")
    np.testing.assert_array_equal(preprocess_weights_for_loading(layer, [usual], "1")[0], usual[:, 0])
    oldest = R.normal(size=(5, 2, 3, 1)).astype("float32")
    (kernel,) = preprocess_weights_for_loading(layer, [oldest], "1")
    np.testing.assert_array_equal(kernel, oldest[..., 0].transpose(2, 1, 0))


def test_a_dense_kernel_takes_the_shape_of_a_1x1_convolution_when_asked() -> None:
    layer = built(Conv2D(3, 1), (1, 1, 2))
    (kernel,) = preprocess_weights_for_loading(layer, [np.arange(6.0).reshape(2, 3)], reshape=True)
    np.testing.assert_array_equal(kernel, np.arange(6.0).reshape(1, 1, 2, 3))
    with pytest.raises(ModelFileError, match="equal size"):
        preprocess_weights_for_loading(layer, [np.zeros((2, 4))], reshape=True)


def test_the_backend_of_keras_1_is_told_by_the_names_of_its_weights() -> None:
    report = LoadReport()
    assert origin_of(None, None, ["a_W:0"], report) == Origin(1, "tensorflow", report)
    assert origin_of("1.2.2", None, ["a_W"], report).flips_kernels
    assert not origin_of("2.2.4", "tensorflow", ["a/kernel:0"], report).flips_kernels
    assert not origin_of("2.2.4", "cntk", ["a/kernel"], report).flips_kernels
    assert len(report) == 2


def keras_1(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "x", **config}}


@pytest.mark.parametrize(
    "layer,class_name,expected",
    [
        (
            keras_1("Convolution2D", nb_filter=5, nb_row=3, nb_col=2, border_mode="same", subsample=[1, 2],
                    dim_ordering="th", bias=False, init="he_normal",
                    W_regularizer={"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
                    W_constraint={"name": "MaxNorm", "m": 2, "axis": 0}),
            "Conv2D",
            {"filters": 5, "kernel_size": [3, 2], "padding": "same", "strides": [1, 2], "data_format": "channels_first",
             "use_bias": False, "kernel_initializer": "he_normal",
             "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}},
             "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}}},
        ),
        (
            keras_1("AtrousConvolution1D", nb_filter=5, filter_length=3, subsample_length=1, atrous_rate=2),
            "Conv1D",
            {"filters": 5, "kernel_size": 3, "strides": 1, "dilation_rate": 2},
        ),
        (
            keras_1("Convolution3D", nb_filter=5, kernel_dim1=3, kernel_dim2=2, kernel_dim3=4, dim_ordering="tf"),
            "Conv3D",
            {"filters": 5, "kernel_size": [3, 2, 4], "data_format": "channels_last"},
        ),
        (
            keras_1("LSTM", output_dim=6, inner_init="orthogonal", inner_activation="sigmoid", forget_bias_init="one",
                    consume_less="gpu", dropout_W=0.25, dropout_U=0.5, U_regularizer=None, input_dim=3),
            "LSTM",
            {"units": 6, "recurrent_initializer": "orthogonal", "recurrent_activation": "sigmoid",
             "unit_forget_bias": True, "implementation": 2, "dropout": 0.25, "recurrent_dropout": 0.5,
             "recurrent_regularizer": None},
        ),
        (keras_1("MaxPooling1D", pool_length=3, stride=2, border_mode="valid"), "MaxPooling1D",
         {"pool_size": 3, "strides": 2, "padding": "valid"}),
        (keras_1("Dropout", p=0.25), "Dropout", {"rate": 0.25}),
        (keras_1("GaussianNoise", sigma=0.25), "GaussianNoise", {"stddev": 0.25}),
        (keras_1("Embedding", input_dim=9, output_dim=4, init="uniform", dropout=0.0, input_dtype="int32"),
         "Embedding", {"input_dim": 9, "output_dim": 4, "embeddings_initializer": "uniform"}),
        (keras_1("BatchNormalization", mode=2, beta_init="zero", axis=1), "BatchNormalization",
         {"mode": 2, "beta_initializer": "zero", "axis": 1}),
        (keras_1("BatchNormalization", mode=0, gamma_init="one"), "BatchNormalization", {"gamma_initializer": "one"}),
        (keras_1("Merge", mode="concat", concat_axis=2, dot_axes=-1), "Concatenate", {"trainable": True, "axis": 2}),
        (keras_1("Merge", mode="ave"), "Average", {"trainable": True}),
        (keras_1("Merge", mode="cos", dot_axes=[1, 2], concat_axis=-1), "Merge", {"mode": "cos", "dot_axes": [1, 2]}),
        (keras_1("Highway", init="zero", W_regularizer={"name": "L1L2Regularizer", "l1": 1.0, "l2": 2.0}, input_dim=3),
         "Highway", {"init": "zero", "W_regularizer": {"class_name": "L1L2", "config": {"l1": 1.0, "l2": 2.0}}}),
    ],
)  # fmt: skip
def test_layers_of_keras_1(layer: dict[str, Any], class_name: str, expected: dict[str, Any]) -> None:
    found = convert_keras_1(layer, LoadReport())
    assert found["class_name"] == class_name
    assert found["config"] == {"name": "x", **expected}


def test_time_distributed_dense_becomes_a_wrapped_dense() -> None:
    found = convert_keras_1(keras_1("TimeDistributedDense", output_dim=3, batch_input_shape=[None, 4, 5]), LoadReport())
    layer = TimeDistributed.from_config(found["config"])
    assert Sequential([layer]).output_shape == (None, 4, 3)


def test_what_keras_2_cannot_say_is_refused() -> None:
    for layer, text in (
        (keras_1("Merge", mode="code", mode_type="lambda"), "function of its own"),
        (keras_1("Merge", mode="join"), "unknown mode"),
    ):
        with pytest.raises(ModelFileError, match=text):
            convert_keras_1(layer, LoadReport())
    mixed = {"class_name": "Sequential", "config": [keras_1("Convolution2D", dim_ordering=o) for o in ("th", "tf")]}
    with pytest.raises(ModelFileError, match="different orderings"):
        convert_keras_1(mixed, LoadReport())


def test_layers_of_th_models_that_store_no_ordering_take_the_others() -> None:
    layers = [keras_1("Convolution2D", dim_ordering="th"), keras_1("ZeroPadding2D"), keras_1("Flatten")]
    report = LoadReport()
    found = convert_keras_1({"class_name": "Sequential", "config": layers}, report)["config"]
    assert [layer["config"]["data_format"] for layer in found] == ["channels_first", "channels_first", "channels_last"]
    assert any("Flatten keeps the order" in sentence for sentence in report)


@pytest.mark.parametrize("make", [lambda: Dense(3, input_shape=(4,)), lambda: Flatten(input_shape=(4, 5))])
def test_configs_of_keras_2_are_not_taken_for_older_ones_and_stay_as_they_are(make: Any) -> None:
    model = Sequential([make()])
    config = {"class_name": "Sequential", "config": model.get_config()}
    assert not is_keras_1(config)
    assert convert_newer(config, LoadReport(), {}) == config


def newer(class_name: str, **config: Any) -> dict[str, Any]:
    data = {"module": "keras.layers", "class_name": class_name, "config": {"name": "x", **config}}
    return {**data, "registered_name": None, "build_config": {"input_shape": [None, 4]}}


POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


@pytest.mark.parametrize(
    "layer,class_name,expected",
    [
        (
            newer("Dense", dtype=POLICY, units=3, kernel_initializer={"module": "keras.initializers", "class_name":
                  "HeNormal", "config": {"seed": None}, "registered_name": None},
                  kernel_regularizer={"class_name": "L2", "config": {"l2": 0.5}}),
            "Dense",
            {"units": 3, "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode":
             "fan_in", "distribution": "normal", "seed": None}},
             "kernel_regularizer": {"class_name": "L1L2", "config": {"l2": 0.5}}},
        ),
        (newer("InputLayer", batch_shape=[None, 4], dtype="int32", sparse=False, ragged=False), "InputLayer",
         {"batch_input_shape": [None, 4], "dtype": "int32", "sparse": False}),
        (newer("Conv2D", filters=3, kernel_size=[2, 2], groups=1), "Conv2D", {"filters": 3, "kernel_size": [2, 2]}),
        (newer("BatchNormalization", axis=[3], synchronized=False), "BatchNormalization", {"axis": 3}),
        (newer("LeakyReLU", negative_slope=0.25), "LeakyReLU", {"alpha": 0.25}),
        (newer("Activation", activation={"module": "builtins", "class_name": "function", "config": "relu",
               "registered_name": "function"}), "Activation", {"activation": "relu"}),
        (newer("Dense", units=3, kernel_initializer={"class_name": "OrthogonalInitializer", "config": {"gain": 1.0}}),
         "Dense", {"units": 3, "kernel_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.0}}}),
    ],
)  # fmt: skip
def test_layers_of_newer_versions(layer: dict[str, Any], class_name: str, expected: dict[str, Any]) -> None:
    found = convert_newer(layer, LoadReport(), {})
    assert found == {"class_name": class_name, "config": {"name": "x", **expected}}


@pytest.mark.parametrize(
    "layer", [newer("Conv2D", filters=4, kernel_size=[2, 2], groups=2), newer("GlobalMaxPooling2D", keepdims=True)]
)
def test_arguments_that_change_the_result_and_are_not_known_are_refused(layer: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError, match=r"which Keras .* does not have"):
        convert_newer(layer, LoadReport(), {})


def tensor(name: str, call: int = 0) -> dict[str, Any]:
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def test_calls_of_keras_3_count_nested_models_from_their_first_use() -> None:
    dense = newer("Dense", units=4, batch_input_shape=[None, 4])
    inner = {**newer("Sequential", layers=[dense]), "name": "inner"}
    inner["config"]["name"] = "inner"
    inner["inbound_nodes"] = [
        {"args": [tensor("a")], "kwargs": {"mask": None}},
        {"args": [tensor("inner")], "kwargs": {}},
    ]
    entry = {**newer("InputLayer", batch_shape=[None, 4]), "name": "a", "inbound_nodes": []}
    entry["config"]["name"] = "a"
    config = {"name": "m", "layers": [entry, inner], "input_layers": ["a", 0, 0], "output_layers": ["inner", 1, 0]}
    model = model_from_config({"class_name": "Functional", "config": config})
    kernel, bias = np.full((4, 4), 0.5, "float32"), np.zeros(4, "float32")
    model.set_weights([kernel, bias])
    x = np.ones((2, 4), "float32")
    np.testing.assert_allclose(model.predict(x), x @ kernel @ kernel)


def test_initial_states_given_as_keywords_become_inputs() -> None:
    layer = {**newer("LSTM", units=4), "inbound_nodes": [{"args": [tensor("a")],
             "kwargs": {"initial_state": [tensor("h"), tensor("c")], "training": False}}]}  # fmt: skip
    layer["config"]["name"] = "lstm"
    ends = {"input_layers": [["a", 0, 0]], "output_layers": [["lstm", 0, 0]]}
    found = convert_newer({"class_name": "Functional", "config": {"layers": [layer], **ends}}, LoadReport(), {})
    assert found["config"]["layers"][0]["inbound_nodes"] == [[["a", 0, 0, {}], ["h", 0, 0, {}], ["c", 0, 0, {}]]]
