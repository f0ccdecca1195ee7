"""Loops over the first axis or the time of a tensor: recurrence, folds and maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import graphc
from graphc import ops
from graphc.errors import ShapeError
from graphc.graph import Node
from graphc.keras.backend.tensor import Tensor, as_node
from graphc.keras.utils.location import located
from graphc.records import record

# (input of a step, states and constants) -> (output, new states)
StepFunction = Callable[[Any, Any], tuple[Any, Any]]
# (input of a step, its mask or None, output before, states) -> (output, new states)
_Advance = Callable[[Node, Node | None, Node | None, Sequence[Node]], tuple[Node, list[Node]]]


def rnn(
    step_function: StepFunction,
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return (last output, outputs, last states) of a step repeated over time.

    `inputs` is (batch, time, ...), `mask` (batch, time) or with a last axis of size 1. `step_function(input, states)`
    takes (batch, ...) and the list of states followed by `constants`, and returns an output and the new states. Outputs
    have shape (batch, time, ...) and are in the order of the steps: from the last time on with `go_backwards`. Where
    the mask is False states stay, and the output is state 0 from before the step (with `unroll`: the output before,
    zeros at first). `unroll` writes every step into the graph, which needs a known time.

    Raises ShapeError for inputs of fewer than three axes, for `unroll` over an unknown time, for a mask without states.
    """
    x = as_node(inputs)
    if x.rank < 3:
        raise ShapeError(located(f"K.rnn needs inputs of at least 3 axes (batch, time, ...), not {x.type}"))
    states = [as_node(s) for s in initial_states]
    if mask is not None and not states:
        raise ShapeError(located("K.rnn needs initial states where there is a mask"))
    further = list(constants or ())

    def advance(now: Node, kept: Node | None, before: Node | None, old: Sequence[Node]) -> tuple[Node, list[Node]]:
        output, new = step_function(Tensor(now), [*map(Tensor, old), *further])
        results, output = [as_node(s) for s in new], as_node(output)
        if kept is None:
            return output, results
        before = ops.zeros_like(output) if before is None else before
        return _held(kept, output, before), [_held(kept, *pair) for pair in zip(results, old)]

    steps = ops.swapaxes(x, 0, 1)
    masks = None if mask is None else _steps_of_mask(as_node(mask))
    loop = _unrolled if unroll else _scanned
    last, outputs, states = loop(advance, _Sequence(steps, masks, go_backwards), states)
    return Tensor(last), Tensor(outputs), [Tensor(s) for s in states]


@record
class _Sequence:
    steps: Node
    masks: Node | None
    is_reversed: bool


def _steps_of_mask(mask: Node) -> Node:
    flat = ops.squeeze(mask, 2) if mask.rank == 3 else mask
    return ops.swapaxes(ops.cast(flat, "bool"), 0, 1)


def _held(mask: Node, new: Node, old: Node) -> Node:
    """Return rows of `new` where the mask (batch,) holds, of `old` elsewhere."""
    fits = new.rank == old.rank and all(
        a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(new.shape, old.shape)
    )
    if not fits:
        raise ShapeError(
            f"a mask keeps {old.type} in the place of {new.type}: under a mask the output of a step must have the "
            "shape of its first state, and every state must keep its shape"
        )
    return ops.where(ops.reshape(mask, (*mask.shape, *(1,) * (new.rank - 1))), new, old)


def _unrolled(advance: _Advance, sequence: _Sequence, states: list[Node]) -> tuple[Node, Node, list[Node]]:
    length = sequence.steps.shape[0]
    if not isinstance(length, int) or length == 0:
        message = f"unrolling needs a known number of steps above 0, not {length}: give the time axis a size"
        raise ShapeError(located(message))
    outputs: list[Node] = []
    for position in reversed(range(length)) if sequence.is_reversed else range(length):
        mask = None if sequence.masks is None else sequence.masks[position]
        output, states = advance(sequence.steps[position], mask, outputs[-1] if outputs else None, states)
        outputs.append(output)
    return outputs[-1], ops.stack(outputs, 1), states


def _scanned(advance: _Advance, sequence: _Sequence, states: list[Node]) -> tuple[Node, Node, list[Node]]:
    # What the step makes at its first call and keeps (masks of dropout) is made here: it belongs to no step.
    advance(sequence.steps[0], None, None, states)
    positions: list[int | None] = []

    def step(now: Node, *rest: Node) -> tuple[list[Node], list[Node]]:
        kept, old = (None, rest) if sequence.masks is None else (rest[0], rest[1:])
        output, new = advance(now, kept, old[0] if old else None, old)
        positions.append(next((i for i, state in enumerate(new) if state is output), None))
        return new, [output]

    sequences = [sequence.steps] if sequence.masks is None else [sequence.steps, sequence.masks]
    finals, (stacked,) = graphc.scan(step, sequences, states, reverse=sequence.is_reversed)
    outputs = ops.swapaxes(stacked, 0, 1)
    if sequence.is_reversed:
        outputs = ops.flip(outputs, 1)
    # An output that is a state needs no history where only the last one is asked for.
    last = stacked[0 if sequence.is_reversed else -1] if positions[-1] is None else finals[positions[-1]]
    return last, outputs, list(finals)


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: str | None = None) -> Tensor:
    """Return fn(row), stacked, for each row of the first axis; a tuple of tensors gives tuples of rows.

    `dtype` is that of the result (None: what `fn` makes).
    """
    rows = _tensors(elems)

    def step(*now: Node) -> tuple[list[Node], list[Node]]:
        result = as_node(fn(_as_given(elems, now)))
        return [], [result if dtype is None else ops.cast(result, dtype)]

    _, (stacked,) = graphc.scan(step, rows, [])
    return Tensor(stacked, name)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Return fn(...fn(fn(initializer, row 0), row 1)...); the first row starts where there is no initializer."""
    return _fold(fn, elems, initializer, name, is_reversed=False)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """Return `foldl` from the last row to the first."""
    return _fold(fn, elems, initializer, name, is_reversed=True)


def _fold(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, name: str | None, is_reversed: bool) -> Any:
    rows = _tensors(elems)
    if initializer is None:
        start = _as_given(elems, [n[-1 if is_reversed else 0] for n in rows])
        rows = [n[:-1] if is_reversed else n[1:] for n in rows]
    else:
        start = initializer

    def step(*now: Node) -> tuple[list[Node], list[Node]]:
        given, before = now[: len(rows)], now[len(rows) :]
        return _tensors(fn(_as_given(start, before), _as_given(elems, given))), []

    initials = [as_node(s) for s in _tensors(start)]
    finals, _ = graphc.scan(step, rows, initials, reverse=is_reversed)
    result = _as_given(start, finals)
    return Tensor(result.node, name) if isinstance(result, Tensor) else result


def _tensors(value: Any) -> list[Node]:
    return [as_node(v) for v in value] if isinstance(value, (list, tuple)) else [as_node(value)]


def _as_given(value: Any, nodes: Sequence[Node]) -> Any:
    """Return tensors in the form of `value`: a tuple for several, else one tensor."""
    found = tuple(Tensor(n) for n in nodes)
    return found if isinstance(value, (list, tuple)) else found[0]
