"""The architectures: what they are made of, and that they run."""

from __future__ import annotations

import gc
import hashlib
import json
import warnings
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError, ShapeError
from graphc.keras import applications, layers
from graphc.keras import backend as K
from graphc.keras.applications.densenet import DenseNet
from graphc.keras.applications.nasnet import NASNet

# The published number of parameters, the side of the images, the channels at the end, and a digest of the layers'
# names, weight shapes and connections, taken from the architectures of keras_applications 1.0.6.
FACTS = {
    "VGG16": (138_357_544, 224, 512, "e6ad229a87111dbd"),
    "VGG19": (143_667_240, 224, 512, "9260b17fe85b25c2"),
    "ResNet50": (25_636_712, 224, 2048, "55c16c63a1a6c55b"),
    "InceptionV3": (23_851_784, None, 2048, "b66a0ffc5fe738d2"),
    "InceptionResNetV2": (55_873_736, None, 1536, "7cbd3577a6333ce7"),
    "Xception": (22_910_480, None, 2048, "9c9abc3e7b794871"),
    "MobileNet": (4_253_864, 224, 1024, "ac5542ad0d77baf3"),
    "MobileNetV2": (3_538_984, 224, 1280, "aa6d6ca5a61691df"),
    "DenseNet121": (8_062_504, 224, 1024, "46066cfd7e4efa89"),
    "DenseNet169": (14_307_880, 224, 1664, "b59dbef4bc4a6849"),
    "DenseNet201": (20_242_984, 224, 1920, "6365fc33edc9468a"),
    "NASNetMobile": (5_326_716, 224, 1056, "956ce003e7fac6f4"),
    "NASNetLarge": (88_949_818, 331, 4032, "e9886443d427e3ff"),
}
# One small variant of each family, and the smallest images that it takes here.
SMALL: dict[str, tuple[Any, dict[str, Any], tuple[int, int]]] = {
    "vgg": (applications.VGG16, {}, (33, 35)),
    "resnet": (applications.ResNet50, {}, (35, 33)),
    "inception": (applications.InceptionV3, {}, (75, 77)),
    "xception": (applications.Xception, {}, (71, 73)),
    "mobilenet": (applications.MobileNet, {"alpha": 0.25, "depth_multiplier": 2}, (34, 37)),
    "mobilenet_v2": (applications.MobileNetV2, {"alpha": 0.35}, (34, 37)),
    "densenet": (DenseNet, {"blocks": (1, 2, 3, 1)}, (35, 33)),
    "nasnet": (NASNet, {"penultimate_filters": 96, "num_blocks": 1, "stem_block_filters": 5}, (34, 37)),
    "nasnet_mobile": (
        NASNet,
        {"penultimate_filters": 192, "num_blocks": 1, "stem_block_filters": 7, "skip_reduction": False},
        (37, 34),
    ),
}


def build(name: str, **options: Any) -> Any:
    return getattr(applications, name)(weights=None, **options)


def build_small(family: str, **options: Any) -> Any:
    architecture, own, _ = SMALL[family]
    return architecture(weights=None, **own, **options)


