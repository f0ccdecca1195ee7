"""K.function: a callable that computes tensors and updates variables, compiled once for each learning phase."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import graphc
from graphc import dtypes, graph, ops
from graphc.errors import DTypeError, GraphError, OptionError, ShapeError, UsageError
from graphc.graph import PLACEHOLDER, Node
from graphc.keras.backend import phase
from graphc.keras.backend.tensor import Tensor, Variable, as_node
from graphc.keras.utils.location import located
from graphc.symbolic import Polynomial, Symbol

Array = np.ndarray[Any, Any]
_printed: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()
_changes: weakref.WeakKeyDictionary[Node, Callable[[Array], Array]] = weakref.WeakKeyDictionary()


def when_fetched(n: Node, change: Callable[[Array], Array]) -> None:
    """Let a K.function that returns `n` return change(value): for sizes that are known only from the values."""
    _changes[n] = change


def print_tensor(x: Any, message: str = "") -> Tensor:
    """Return x as a new tensor; a K.function that computes it prints `message` and its value to standard error."""
    n = ops.identity(as_node(x))
    _printed[n] = message
    return Tensor(n)


class Function:
    """Computes `outputs` and applies `updates` for given values of `inputs`.

    `inputs` may hold the learning phase, intermediate tensors and variables: the value given stands in their place.
    Outputs, and the new values of all updates, see variables as they are before the call.
    """

    def __init__(
        self,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        updates: Sequence[Any] | None = None,
        name: str | None = None,
        feed_dict: Mapping[Tensor, Any] | None = None,
        fetches: Sequence[Any] | Any = (),
    ) -> None:
        updates = () if updates is None else updates
        for what, given in (("inputs", inputs), ("outputs", outputs), ("updates", updates)):
            if not isinstance(given, (list, tuple)):
                raise UsageError(
                    located(f"`{what}` of a backend function should be a list or tuple, not {type(given).__name__}")
                )
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.name = name
        self.feed_dict = feed_dict if feed_dict is not None else {}
        fetched = fetches if isinstance(fetches, list) else [fetches] if isinstance(fetches, Tensor) else list(fetches)
        self._updates = _merge([*updates, *(f for f in fetched if isinstance(f, tuple))])
        self._output_nodes = [as_node(o) for o in self.outputs]
        self._phase_position = next(
            (i for i, x in enumerate(self.inputs) if not isinstance(x, Tensor) or phase.is_phase(x.node)), None
        )
        self._fed = tuple(x for i, x in enumerate(self.inputs) if i != self._phase_position)
        self._dtypes = [dtypes.numpy_dtype(x.node.dtype) for x in self._fed]
        roots = (*self._output_nodes, *(new for _, new in self._updates))
        _check_all_is_given(roots, [x.node for x in (*self._fed, *self.feed_dict)])
        self._depends_on_phase = any(phase.reached_from(n) for n in roots)
        self._prints = [n for n in graph.topological_order(roots) if n in _printed] if _printed else []
        self._changed = {i: _changes[n] for i, n in enumerate(self._output_nodes) if n in _changes}
        self._executables: dict[tuple[Any, ...], Callable[..., list[Array]]] = {}

    def __call__(self, inputs: Sequence[Any]) -> list[Array]:
        """Return the list of the outputs' values. Raises ShapeError where a value does not fit its input.

        A value may be a tensor, which is then computed in place of the input, or None: the input is not needed.
        """
        if not isinstance(inputs, (list, tuple)):
            raise UsageError(located("`inputs` should be a list or tuple."))
        if len(inputs) < len(self.inputs):
            raise GraphError(located(f"the function has {len(self.inputs)} inputs; {len(inputs)} values were given"))
        values, training = list(inputs), 0
        if self._phase_position is not None:
            training = int(bool(np.asarray(values.pop(self._phase_position) or 0)))
        fed, arrays = self._fed, []
        for position, dtype in enumerate(self._dtypes):
            value = values[position]
            if type(value) is np.ndarray and value.dtype == dtype:
                arrays.append(value)
            elif value is None or isinstance(value, Tensor):
                source = None if value is None else value.node
                fed = (*fed[:position], source, *fed[position + 1 :])
            else:
                arrays.append(fed_array(value, self._fed[position]))
        if self.feed_dict:
            arrays += [fed_array(value, x) for x, value in self.feed_dict.items()]
        # Scalars come as NumPy's scalars: they print and compare as numbers.
        results = [r if r.shape else r[()] for r in self._prepare(training, fed)(*arrays)]
        for position, change in self._changed.items():
            results[position] = change(results[position])
        if not self._prints:
            return results
        for n, value in zip(self._prints, results[len(self.outputs) :]):
            print(_printed[n], value, file=sys.stderr)
        return results[: len(self.outputs)]

    @property
    def is_printing(self) -> bool:
        """Tell whether a call prints values (`print_tensor`)."""
        return bool(self._prints)

    def executable(self, training: int = 0) -> Any:
        """Return the compiled program for learning phase 0 or 1.

        Its arguments are arrays for `inputs` without the learning phase, in their order.
        """
        return self._prepare(training, self._fed)

    def _prepare(self, training: int, fed: tuple[Any, ...]) -> Callable[..., list[Array]]:
        key = (training if self._depends_on_phase else 0, *fed)
        program = self._executables.get(key)
        if program is None:
            program = self._executables[key] = self._compile(training, fed)
        return program

    def _compile(self, training: int, fed: tuple[Any, ...]) -> Callable[..., list[Array]]:
        givens: dict[Node, Node] = {n: graph.constant(training, n.dtype) for n in phase.phases()}
        placeholders = []
        for x, source in [*zip(self._fed, fed), *((x, x) for x in self.feed_dict)]:
            if isinstance(source, Node):
                givens[x.node] = ops.cast(source, x.node.dtype)
            elif source is not None:
                placeholders.append(_input_node(x, givens))
        program: Callable[..., list[Array]] = graphc.function(
            placeholders, [*self._output_nodes, *self._prints], self._updates, givens=givens, name=self.name
        )
        return program


def _check_all_is_given(roots: Sequence[Node], given: Sequence[Node]) -> None:
    """Raise GraphError where the roots need a placeholder that is not given, nor what it leads to, nor a phase."""
    seen, stack = set(given), list(roots)
    while stack:
        n = stack.pop()
        if n in seen:
            continue
        seen.add(n)
        stack.extend(n.inputs)
        if n.op is PLACEHOLDER and not phase.is_phase(n):
            names = ", ".join(str(i.attrs.get("name") or i.op.name) for i in given) or "none"
            raise GraphError(
                located(
                    f"the outputs need '{n.attrs['name']}' {n.type} [{n.provenance}], which is not among the inputs of "
                    f"K.function ({names})"
                )
            )


def _input_node(x: Tensor, givens: dict[Node, Node]) -> Node:
    """Return the placeholder fed for `x`; where `x` is computed, a new one that stands in its place."""
    if x.node.op is PLACEHOLDER:
        return x.node
    shape = tuple(d if isinstance(d, int) or _is_symbol(d) else None for d in x.node.shape)
    givens[x.node] = graphc.placeholder(shape, x.node.dtype, x.name.removesuffix(":0"))
    return givens[x.node]


def _is_symbol(dim: Polynomial) -> bool:
    [monomial] = dim.terms if len(dim.terms) == 1 else [()]
    return len(monomial) == 1 and isinstance(monomial[0], Symbol) and dim.terms[monomial] == 1


def fed_array(value: Any, x: Tensor) -> Array:
    """Return the value as an array of the dtype of the input `x`, cast as Keras casts what it is fed.

    Raises DTypeError for what holds no real numbers, ShapeError for rows of different lengths.
    """
    try:
        array = np.asarray(value.toarray() if hasattr(value, "tocoo") else value)
    except ValueError as error:
        raise ShapeError(located(f"the value for {x.name} is no array: {error}")) from error
    try:
        if array.dtype.kind == "c":
            raise UsageError(located("imaginary parts would be lost"))
        return array.astype(dtypes.numpy_dtype(x.node.dtype), copy=False)
    except (TypeError, ValueError) as error:
        raise DTypeError(
            located(
                f"the value for {x.name}, of shape {array.shape}, holds {array.dtype}; "
                f"expected numbers of dtype {x.node.dtype}: {error}"
            )
        ) from error


def _merge(updates: Sequence[Any]) -> list[tuple[Node, Node]]:
    """Return (state node, new value) pairs; updates of one variable are applied one after the other."""
    merged: dict[Node, Node] = {}
    for pair in updates:
        x, new = pair
        if not isinstance(x, Variable):
            raise GraphError(f"only variables can be updated, not {x!r}")
        value = ops.cast(as_node(new, x.node), x.node.dtype)
        if x.node in merged:
            (value,) = graph.substitute((value,), {x.node: merged[x.node]})
        merged[x.node] = value
    return list(merged.items())


def function(
    inputs: Sequence[Any], outputs: Sequence[Any], updates: Sequence[Any] | None = None, **kwargs: Any
) -> Function:
    """Return a callable of a list of values for `inputs` that returns the list of `outputs`' values.

    `updates` is a list of (variable, new value). `feed_dict` (tensor -> value, read at each call) and `fetches`
    (more updates) are accepted as in Keras on TensorFlow. Raises OptionError for other keyword arguments.
    """
    for key in kwargs:
        if key not in ("name", "feed_dict", "fetches"):
            raise OptionError(located(f"Invalid argument '{key}' passed to K.function"))
    return Function(inputs, outputs, updates, **kwargs)
