"""Batches of images: from arrays, from folders, from tables."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import ShapeError
from graphc.keras.preprocessing import image
from graphc.keras.preprocessing.image import ImageDataGenerator
from graphc.keras.utils import OrderedEnqueuer, Sequence

pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'graphc[image]'")
pytest.importorskip("scipy", reason="SciPy is not installed: pip install 'graphc[image]'")

X = np.arange(7 * 4 * 5 * 3, dtype="float32").reshape(7, 4, 5, 3)
Y = np.arange(7) * 10


def flow(*arguments: Any, generator: Any = None, **options: Any) -> Any:
    return (generator or ImageDataGenerator()).flow(*arguments, **{"batch_size": 3, "shuffle": False, **options})


def test_batches_in_order() -> None:
    batches = flow(X, Y)
    assert isinstance(batches, Sequence) and isinstance(batches, image.Iterator) and len(batches) == 3
    seen = [next(batches) for _ in range(4)]
    assert [y.tolist() for _, y in seen] == [[0, 10, 20], [30, 40, 50], [60], [0, 10, 20]]
    np.testing.assert_array_equal(seen[1][0], X[3:6])
    assert seen[0][0].dtype == np.float32
    batches.reset()
    assert next(batches)[1].tolist() == [0, 10, 20]
    assert iter(batches) is batches


def test_what_is_yielded() -> None:
    weights = np.arange(7) / 2
    further = np.arange(14).reshape(7, 2)
    assert isinstance(next(flow(X)), np.ndarray)
    x, y, w = next(flow(X, Y, sample_weight=weights))
    assert (y.tolist(), w.tolist()) == ([0, 10, 20], [0, 0.5, 1])
    x, y = next(flow((X, further), Y))
    np.testing.assert_array_equal(x[1], further[:3])
    x = next(flow((X, [further, weights])))
    assert [part.shape for part in x] == [(3, 4, 5, 3), (3, 2), (3,)]


def test_batches_as_a_sequence() -> None:
    batches = flow(X, Y)
    assert batches[2][1].tolist() == [60]
    with pytest.raises(ValueError, match="There is no batch 3: the Sequence has 3 batches"):
        batches[3]


def test_shuffling() -> None:
    batches = flow(X, Y, shuffle=True, seed=4)
    again = flow(X, Y, shuffle=True, seed=4)
    first = [next(batches)[1].tolist() for _ in range(3)]
    assert first == [next(again)[1].tolist() for _ in range(3)]
    flat = [y for batch in first for y in batch]
    assert sorted(flat) == Y.tolist() != flat
    assert [next(batches)[1].tolist() for _ in range(3)] != first
    as_sequence = flow(X, Y, shuffle=True)
    epoch = np.concatenate([as_sequence[i][1] for i in range(3)])
    as_sequence.on_epoch_end()
    assert set(epoch) == set(Y) and not np.array_equal(epoch, np.concatenate([as_sequence[i][1] for i in range(3)]))


def test_seeds_give_the_same_images_and_masks() -> None:
    generator = ImageDataGenerator(rotation_range=90, width_shift_range=0.4, horizontal_flip=True)
    images, masks = (flow(X, generator=generator, shuffle=True, seed=9) for _ in range(2))
    seen = [next(images) for _ in range(4)]
    for made in seen:
        np.testing.assert_array_equal(made, next(masks))
    assert not np.array_equal(seen[0], seen[3])


def test_the_data_are_left_alone() -> None:
    x = X.copy()
    next(flow(x, generator=ImageDataGenerator(rescale=0.1, vertical_flip=True, samplewise_center=True)))
    np.testing.assert_array_equal(x, X)


def test_the_generator_is_applied() -> None:
    generator = ImageDataGenerator(rescale=0.5, height_shift_range=[1], dtype="float64")
    batch = next(flow(X, generator=generator))
    assert batch.dtype == np.float64
    for made, x in zip(batch, X):
        assert any(np.allclose(made, x[rows] / 2) for rows in ([0, 0, 1, 2], [1, 2, 3, 3]))


def test_subsets_of_arrays() -> None:
    generator = ImageDataGenerator(validation_split=0.3)
    classes = np.array([0, 1, 0, 1, 0, 1, 0])
    training = flow(X, classes, generator=generator, subset="training", sample_weight=Y)
    validation = flow((X, Y), classes, generator=generator, subset="validation")
    assert (training.n, validation.n) == (5, 2)
    assert next(training)[2].tolist() == [20, 30, 40]
    assert next(validation)[0][1].tolist() == [0, 10]
    assert flow(X, generator=generator, subset="training").n == 5
    with pytest.raises(ValueError, match="different classes"):
        flow(X, Y, generator=generator, subset="training")
    with pytest.raises(ValueError, match='`subset` must be "training" or "validation"'):
        flow(X, generator=generator, subset="test")


def test_bad_arrays() -> None:
    with pytest.raises(ValueError, match="All of the arrays in `x` must have one length, got 7 images beside 6 rows"):
        flow((X, Y[:6]))
    with pytest.raises(ValueError, match=r"`x` \(images tensor\) and `y` \(labels\) must have one length, got 7 and 6"):
        flow(X, Y[:6])
    with pytest.raises(ValueError, match="`sample_weight` must have one length"):
        flow(X, Y, sample_weight=Y[:6])
    with pytest.raises(ShapeError, match=r"rank 4, got shape \(7, 4, 5\)"):
        flow(X[..., 0])
    with pytest.warns(UserWarning, match="have 5 channels"):
        flow(X.transpose(0, 1, 3, 2))
    with pytest.raises(ValueError, match="no images to make batches of"):
        next(flow(X[:0]))


def test_images_are_saved(tmp_path: Path) -> None:
    next(flow(X, save_to_dir=str(tmp_path), save_prefix="p", save_format="bmp"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rsplit("_", 1)[0] for name in names] == ["p_0", "p_1", "p_2"]
    assert all(name.endswith(".bmp") and image.load_img(tmp_path / name).size == (5, 4) for name in names)


def test_processes_get_batches() -> None:
    batches = pickle.loads(pickle.dumps(flow(X, Y)))
    assert next(batches)[1].tolist() == [0, 10, 20]
    enqueuer = OrderedEnqueuer(flow(X, Y), use_multiprocessing=True)
    enqueuer.start(workers=2)
    items = enqueuer.get()
    assert [next(items)[1].tolist() for _ in range(4)] == [[0, 10, 20], [30, 40, 50], [60], [0, 10, 20]]
    enqueuer.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eleven pictures of one colour: cats 0 to 5 (two of them deeper), dogs 6 to 10; and what is no picture."""
    for i in range(11):
        place = tmp_path / ("cats" if i < 6 else "dogs") / ("deep" if i in (1, 3) else "")
        place.mkdir(parents=True, exist_ok=True)
        image.save_img(place / f"p{i:02}.png", np.full((6, 8, 3), i * 10), scale=False)
    (tmp_path / "cats" / "notes.txt").touch()
    (tmp_path / "alone.png").touch()
    return tmp_path


