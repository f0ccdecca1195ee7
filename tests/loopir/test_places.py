"""Expressions at one place of a loop."""

from __future__ import annotations

from graphc.loopir import Call, Const, Expr, Index, Load, at_places
from graphc.symbolic import Symbol, modulo, of_atom, value

ZERO = Const(0.0, "float32")
ROW, TAP = Symbol("i", 12), Symbol("r", 3)
i, r = of_atom(ROW), of_atom(TAP)


def padded() -> Expr:
    """Element i + r of twelve elements with one zero before and one behind."""
    inside = Call(
        "logical_and",
        (
            Call("less_equal", (Const(1, "int64"), Index(i + r)), "bool"),
            Call("less", (Index(i + r - 1), Const(12, "int64")), "bool"),
        ),
        "bool",
    )
    return Call("where", (inside, Load("x", i + r - 1, "float32", inside, ZERO), ZERO), "float32")


def test_conditions_that_always_hold_go() -> None:
    assert at_places(padded(), {TAP: 1}) == Load("x", i, "float32")


def test_conditions_that_may_fail_stay_in_the_load() -> None:
    first = Call("less_equal", (Const(1, "int64"), Index(i)), "bool")
    assert at_places(padded(), {TAP: 0}) == Load("x", i - 1, "float32", first, ZERO)
    last = Call("less", (Index(i + 1), Const(12, "int64")), "bool")
    assert at_places(padded(), {TAP: 2}) == Load("x", i + 1, "float32", last, ZERO)


def test_a_choice_between_other_values_stays() -> None:
    inside = Call("less", (Index(i + r), Const(12, "int64")), "bool")
    e = Call("where", (inside, Load("x", i, "float32", inside, ZERO), Const(1.0, "float32")), "float32")
    assert at_places(e, {TAP: 1}) != Load("x", i, "float32", inside, ZERO)
    assert at_places(e, {TAP: 0}) == Load("x", i, "float32")


def test_divisions_and_computed_positions_are_followed() -> None:
    place = value(Load("p", r, "int64"))
    assert at_places(Load("x", place + modulo(i + r, 3), "float32"), {TAP: 2}) == Load(
        "x", value(Load("p", 2, "int64")) + modulo(i + 2, 3), "float32"
    )
    assert at_places(Index(modulo(r, 2)), {TAP: 2}) == Index(0)


def test_shared_parts_stay_shared() -> None:
    e: Expr = Load("x", r, "float32")
    for _ in range(60):
        e = Call("add", (e, e), "float32")
    placed = at_places(e, {TAP: 2})
    assert isinstance(placed, Call) and placed.arguments[0] is placed.arguments[1]
