"""Architectures of image classifiers, one file each, for given or new weights.

All take `include_top`, `weights` (None, "imagenet" or the path of a weights file), `input_tensor`, `input_shape`,
`pooling` and `classes`; see `architecture.Architecture` for their meaning. Images are in the order of
`K.image_data_format()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.lazy import loaded_on_first_use

if TYPE_CHECKING:
    from graphc.keras.applications import (
        densenet,
        imagenet_utils,
        inception_resnet_v2,
        inception_v3,
        mobilenet,
        mobilenet_v2,
        mobilenetv2,
        nasnet,
        resnet50,
        vgg16,
        vgg19,
        xception,
    )
    from graphc.keras.applications.densenet import DenseNet121, DenseNet169, DenseNet201
    from graphc.keras.applications.inception_resnet_v2 import InceptionResNetV2
    from graphc.keras.applications.inception_v3 import InceptionV3
    from graphc.keras.applications.mobilenet import MobileNet
    from graphc.keras.applications.mobilenet_v2 import MobileNetV2
    from graphc.keras.applications.nasnet import NASNetLarge, NASNetMobile
    from graphc.keras.applications.resnet50 import ResNet50
    from graphc.keras.applications.vgg16 import VGG16
    from graphc.keras.applications.vgg19 import VGG19
    from graphc.keras.applications.xception import Xception

__all__ = [
    "VGG16",
    "VGG19",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet50",
    "Xception",
    "densenet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenetv2",
    "nasnet",
    "resnet50",
    "vgg16",
    "vgg19",
    "xception",
]

__getattr__, __dir__ = loaded_on_first_use(
    __name__,
    {
        "densenet": "DenseNet121 DenseNet169 DenseNet201",
        "imagenet_utils": "",
        "inception_resnet_v2": "InceptionResNetV2",
        "inception_v3": "InceptionV3",
        "mobilenet": "MobileNet",
        "mobilenet_v2": "MobileNetV2",
        "mobilenetv2": "",
        "nasnet": "NASNetLarge NASNetMobile",
        "resnet50": "ResNet50",
        "vgg16": "VGG16",
        "vgg19": "VGG19",
        "xception": "Xception",
    },
)