def read(folder: Path, generator: Any = None, **options: Any) -> Any:
    generator = generator or ImageDataGenerator()
    return generator.flow_from_directory(folder, **{"target_size": (4, 5), "shuffle": False, **options})


def test_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batches = read(folder, batch_size=4)
    assert capsys.readouterr().out == "Found 11 images belonging to 2 classes.\n"
    assert batches.class_indices == {"cats": 0, "dogs": 1}
    assert (batches.samples, batches.num_classes, len(batches)) == (11, 2, 3)
    assert batches.filenames[:6] == [f"cats/p{i:02}.png" for i in (0, 2, 4, 5)] + [
        f"cats/deep/p{i:02}.png" for i in (1, 3)
    ]
    assert batches.classes.tolist() == [0] * 6 + [1] * 5 and batches.classes.dtype == np.int32
    x, y = batches[1]
    assert (x.shape, x.dtype, y.dtype) == ((4, 4, 5, 3), np.float32, np.float32)
    assert x[:, 0, 0, 0].tolist() == [10, 30, 60, 70]
    assert y.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("class_mode", "targets", "dtype"),
    [
        ("binary", [0, 1, 1], "float32"),
        ("sparse", [0, 1, 1], "int32"),
        ("categorical", [[1, 0], [0, 1], [0, 1]], "float32"),
    ],
)
def test_class_modes(folder: Path, class_mode: str, targets: Any, dtype: str) -> None:
    _, y = read(folder, class_mode=class_mode, batch_size=11)[0]
    assert y[5:8].tolist() == targets
    assert y.dtype == dtype


