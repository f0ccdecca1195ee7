"""The integer algebra: whatever it simplifies keeps its value."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc import symbolic
from graphc.symbolic import Dim, Symbol

BATCH, TIME = symbolic.symbol("batch"), symbolic.symbol("time")
SIZES: tuple[Dim, ...] = (BATCH, TIME, 3, 5, BATCH * 3, TIME * 2)


def environments(*dims: Dim) -> list[dict[Symbol, int]]:
    """Every value of the loop variables in the dims, for a few sizes."""
    found: list[dict[Symbol, int]] = []
    for batch, time in ((1, 2), (2, 1), (3, 4)):
        sizes = {Symbol("batch"): batch, Symbol("time"): time}
        loops = sorted({s for d in dims for s in symbolic.symbols(d) if s.extent is not None}, key=str)
        ranges = [range(symbolic.evaluate(s.extent, sizes)) for s in loops if s.extent is not None]
        found += [sizes | dict(zip(loops, values)) for values in itertools.product(*ranges)]
    return found


@st.composite
def expressions(draw: st.DrawFn) -> Dim:
    """A sum of products of loop variables, sizes and small numbers: what index arithmetic is made of."""
    loops = [symbolic.symbol(f"i{n}", extent) for n, extent in enumerate(draw(st.permutations(SIZES))[:3])]
    terms = draw(
        st.lists(st.tuples(st.sampled_from(loops), st.sampled_from((*SIZES, 1)), st.integers(1, 4)), max_size=4)
    )
    total: Dim = draw(st.integers(0, 6))
    for variable, size, coefficient in terms:
        total = total + variable * size * coefficient
    return total


@settings(max_examples=400, deadline=None)
@given(expressions(), st.sampled_from(SIZES))
def test_division_keeps_its_value(a: Dim, b: Dim) -> None:
    quotient, remainder = symbolic.floordiv(a, b), symbolic.modulo(a, b)
    for environment in environments(a, b):
        x, y = symbolic.evaluate(a, environment), symbolic.evaluate(b, environment)
        assert symbolic.evaluate(quotient, environment) == x // y
        assert symbolic.evaluate(remainder, environment) == x % y


@pytest.mark.parametrize("constant", [-3, -1, 1, 3, 5])
def test_numbers_are_divided(constant: int) -> None:
    """What is not divided counts as nonnegative, which the quotient of -1 is not."""
    (size, *_) = SIZES
    assert symbolic.floordiv(2 * size + constant, 2) == size + constant // 2
    assert symbolic.modulo(2 * size + constant, 2) == constant % 2


@settings(max_examples=200, deadline=None)
@given(expressions(), st.sampled_from(SIZES), st.sampled_from(SIZES))
def test_nested_division_is_put_together_again(a: Dim, b: Dim, c: Dim) -> None:
    outer, middle, inner = (
        symbolic.floordiv(symbolic.floordiv(a, b), c),
        symbolic.modulo(symbolic.floordiv(a, b), c),
        symbolic.modulo(a, b),
    )
    together = symbolic.recombine(outer * b * c + middle * b + inner)
    for environment in environments(a, b, c):
        assert symbolic.evaluate(together, environment) == symbolic.evaluate(a, environment)


@settings(max_examples=200, deadline=None)
@given(expressions(), expressions())
def test_bounds_hold(a: Dim, b: Dim) -> None:
    for environment in environments(a, b):
        x, y = symbolic.evaluate(a, environment), symbolic.evaluate(b, environment)
        assert x <= symbolic.evaluate(symbolic.upper_bound(a), environment)
        assert not symbolic.is_less(a, b) or x < y
        assert not symbolic.is_nonnegative(a - b) or x >= y


@pytest.mark.parametrize("constant", [-5, -3, 0, 2])
@pytest.mark.parametrize("divisor", [2, 3])
def test_what_a_proof_says_of_quotients_holds(constant: int, divisor: int) -> None:
    quotient = symbolic.floordiv(TIME + constant, divisor)
    for dim in (quotient, quotient + 1, 2 * quotient - 1, BATCH * quotient, symbolic.floordiv(quotient + 1, 2)):
        values = [symbolic.evaluate(dim, {Symbol("batch"): 2, Symbol("time"): time}) for time in range(1, 9)]
        assert not symbolic.is_nonnegative(dim) or min(values) >= 0
    assert symbolic.is_nonnegative(quotient) == (constant > -2)


def test_flattening_and_unflattening_is_nothing() -> None:
    i, j = symbolic.symbol("i", BATCH), symbolic.symbol("j", 10)
    assert (i * 10 + j) // 10 == i
    assert (i * 10 + j) % 10 == j
    x = symbolic.symbol("x", BATCH * TIME * 5)
    assert symbolic.recombine((x // (TIME * 5)) * (TIME * 5) + ((x // 5) % TIME) * 5 + x % 5) == x


def test_equal_by_algebra_is_equal() -> None:
    assert (BATCH + 1) * (BATCH - 1) == BATCH * BATCH - 1
    assert hash(BATCH * 2 + TIME) == hash(TIME + BATCH + BATCH)
    assert BATCH - BATCH == 0
    assert symbolic.divide_exactly(BATCH * TIME * 6, TIME * 3) == BATCH * 2
    assert symbolic.divide_exactly(BATCH * 3, 2) is None


def test_affine_splits_off_a_variable() -> None:
    [variable] = symbolic.symbols(symbolic.symbol("i", 7))
    i = symbolic.symbol("i", 7)
    assert symbolic.affine(i * BATCH * 2 + TIME, variable) == (BATCH * 2, TIME)
    assert symbolic.affine(i * i, variable) is None
    assert symbolic.affine(symbolic.floordiv(i, 2) + i, variable) is None


def test_a_missing_size_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        symbolic.evaluate(BATCH, {})
