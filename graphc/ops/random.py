"""Random numbers by a counter-based generator: the same bits for any number of threads and on every target.

Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; 2011). Element e of an op
has the counter (e mod 2**32, e div 2**32, call, stream) and the key (seed low, seed high xor call high), where the
call is counted by the state and the stream tells apart the ops that draw from one state.
"""

# mypy: disable-error-code="misc"
# (the functions of a Primitive are rules, not methods: they have no self)
from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphc import dtypes, ops, symbolic
from graphc.errors import DTypeError
from graphc.graph import STATE, Node, State, TensorType, apply, constant
from graphc.loopir import Call, Const, Expr
from graphc.ops.axes import Shape, as_shape
from graphc.ops.define import Array, Operand, Primitive, builder
from graphc.ops.lowering import LoadInput, Position, as_value
from graphc.symbolic import Dim

_WORD = 2**32
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_streams: weakref.WeakKeyDictionary[State, Iterator[int]] = weakref.WeakKeyDictionary()


def philox(counter: Sequence[Array], key: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    """Return the four uint32 words of Philox 4x32-10 for counters of four words and keys of two (uint64 arrays)."""
    shape = np.broadcast_shapes(*(np.shape(c) for c in (*counter, *key)))
    c0, c1, c2, c3 = (np.broadcast_to(np.asarray(c, np.uint64), shape).copy() for c in counter)
    k0, k1 = (np.asarray(k, np.uint64) for k in key)
    first, second = np.empty(shape, np.uint64), np.empty(shape, np.uint64)
    mask, half = np.uint64(_WORD - 1), np.uint64(32)
    # In place: first values of large weights are drawn by this too.
    for _ in range(10):
        np.multiply(c0, np.uint64(_MULTIPLIERS[0]), out=first)
        np.multiply(c2, np.uint64(_MULTIPLIERS[1]), out=second)
        np.right_shift(second, half, out=c0)
        np.bitwise_xor(c0, c1, out=c0)
        np.bitwise_xor(c0, k0, out=c0)
        np.bitwise_and(second, mask, out=c1)
        np.right_shift(first, half, out=c2)
        np.bitwise_xor(c2, c3, out=c2)
        np.bitwise_xor(c2, k1, out=c2)
        np.bitwise_and(first, mask, out=c3)
        k0, k1 = (k0 + np.uint64(_KEY_STEPS[0])) & mask, (k1 + np.uint64(_KEY_STEPS[1])) & mask
    return tuple(c.astype(np.uint32) for c in (c0, c1, c2, c3))  # type: ignore[return-value]


class RandomBits(Primitive, name="random_bits", kind="movement", cost=60):
    """32 random bits an element, from a state of four uint32 words: seed low, seed high, call low, call high.

    `stream` tells apart the draws of one call, `word` (0 to 3) the four words that one counter gives. With `first` and
    `step`, element e has the counter that element first + e * step has without.
    """

    def infer(state: TensorType, shape: Shape, stream: int, word: int, first: int = 0, step: int = 1) -> TensorType:
        if (state.shape, state.dtype) != ((4,), "uint32"):
            raise DTypeError(f"takes a random state uint32[4], not {state}")
        return TensorType(shape, "uint32")

    def ref(state: Array, shape: tuple[int, ...], stream: int, word: int, first: int = 0, step: int = 1) -> Array:
        element = np.arange(math.prod(shape), dtype=np.uint64) * np.uint64(step) + np.uint64(first)
        seed_low, seed_high, call_low, call_high = state.astype(np.uint64)[:, np.newaxis]
        stream_word = np.full(1, stream % _WORD, np.uint64)
        counter = (element % np.uint64(_WORD), element // np.uint64(_WORD), call_low, stream_word)
        return philox(counter, (seed_low, seed_high ^ call_high))[word].reshape(shape)

    def lower(n: Node, index: Position, load: LoadInput) -> Expr:
        element: Dim = 0
        for position, size in zip(index, n.shape):
            element = element * size + position
        element = element * n.attrs.get("step", 1) + n.attrs.get("first", 0)
        seed_low, seed_high, call_low, call_high = (load(0, (word,)) for word in range(4))
        key_high = Call("bitwise_xor", (seed_high, call_high), "uint32")
        stream = Const(n.attrs["stream"] % _WORD, "uint32")
        counter = (as_value(element, "uint32"), _high_word(element), call_low, stream)
        return Call("philox", (Const(n.attrs["word"], "uint32"), *counter, seed_low, key_high), "uint32")

    samples = (
        lambda rng: ((_some_state(rng),), {"shape": (3, 5), "stream": 0, "word": 0}),
        lambda rng: ((_some_state(rng),), {"shape": (), "stream": 2, "word": 3}),
        lambda rng: ((_some_state(rng),), {"shape": (0, 4), "stream": 1, "word": 1}),
        lambda rng: ((_some_state(rng),), {"shape": (5, 2), "stream": 1, "word": 2, "first": 3, "step": 256}),
    )


def _some_state(rng: np.random.Generator) -> Array:
    return rng.integers(0, _WORD, 4, np.uint32)


def _high_word(element: Dim) -> Expr:
    if symbolic.floordiv(element, _WORD) == 0:
        return Const(0, "uint32")
    high = Call("right_shift", (as_value(element), Const(32, "int64")), "int64")
    return Call("cast", (high,), "uint32")


def random_state(seed: int) -> State:
    """Return the state of a random generator: uint32[4], the seed's low and high word, then the count of calls.

    Every program that reads it adds one to the count. Seeds are taken modulo 2**64.
    """
    low, high = seed % _WORD, (seed // _WORD) % _WORD
    return State(np.array([low, high, 0, 0], np.uint32), f"random_state_{seed}", default_update=_next_call)


def _next_call(state: Node) -> Node:
    one = constant(np.array([0, 0, 1, 0], np.uint32))
    carry = constant(np.array([0, 0, 0, 1], np.uint32))
    is_full = ops.equal(state[2], constant(_WORD - 1, "uint32"))
    return state + one + ops.where(is_full, carry, 0)


@builder
def random_bits(
    shape: Dim | Sequence[Dim], state: State | Node, stream: int | None = None, word: int = 0, first: int = 0,
    step: int = 1,
) -> Node:  # fmt: skip
    """Return random uint32 bits; `stream` defaults to a number no other draw from this state has.

    With `first` and `step`, element e is the one that is at first + e * step of draws without.
    """
    n = state.node if isinstance(state, State) else state
    if stream is None:
        stream = next(_streams.setdefault(n.attrs["state"], itertools.count())) if n.op is STATE else 0
    places = {} if (first, step) == (0, 1) else {"first": first, "step": step}
    return apply(RandomBits.op, n, shape=as_shape(shape), stream=stream, word=word, **places)


@builder
def random_uniform(
    shape: Dim | Sequence[Dim], state: State | Node, minval: Operand = 0.0, maxval: Operand = 1.0,
    dtype: Any = "float32",
) -> Node:  # fmt: skip
    """Return numbers drawn uniformly from [minval, maxval), floats with 24 random bits, float64 with 53.

    For integer dtypes the range must be below 2**24.
    """
    name = dtypes.canonical(dtype)
    if dtypes.is_integer(name):
        unit = _unit(shape, state, "float32")
        low = ops.full((), minval, name)
        width = ops.cast(ops.full((), maxval, name) - low, "float32")
        return low + ops.cast(ops.floor(unit * width), name)
    compute = dtypes.TABLE[name].compute
    unit = _unit(shape, state, compute)
    if not (isinstance(minval, (int, float)) and isinstance(maxval, (int, float))):
        low, high = ops.cast(minval, compute), ops.cast(maxval, compute)
        return ops.cast(low + unit * (high - low), name)
    scaled = unit if maxval - minval == 1 else unit * float(maxval - minval)
    return ops.cast(scaled if minval == 0 else scaled + float(minval), name)


def _unit(shape: Dim | Sequence[Dim], state: State | Node, dtype: str) -> Node:
    """Return numbers of [0, 1)."""
    bits = random_bits(shape, state)
    if dtype != "float64":
        return ops.cast(ops.right_shift(bits, 8), "float32") * 2.0**-24
    low = apply(RandomBits.op, bits.inputs[0], **{**bits.attrs, "word": 1})
    high_bits = ops.cast(ops.right_shift(bits, 5), "float64")
    return (high_bits * 2.0**26 + ops.cast(ops.right_shift(low, 6), "float64")) * 2.0**-53


def _symmetric(shape: Dim | Sequence[Dim], state: State | Node, dtype: str) -> Node:
    """Return numbers of (-1, 1), symmetric about 0 and never at the ends."""
    bits = ops.cast(ops.right_shift(random_bits(shape, state), 9), dtype)
    return (bits + 0.5) * 2.0**-22 - 1.0


@builder
def random_normal(
    shape: Dim | Sequence[Dim], state: State | Node, mean: Operand = 0.0, stddev: Operand = 1.0,
    dtype: Any = "float32",
) -> Node:  # fmt: skip
    """Return numbers of the normal distribution: 23 random bits through its inverse distribution function."""
    name = dtypes.canonical(dtype)
    unit = ops.erfinv(_symmetric(shape, state, dtypes.TABLE[name].compute)) * math.sqrt(2.0)
    return ops.cast(unit * stddev + mean, name)


@builder
def random_truncated_normal(
    shape: Dim | Sequence[Dim], state: State | Node, mean: Operand = 0.0, stddev: Operand = 1.0,
    dtype: Any = "float32",
) -> Node:  # fmt: skip
    """Return numbers of the normal distribution, none further than two standard deviations from the mean."""
    name = dtypes.canonical(dtype)
    inside = _symmetric(shape, state, dtypes.TABLE[name].compute) * math.erf(math.sqrt(2.0))
    unit = ops.erfinv(inside) * math.sqrt(2.0)
    return ops.cast(unit * stddev + mean, name)


@builder
def random_bernoulli(shape: Dim | Sequence[Dim], state: State | Node, p: Operand = 0.5, dtype: Any = "float32") -> Node:
    """Return ones with probability p (a number or a node that broadcasts), zeros otherwise."""
    return ops.cast(ops.less(_unit(shape, state, "float32"), p), dtype)