def test_images_as_targets_or_none(folder: Path) -> None:
    x, y = read(folder, class_mode="input")[0]
    np.testing.assert_array_equal(x, y)
    assert not np.shares_memory(x, y)
    assert read(folder, class_mode=None)[0].shape == (11, 4, 5, 3)


def test_orders_of_channels_and_classes(folder: Path) -> None:
    first = ImageDataGenerator(data_format="channels_first")
    assert read(folder, first, color_mode="rgba")[0][0].shape == (11, 4, 4, 5)
    assert read(folder, color_mode="grayscale")[0][0].shape == (11, 4, 5, 1)
    batches = read(folder, classes=["dogs", "cats"])
    assert batches.class_indices == {"dogs": 0, "cats": 1}
    assert batches.classes.tolist() == [0] * 5 + [1] * 6
    assert read(folder, classes=["dogs"]).samples == 5


def test_folders_are_transformed(folder: Path) -> None:
    generator = ImageDataGenerator(rescale=0.5, preprocessing_function=lambda x: x + 2)
    x, _ = read(folder, generator)[0]
    assert x[6:, 2, 3, 1].tolist() == [31, 36, 41, 46, 51]


def test_subsets_of_folders(folder: Path) -> None:
    generator = ImageDataGenerator(validation_split=0.4)
    training, validation = (read(folder, generator, subset=subset) for subset in ("training", "validation"))
    assert (training.classes.tolist(), validation.classes.tolist()) == ([0] * 4 + [1] * 3, [0] * 2 + [1] * 2)
    assert set(training.filenames) | set(validation.filenames) == set(read(folder).filenames)


def test_links_and_saving(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    linked = tmp_path_factory.mktemp("linked")
    (linked / "all").mkdir()
    (linked / "all" / "cats").symlink_to(folder / "cats")
    assert read(linked).samples == 0
    batches = read(linked, follow_links=True, save_to_dir=str(linked), save_prefix="s", batch_size=2)
    assert batches.samples == 6
    next(batches)
    assert len(list(linked.glob("s_*.png"))) == 2


def test_bad_folders(folder: Path) -> None:
    for option in ("color_mode", "class_mode", "subset"):
        with pytest.raises(ValueError, match=f"`{option}` must be"):
            read(folder, **{option: "other"})
    (folder / "cats" / "wide.tiff").touch()
    with pytest.warns(UserWarning, match="will be distorted"):
        read(folder)


def tabled(folder: Path, table: Any, **options: Any) -> Any:
    options = {"target_size": (4, 5), "shuffle": False, **options}
    return ImageDataGenerator().flow_from_dataframe(table, folder, **options)


def test_tables(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = {"filename": ["p07.png", "p01.png", "gone.png", "p00.png", "p07.png"], "class": ["b", "a", "c", "b", "a"]}
    batches = tabled(folder, table)
    assert capsys.readouterr().out == "Found 3 images belonging to 3 classes.\n"
    assert batches.filenames == ["cats/p00.png", "cats/deep/p01.png", "dogs/p07.png"]
    assert batches.class_indices == {"b": 0, "a": 1, "c": 2}
    x, y = batches[0]
    assert x[:, 0, 0, 0].tolist() == [0, 10, 70]
    assert y.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    _, y = tabled(folder, table, classes=["c", "b", "a"], class_mode="sparse")[0]
    assert y.tolist() == [1, 2, 1]


def test_tables_of_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = {"name": ["p02", "p08"], "age": [2.5, 8.5], "word": ["x", "y"]}
    x, y = tabled(folder, table, x_col="name", y_col="age", has_ext=False, class_mode="other")[0]
    assert capsys.readouterr().out == "Found 2 images.\n"
    assert (x[:, 0, 0, 0].tolist(), y.tolist()) == ([20, 80], [2.5, 8.5])
    assert tabled(folder, table, x_col="name", has_ext=False, class_mode=None)[0].shape == (2, 4, 5, 3)
    with pytest.raises(TypeError, match="The column word must hold numbers"):
        tabled(folder, table, x_col="name", y_col="word", has_ext=False, class_mode="other")
    with pytest.raises(ValueError, match="holds x, y, not among `classes`"):
        tabled(folder, table, x_col="name", y_col="word", has_ext=False, classes=["z"])
    with pytest.raises(ValueError, match="`classes` cannot be given"):
        tabled(folder, table, x_col="name", has_ext=False, class_mode=None, classes=["z"])
