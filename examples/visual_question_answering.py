"""Questions about images, and about videos: a vision model and an LSTM over words, joined.

    python examples/visual_question_answering.py

The images are of one bright colour, the question asks for one of three channels, and the answer is how bright it is.
The model of images is used again, with its weights, on every frame of the videos.
"""

import sys

import numpy as np

from graphc.keras.layers import (
    LSTM,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Input,
    MaxPooling2D,
    TimeDistributed,
    concatenate,
)
from graphc.keras.models import Model, Sequential

SIZE, FRAMES, WORDS, LENGTH, ANSWERS = 8, 4, 10, 4, 2


def vision_model():
    """Return a convolutional network from an image to features."""
    model = Sequential()
    model.add(Conv2D(8, (3, 3), activation="relu", padding="same", input_shape=(SIZE, SIZE, 3)))
    model.add(Conv2D(8, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Flatten())
    model.add(Dense(24, activation="relu"))
    return model


def answering_model(features, inputs):
    """Return a model from what is seen and a question to an answer."""
    question = Input(shape=(LENGTH,), dtype="int32")
    encoded = LSTM(16)(Embedding(WORDS, 16, input_length=LENGTH)(question))
    hidden = Dense(32, activation="relu")(concatenate([features, encoded]))
    model = Model(inputs=[inputs, question], outputs=Dense(ANSWERS, activation="softmax")(hidden))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def made_up(count, random):
    """Return ([videos, questions], answers): word 1 to 3, somewhere in the question, names the channel asked for."""
    bright = random.integers(0, 2, (count, 3))
    noise = random.normal(0, 0.3, (count, FRAMES, SIZE, SIZE, 3))
    videos = (noise + bright[:, None, None, None, :]).astype("float32")
    questions = random.integers(4, WORDS, (count, LENGTH))
    channel = random.integers(0, 3, count)
    questions[np.arange(count), random.integers(0, LENGTH, count)] = channel + 1
    return [videos, questions], bright[np.arange(count), channel]


def main():
    """Train both models and report their accuracies."""
    np.random.seed(1)
    random = np.random.default_rng(1)
    (videos, questions), answers = made_up(600, random)
    (new_videos, new_questions), new_answers = made_up(200, random)
    vision = vision_model()
    image = Input(shape=(SIZE, SIZE, 3))
    of_images = answering_model(vision(image), image)
    of_images.fit([videos[:, 0], questions], answers, epochs=30, verbose=0)
    accuracies = [of_images.evaluate([new_videos[:, 0], new_questions], new_answers, verbose=0)[1]]
    video = Input(shape=(FRAMES, SIZE, SIZE, 3))
    of_videos = answering_model(LSTM(24)(TimeDistributed(vision)(video)), video)
    of_videos.fit([videos, questions], answers, epochs=15, verbose=0)
    accuracies.append(of_videos.evaluate([new_videos, new_questions], new_answers, verbose=0)[1])
    print(f"accuracy on images {accuracies[0]:.3f}, on videos {accuracies[1]:.3f}")
    if min(accuracies) < 0.8:
        sys.exit("an accuracy is below 0.8")


if __name__ == "__main__":
    main()
