"""The edges of a photograph by Sobel's filter: a convolution with weights set by hand, channels first.

    python examples/sobel.py [IMAGE [PICTURE.png]]

Writes the image and its edges side by side. Without IMAGE a photograph that comes with scikit-learn is taken.
Needs Pillow (`pip install 'graphc[image]'`).
"""

import sys

import numpy as np

from graphc.keras import backend as K
from graphc.keras.layers import Conv2D, Input, Lambda
from graphc.keras.models import Model
from graphc.keras.preprocessing.image import img_to_array, load_img, save_img

LUMINANCE = (0.299, 0.587, 0.114)
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "float32")


def edges():
    """Return a model from (n, 3, rows, columns) to (n, 1, rows, columns): the length of the gradient of the light."""
    image = Input((3, None, None))
    slopes = Conv2D(2, 3, padding="same", use_bias=False, data_format="channels_first", name="sobel")
    length = Lambda(lambda s: K.sqrt(K.sum(K.square(s), axis=1, keepdims=True)), name="length")
    model = Model(image, length(slopes(image)))
    # (rows, columns, colours, slopes): down the columns of the filter, and along its rows.
    kernel = np.stack([SOBEL, SOBEL.T], axis=-1)[:, :, np.newaxis, :] * np.reshape(LUMINANCE, (1, 1, 3, 1))
    slopes.set_weights([kernel])
    return model


def photograph(path):
    """Return a photograph as (3, rows, columns) of 0 to 255."""
    if path is not None:
        return img_to_array(load_img(path), data_format="channels_first")
    try:
        from sklearn.datasets import load_sample_image
    except ImportError:
        sys.exit("give the path of an image: scikit-learn, which has one, is not installed")
    return load_sample_image("china.jpg").transpose(2, 0, 1).astype("float32")


def main(path=None, picture="sobel.png"):
    image = photograph(path)
    [[found]] = edges().predict(image[np.newaxis])
    shown = 255 - np.broadcast_to(255 * found / found.max(), image.shape)
    save_img(picture, np.concatenate([image, shown], axis=2), data_format="channels_first", scale=False)
    print(f"image and edges, {image.shape[1]} x {image.shape[2]} each: {picture}")

    grey = np.tensordot(LUMINANCE, image, 1)
    slopes = [sum(filter[i, j] * grey[i : i - 2 or None, j : j - 2 or None] for i in range(3) for j in range(3))
              for filter in (SOBEL, SOBEL.T)]  # fmt: skip
    if not np.allclose(found[1:-1, 1:-1], np.hypot(*slopes), rtol=1e-3, atol=0.1):
        sys.exit("the edges are not those that NumPy finds")


if __name__ == "__main__":
    main(*sys.argv[1:])
