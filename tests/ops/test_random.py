"""Random numbers: known answers, independence of draws, distributions, and states that advance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from graphc import ops
from graphc.compile import function, placeholder
from graphc.errors import DTypeError
from graphc.graph import as_node, evaluate_node
from graphc.ops.random import philox

COUNT = 20_000


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)  # fmt: skip
def test_philox_gives_its_published_words(counter: Any, key: Any, words: Any) -> None:
    assert tuple(int(w) for w in philox(counter, key)) == words


@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (lambda s: ops.random_uniform((COUNT,), s), scipy.stats.uniform),
        (lambda s: ops.random_uniform((COUNT,), s, -2.0, 3.0, "float64"), scipy.stats.uniform(-2, 5)),
        (lambda s: ops.random_normal((COUNT,), s), scipy.stats.norm),
        (lambda s: ops.random_normal((COUNT,), s, 3.0, 0.5), scipy.stats.norm(3, 0.5)),
        (lambda s: ops.random_truncated_normal((COUNT,), s), scipy.stats.truncnorm(-2, 2)),
        (lambda s: ops.random_truncated_normal((COUNT,), s, 1.0, 2.0), scipy.stats.truncnorm(-2, 2, 1, 2)),
    ],
)
def test_distribution(draw: Any, distribution: Any) -> None:
    values = evaluate_node(draw(ops.random_state(2024)))
    assert scipy.stats.kstest(values, distribution.cdf).pvalue > 0.01


def test_bounds() -> None:
    state = ops.random_state(7)
    uniform = evaluate_node(ops.random_uniform((COUNT,), state))
    assert uniform.min() >= 0 and uniform.max() < 1
    truncated = evaluate_node(ops.random_truncated_normal((COUNT,), state))
    assert np.abs(truncated).max() <= 2
    whole = evaluate_node(ops.random_uniform((COUNT,), state, -3, 4, "int32"))
    assert whole.dtype == np.int32 and set(np.unique(whole)) == set(range(-3, 4))
    assert np.isfinite(evaluate_node(ops.random_normal((COUNT,), state))).all()


def test_bernoulli_has_its_rate() -> None:
    state = ops.random_state(7)
    assert evaluate_node(ops.random_bernoulli((COUNT,), state, 0.3)).mean() == pytest.approx(0.3, abs=0.015)
    each = evaluate_node(ops.random_bernoulli((COUNT, 2), state, as_node(np.array([0.0, 1.0], np.float32)), "bool"))
    assert not each[:, 0].any() and each[:, 1].all()


def test_draws_of_one_state_differ_and_seeds_repeat() -> None:
    def draws(seed: int) -> list[Any]:
        state = ops.random_state(seed)
        return [evaluate_node(ops.random_uniform((50,), state)) for _ in range(2)]

    first, second = draws(3), draws(3)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert np.abs(np.corrcoef(first[0], first[1])[0, 1]) < 0.5
    assert not np.array_equal(first[0], draws(4)[0])
    assert not np.array_equal(first[0], draws(3 + 2**32)[0])


def test_a_program_advances_the_state_it_reads() -> None:
    state = ops.random_state(5)
    x = placeholder((None, 3))
    f = function([x], x + ops.random_uniform((x.shape[0], 3), state))
    zeros = np.zeros((4, 3), np.float32)
    first, second = f(zeros), f(zeros)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(state.get_value(), [5, 0, 2, 0])
    state.set_value(np.array([5, 0, 0, 0], np.uint32))
    np.testing.assert_array_equal(f(zeros), first)
    state.set_value(np.array([5, 0, 0, 0], np.uint32))
    # A row's numbers do not depend on how many rows there are.
    np.testing.assert_array_equal(f(zeros[:2]), first[:2])


def test_the_count_of_calls_carries_into_its_high_word() -> None:
    state = ops.random_state(5)
    state.set_value(np.array([5, 0, 2**32 - 1, 3], np.uint32))
    assert state.default_update is not None
    np.testing.assert_array_equal(evaluate_node(state.default_update(state.node)), [5, 0, 0, 4])


def test_the_mask_of_a_step_is_one_node() -> None:
    bits = ops.random_bits((3, 4), ops.random_state(1))
    again = ops.random_bits((3, 4), bits.inputs[0], stream=bits.attrs["stream"])
    assert again is bits


def test_first_and_step_choose_among_the_draws() -> None:
    state = ops.random_state(7)
    every, some = ops.random_bits((40,), state, 3, 2), ops.random_bits((3, 4), state, 3, 2, first=5, step=3)
    meant = evaluate_node(some)
    values = function([], [every, some])()
    np.testing.assert_array_equal(values[1].ravel(), values[0][5::3])
    np.testing.assert_array_equal(meant, values[1])


def test_refuses_what_is_no_state() -> None:
    with pytest.raises(DTypeError, match=r"uint32\[4\]"):
        ops.random_bits((3,), as_node(np.zeros(4)))
