"""Records behave as frozen dataclasses with slots do."""

from __future__ import annotations

import copy
import pickle
from typing import Any, ClassVar

import pytest

from graphc.records import as_dict, record, replace


@record
class Point:
    """A place."""

    x: int
    y: int = 2
    origin: ClassVar[int] = 0

    @property
    def total(self) -> int:
        return self.x + self.y


@record
class Named(Point):
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a name is needed")

    def __hash__(self) -> int:
        return 7


@record(uncompared=("label",))
class Labelled:
    size: int
    label: str = ""


@record(eq=False)
class Single:
    size: int


def test_fields_are_parameters_with_defaults() -> None:
    assert (Point(5).x, Point(5).y, Point(y=3, x=1).total) == (5, 2, 4)
    assert repr(Point(5)) == "Point(x=5, y=2)"
    assert Point.origin == 0
    assert Point.__doc__ == "A place."


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_missing_and_surplus_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(TypeError):
        Point(*arguments)


def test_equality_is_that_of_the_fields_within_a_class() -> None:
    assert Point(1, 3) == Point(1, 3) != Point(3, 1)
    assert Point(1) != Named(1, name="a")
    assert Point(1) != (1, 2)
    assert len({Point(1, 3), Point(1, 3), Point(3, 1)}) == 2


def test_uncompared_fields_make_no_difference() -> None:
    assert Labelled(3, "a") == Labelled(3, "b") != Labelled(4, "a")
    assert hash(Labelled(3, "a")) == hash(Labelled(3, "b"))


def test_without_eq_a_record_equals_only_itself() -> None:
    one = Single(3)
    assert one == one and one != Single(3)
    assert len({one, Single(3)}) == 2


def test_records_are_immutable_and_have_no_other_attributes() -> None:
    point: Any = Point(1)
    with pytest.raises(AttributeError, match="'x' of Point cannot be changed"):
        point.x = 2
    with pytest.raises(AttributeError, match="'x' of Point cannot be changed"):
        del point.x
    assert not hasattr(point, "__dict__")


def test_a_record_has_the_fields_of_the_one_it_derives_from_first() -> None:
    named = Named(1, 4, "a")
    assert as_dict(named) == {"x": 1, "y": 4, "name": "a"}
    assert named.total == 5


def test_own_methods_are_kept() -> None:
    assert hash(Named(1, name="a")) == 7
    with pytest.raises(ValueError, match="a name is needed"):
        Named(1)


def test_replace_changes_what_is_named_and_checks_again() -> None:
    assert replace(Named(1, 4, "a"), x=3) == Named(3, 4, "a")
    with pytest.raises(ValueError, match="a name is needed"):
        replace(Named(1, name="a"), name="")


def test_records_match_by_position_and_by_name() -> None:
    match Named(1, 4, "a"):
        case Named(x, 4, name=name):
            assert (x, name) == (1, "a")
        case _:
            raise AssertionError


def test_records_are_copied_and_pickled() -> None:
    named = Named(1, 4, "a")
    assert copy.deepcopy(named) == pickle.loads(pickle.dumps(named)) == named