def digest(model: Any) -> str:
    rows = [
        [
            layer.name,
            [list(K.int_shape(w)) for w in layer.weights],
            [producer.name for node in layer._inbound_nodes for producer in node.inbound_layers],
        ]
        for layer in model.layers
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", FACTS)
def test_layers_weights_and_connections_are_the_published_ones(name: str, zero_weights: None) -> None:
    parameters, side, _, expected = FACTS[name]
    model = build(name)
    assert model.count_params() == parameters
    assert model.input_shape == (None, side, side, 3)
    assert model.output_shape == (None, 1000)
    assert digest(model) == expected


@pytest.mark.parametrize("name", FACTS)
def test_without_the_top_images_of_any_size_are_taken(name: str, zero_weights: None) -> None:
    model = build(name, include_top=False)
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape == (None, None, None, FACTS[name][2])


@pytest.mark.parametrize("family", SMALL)
def test_both_orders_of_axes_give_the_same_numbers(family: str) -> None:
    rows, columns = SMALL[family][2]
    np.random.seed(3)
    last = build_small(family, include_top=False, input_shape=(rows, columns, 3))
    K.set_image_data_format("channels_first")
    first = build_small(family, include_top=False, input_shape=(3, rows, columns))
    first.set_weights(last.get_weights())
    images = np.random.default_rng(4).uniform(-1, 1, (2, rows, columns, 3)).astype("float32")
    expected = last.predict(images)
    assert expected.shape[1:] == last.output_shape[1:]
    assert expected.std() > 0
    found = first.predict(images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("family", ["mobilenet", "mobilenet_v2", "nasnet"])
def test_images_of_unknown_size_give_what_those_of_known_size_do(family: str) -> None:
    # Sizes that stay even to the end: the pads of unknown ones are those of even ones.
    rows, columns = (33, 66) if family == "nasnet" else (64, 96)
    known = build_small(family, include_top=False, input_shape=(rows, columns, 3))
    unknown = build_small(family, include_top=False)
    unknown.set_weights(known.get_weights())
    images = np.random.default_rng(9).uniform(-1, 1, (2, rows, columns, 3))
    expected = known.predict(images)
    np.testing.assert_allclose(unknown.predict(images), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize("family", ["mobilenet", "mobilenet_v2", "densenet", "nasnet"])
def test_the_top_gives_probabilities(family: str, data_format: str) -> None:
    K.set_image_data_format(data_format)
    rows, columns = SMALL[family][2]
    shape = (3, rows, columns) if data_format == "channels_first" else (rows, columns, 3)
    model = build_small(family, input_shape=shape, classes=7)
    probabilities = model.predict(np.random.default_rng(5).uniform(-1, 1, (2, *shape)))
    assert probabilities.shape == (2, 7)
    assert (probabilities > 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(("pooling", "reduce"), [("avg", np.mean), ("max", np.max)])
def test_pooling_makes_a_vector_of_the_last_images(pooling: str, reduce: Any) -> None:
    whole = build_small("densenet", include_top=False, input_shape=(67, 65, 3))
    pooled = build_small("densenet", include_top=False, input_shape=(67, 65, 3), pooling=pooling)
    assert pooled.layers[-1].name == f"{pooling}_pool"
    pooled.set_weights(whole.get_weights())
    images = np.random.default_rng(6).uniform(-1, 1, (2, 67, 65, 3))
    np.testing.assert_allclose(pooled.predict(images), reduce(whole.predict(images), axis=(1, 2)), rtol=1e-5, atol=1e-6)


def test_alpha_depth_and_dropout_of_mobilenet() -> None:
    model = build("MobileNet", alpha=0.5, depth_multiplier=3, dropout=0.25, classes=9, input_shape=(39, 35, 3))
    assert model.name == "mobilenet_0.50_39"
    assert K.int_shape(model.get_layer("conv1").kernel) == (3, 3, 3, 16)
    assert K.int_shape(model.get_layer("conv_dw_2").depthwise_kernel) == (3, 3, 32, 3)
    assert model.get_layer("dropout").rate == 0.25
    assert model.get_layer("reshape_1").target_shape == (1, 1, 512)


@pytest.mark.parametrize(
    ("alpha", "first", "last"), [(0.35, 16, 1280), (0.75, 24, 1280), (1.3, 40, 1664), (1.4, 48, 1792)]
)
def test_widths_of_mobilenet_v2_are_multiples_of_8(alpha: float, first: int, last: int) -> None:
    model = build("MobileNetV2", alpha=alpha, classes=3, input_shape=(96, 96, 3))
    assert model.name == f"mobilenetv2_{alpha:.2f}_96"
    assert K.int_shape(model.get_layer("Conv1").kernel)[-1] == first
    assert K.int_shape(model.get_layer("Conv_1").kernel)[-1] == last


def test_the_former_module_name_of_mobilenet_v2() -> None:
    assert applications.mobilenetv2.MobileNetV2 is applications.mobilenet_v2.MobileNetV2


def test_an_input_tensor_takes_the_place_of_the_input() -> None:
    source = layers.Input((39, 35, 3))
    doubled = layers.Lambda(lambda x: 2 * x)(source)
    behind = build_small("mobilenet", include_top=False, input_tensor=doubled, pooling="avg")
    plain = build_small("mobilenet", include_top=False, input_shape=(39, 35, 3), pooling="avg")
    behind.set_weights(plain.get_weights())
    assert behind.inputs == [source]
    images = np.random.default_rng(7).uniform(-1, 1, (2, 39, 35, 3))
    np.testing.assert_allclose(behind.predict(images), plain.predict(2 * images), rtol=1e-4, atol=1e-25)


def test_a_tensor_that_no_layer_made_becomes_the_input() -> None:
    images = K.constant(np.random.default_rng(8).uniform(-1, 1, (2, 39, 35, 3)))
    model = build_small("mobilenet", include_top=False, input_tensor=images, input_shape=(39, 35, 3), pooling="max")
    assert model.inputs == [images]
    assert model.output_shape == (None, 256)


def test_a_network_from_its_config_is_the_same() -> None:
    model = build_small("nasnet", include_top=False, input_shape=(34, 37, 3))
    again = type(model).from_config(model.get_config())
    assert digest(again) == digest(model)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("VGG16", {"input_shape": (31, 40, 3), "include_top": False}, "at least 32x32"),
        ("InceptionV3", {"input_shape": (74, 80, 3)}, "at least 75x75"),
        ("Xception", {"input_shape": (80, 70, 3)}, "at least 71x71"),
        ("ResNet50", {"input_shape": (None, 64, 3)}, "static `input_shape`"),
        ("VGG19", {"input_shape": (64, 3)}, "three integers"),
        ("DenseNet121", {"pooling": "sum", "include_top": False}, "'sum'"),
        ("VGG16", {"weights": "/there/is/none.h5"}, "/there/is/none.h5"),
        ("VGG16", {"weights": "imagenet", "classes": 10}, "classes=10"),
        ("ResNet50", {"weights": "imagenet", "input_shape": (197, 197, 3)}, "(224, 224, 3)"),
        ("ResNet50", {"weights": "imagenet", "include_top": False, "input_shape": (64, 64, 4)}, "3 channels"),
        ("MobileNet", {"weights": "imagenet", "alpha": 0.3}, "0.3"),
        ("MobileNet", {"weights": "imagenet", "depth_multiplier": 2}, "depth multiplier"),
        ("MobileNet", {"weights": "imagenet", "include_top": False, "input_shape": (64, 64, 3)}, "(64, 64, 3)"),
        ("MobileNet", {"alpha": 0.01}, "no filters"),
        ("MobileNetV2", {"weights": "imagenet", "alpha": 0.25}, "0.25"),
        ("NASNetMobile", {"weights": "imagenet", "input_shape": (None, None, 3)}, "static"),
    ],
)
def test_impossible_arguments_say_what_is_wrong(name: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as caught:
        getattr(applications, name)(**{"weights": None, **options})
    assert isinstance(caught.value, (GraphError, ShapeError))
    assert text in str(caught.value)
    assert "test_architectures.py" in str(caught.value)


def test_shapes_of_the_input_tensor_and_of_the_images_must_agree() -> None:
    with pytest.raises(ShapeError, match=r"\(40, 36, 3\).*\(36, 40, 3\)"):
        build("MobileNetV2", input_tensor=layers.Input((36, 40, 3)), input_shape=(40, 36, 3))


def test_nasnet_splits_its_filters_by_24() -> None:
    with pytest.raises(GraphError, match="100"):
        NASNet(penultimate_filters=100)


def test_images_of_other_channels_are_taken_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="5"):
        model = build_small("mobilenet", include_top=False, input_shape=(39, 35, 5))
    assert K.int_shape(model.get_layer("conv1").kernel) == (3, 3, 5, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_small("mobilenet", include_top=False, input_shape=(39, 35, 1))


@pytest.mark.parametrize("family", SMALL)
def test_nothing_is_collected_while_an_architecture_is_built(family: str) -> None:
    build, options, sizes = SMALL[family]
    seen: list[str] = []

    def note(phase: str, details: dict[str, int]) -> None:
        seen.append(phase)

    gc.callbacks.append(note)
    try:
        build(weights=None, include_top=False, input_shape=(*sizes, 3), **options)
    finally:
        gc.callbacks.remove(note)
    # One begins as soon as it may again.
    assert len(seen) <= 2 and gc.isenabled()
