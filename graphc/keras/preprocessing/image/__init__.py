"""Images: files, random transforms, and batches of augmented images. Needs the extra `image` (Pillow, SciPy)."""

from graphc.keras.preprocessing.image.directory import DirectoryIterator
from graphc.keras.preprocessing.image.files import array_to_img, img_to_array, list_pictures, load_img, save_img
from graphc.keras.preprocessing.image.frame import DataFrameIterator
from graphc.keras.preprocessing.image.generator import ImageDataGenerator
from graphc.keras.preprocessing.image.iterator import Iterator, NumpyArrayIterator
from graphc.keras.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "transform_matrix_offset_center",
]
