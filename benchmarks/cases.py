"""The cases: what each measures, by whom, and how far their numbers may differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A benchmark.

    `contenders` are names of peers, each with a variant or without ("jax", "jax scan"); the first is what the others
    are compared with. `unit` is what the seconds are of; `tolerance` is relative to the largest number compared;
    `turn` is how long a contender is timed at a stretch, in seconds; `most_rounds` bounds the rounds of slow cases.
    """

    name: str
    title: str
    figures: tuple[str, ...]
    contenders: tuple[str, ...]
    unit: str
    tolerance: float = 1e-3
    turn: float = 0.3
    most_rounds: int = 1000


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case(
            "mlp_step",
            "training 784-512-10 (relu, softmax) on batches of 128: RMSprop, categorical cross-entropy",
            ("step on arrays", "step within an epoch"),
            ("graphc", "jax", "jax scan", "torch", "torch compile", "pytensor", "keras", "tf_keras"),
            "step",
            tolerance=3e-3,
            turn=0.5,
        ),
        Case(
            "call_dense",
            "calling Dense 10 -> 10 on one row",
            ("call",),
            (
                "graphc native",
                "graphc executable",
                "graphc function",
                "onnxruntime",
                "onnxruntime binding",
                "torch",
                "jax",
                "openvino",
            ),
            "call",
        ),
        Case(
            "mlp_batch1",
            "784-512-10 (relu, softmax) on one row",
            ("call",),
            (
                "graphc native",
                "graphc function",
                "graphc predict",
                "onnxruntime",
                "onnxruntime binding",
                "torch",
                "torch compile",
                "jax",
                "openvino",
            ),
            "call",
        ),
        Case(
            "housing_fit",
            "training 13-64-64-1 (relu, linear) row by row: RMSprop, mean squared error, 404 rows an epoch",
            ("step within an epoch",),
            ("graphc", "jax", "jax scan", "torch", "torch compile", "pytensor", "keras", "tf_keras"),
            "step",
            turn=0.5,
        ),
        Case(
            "sequence_fit",
            "training a small convolutional network (28x28, batches of 128) on batches that a Sequence makes "
            "meanwhile: a random half mirrored, brightness changed",
            ("step within an epoch",),
            ("graphc", "graphc sequence"),
            "step",
            turn=1.0,
        ),
        *(
            Case(
                name,
                f"training {text}: RMSprop, categorical cross-entropy",
                ("step on arrays",),
                ("graphc", "graphc fast", "jax", "torch", "torch compile", "keras", "tf_keras"),
                "step",
                tolerance=3e-3,
                turn=1.0,
            )
            for name, text in (
                ("mnist_cnn_step", "28x28x1, 3x3 convolutions 32-64, maximum, dense 128-10, on batches of 128"),
                ("vgg_like_step", "100x100x3, 3x3 convolutions 32-32, 64-64, dense 256-10, on batches of 32"),
            )
        ),
        *(
            Case(
                name,
                f"{text}, random weights, float32 images",
                ("batch 1", "batch 8"),
                ("graphc", "graphc fast", "onnxruntime", "openvino", "jax", "torch", "torch compile"),
                "call",
                turn=1.0,
            )
            for name, text in (
                ("resnet50", "ResNet50 on 224 x 224"),
                ("vgg16", "VGG16 on 224 x 224"),
                ("mobilenet", "MobileNet on 224 x 224"),
                ("inception_v3", "InceptionV3 on 299 x 299"),
            )
        ),
        Case(
            "resnet50_step",
            "training ResNet50 on 8 images of 224 x 224 (32 on a GPU): RMSprop, categorical cross-entropy",
            ("step on arrays",),
            ("graphc", "graphc fast", "jax", "torch", "torch compile"),
            "step",
            tolerance=1e-2,
            turn=1.0,
            most_rounds=3,
        ),
        Case(
            "layouts",
            "the same networks on images that are channels last, and channels first",
            ("MNIST CNN step", "ResNet50, batch 1", "ResNet50, batch 8"),
            ("graphc", "graphc channels_first"),
            "call",
            tolerance=3e-3,
            turn=1.0,
        ),
        Case(
            "lstm_stack",
            "training three LSTM layers of 32 units, softmax of 10, on 64 sequences of 8 x 16: RMSprop",
            ("step on arrays",),
            ("graphc", "jax", "torch", "keras", "tf_keras"),
            "step",
            tolerance=3e-3,
            turn=0.5,
        ),
        Case(
            "lstm_words",
            "training an embedding of 20000 words, LSTM of 128 units, sigmoid of 1, on 32 sequences of 80 words: Adam",
            ("step on arrays",),
            ("graphc", "jax", "torch", "keras", "tf_keras"),
            "step",
            tolerance=3e-3,
            turn=1.0,
        ),
        Case(
            "lstm_row",
            "the same network on one sequence",
            ("call",),
            ("graphc native", "graphc predict", "onnxruntime", "onnxruntime binding", "torch", "jax"),
            "call",
        ),
        Case(
            "elementwise",
            "gelu(a x + b) * sigmoid(c x) - log1p(exp(x)) on vectors of float32, gelu by tanh",
            ("10^4", "10^6", "10^7"),
            ("graphc", "numpy", "numexpr", "jax", "torch", "torch compile", "pytensor"),
            "call",
            tolerance=1e-5,
        ),
        Case(
            "import_time",
            "importing, in a fresh process",
            ("import",),
            ("graphc", "graphc keras", "numpy", "onnxruntime", "jax", "torch", "pytensor", "keras", "tf_keras"),
            "import",
        ),
        Case(
            "first_result",
            "ResNet50 in a fresh process, from the import to the first prediction for an image of 224 x 224",
            ("no cache", "cached"),
            ("graphc", "keras", "tf_keras"),
            "result",
            most_rounds=3,
        ),
        Case(
            "first_call",
            "first call of 64-32-10 in a fresh process after its imports: what compiling costs",
            ("predict, no cache", "predict, cached", "training step, no cache", "training step, cached"),
            ("graphc", "onnxruntime", "jax", "torch", "torch compile", "pytensor", "keras"),
            "call",
            most_rounds=3,
        ),
    )
}
