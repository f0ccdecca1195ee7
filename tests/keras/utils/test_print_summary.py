"""print_summary: widths, columns, where the lines go, and the counts below."""

import pytest

from graphc.keras.layers import Dense, Input
from graphc.keras.models import Model, Sequential
from graphc.keras.utils import print_summary


def chain() -> Sequential:
    return Sequential([Dense(7, input_shape=(5,), name="a_rather_long_name_of_a_layer"), Dense(2, name="b")])


def lines_of(model: Model, **arguments: object) -> list[str]:
    lines: list[str] = []
    model.summary(print_fn=lines.append, **arguments)
    return lines


def test_line_length_and_columns() -> None:
    lines = lines_of(chain())
    assert {len(line) for line in lines if set(line) in ({"_"}, {"="})} == {65}
    wide = lines_of(chain(), line_length=100)
    assert {len(line) for line in wide if set(line) in ({"_"}, {"="})} == {100}
    # Fractions of the line, then characters.
    for positions in ([0.2, 0.6, 1.0], [20, 60, 100]):
        (row,) = [line for line in lines_of(chain(), line_length=100, positions=positions) if "(None, 7)" in line]
        assert row.startswith("a_rather_long_name_ (None, 7)")
        assert row[60:].strip() == "42"


def test_connections_take_more_room() -> None:
    a = Input((5,), name="a")
    b = Dense(3, name="b")(a)
    model = Model(a, [b, Dense(2, name="c")(b), Dense(2, name="d")(b)])
    lines = lines_of(model)
    assert {len(line) for line in lines if set(line) in ({"_"}, {"="})} == {98}
    assert sum("b[0][0]" in line for line in lines) == 2


def test_frozen_weights_are_counted_apart() -> None:
    model = chain()
    model.layers[0].trainable = False
    lines = lines_of(model)
    assert lines[-4:-1] == ["Total params: 58", "Trainable params: 16", "Non-trainable params: 42"]
    model.compile("sgd", "mse")
    model.layers[0].trainable = True
    # What was compiled counts.
    with pytest.warns(UserWarning, match="Discrepancy"):
        counted = lines_of(model)
    assert "Trainable params: 16" in counted


def test_unbuilt_models_have_none() -> None:
    with pytest.raises(ValueError, match="has not been built"):
        Sequential([Dense(3)]).summary()


def test_printed_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(chain(), 80)
    assert "Layer (type)" in capsys.readouterr().out
