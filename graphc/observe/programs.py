"""The compiled programs of whatever one wants to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc import dtypes, symbolic, viz
from graphc.compile import compile_graph
from graphc.errors import GraphcError
from graphc.graph import Graph
from graphc.loopir import Plan
from graphc.runtime import Executable
from graphc.symbolic import Symbol

# Rows, and other run-time sizes, of arguments that nobody gave.
ROWS = EXTENT = 32
_MOST_DOUBLINGS = 6


def programs_of(value: Any, name: str = "program") -> dict[str, Executable]:
    """Return the programs of a model (what predicts; where it is compiled, what trains), of a backend function, an
    executable, a graph, or nodes.

    Raises GraphcError for anything else.
    """
    if isinstance(value, Executable):
        return {value.name: value}
    if viz.is_model(value):
        return _programs_of_model(value)
    if callable(getattr(value, "executable", None)):
        return {str(getattr(value, "name", None) or name): value.executable(0)}
    graph = viz.graph_of(value)
    if graph is None:
        kind = type(value).__name__
        raise GraphcError(f"cannot look into a {kind}: give a model, a compiled function, a graph or nodes")
    return {name: compile_graph(_closed(graph), name)}


def _programs_of_model(model: Any) -> dict[str, Executable]:
    """Models are known by their shape: this room imports no front end."""
    model._make_predict_function()
    found = {"predict": model.predict_function.executable(0)}
    if getattr(model, "optimizer", None) is not None:
        model._make_train_function()
        found["train"] = model.train_function.executable(1)
    return found


def _closed(graph: Graph) -> Graph:
    """Return the graph with the placeholders that it needs as its inputs."""
    return Graph((*graph.inputs, *graph.free_placeholders), graph.outputs, graph.updates)


def sizes_of(plan: Plan, arrays: Sequence[Any] = (), rows: int = ROWS, extent: int = EXTENT) -> dict[Symbol, int]:
    """Return the run-time sizes that arrays give; without arrays, `rows` for first axes and `extent` for the others,
    doubled where the program needs more (images that windows and strides leave something of).
    """
    leading = {symbolic.bare_symbol(argument.shape[0]) for argument in plan.arguments if argument.shape}
    sizes = {s: rows if s in leading else extent for s in plan.sizes}
    for argument, array in zip(plan.arguments, arrays):
        for dim, size in zip(argument.shape, np.shape(array)):
            found = symbolic.bare_symbol(dim)
            if found is not None:
                sizes[found] = size
    return sizes if len(arrays) else _grown(plan, sizes, leading)


def _grown(plan: Plan, sizes: dict[Symbol, int], fixed: set[Symbol | None]) -> dict[Symbol, int]:
    """Return the sizes, those that are not fixed doubled until the plan's requirements hold, or can not so."""
    for _ in range(_MOST_DOUBLINGS):
        unmet = [r for r in plan.requirements if symbolic.evaluate(r.left - r.right, sizes) != 0]
        short = {s for r in unmet for dim in (r.left, r.right) for s in symbolic.symbols(dim)} - fixed
        if not short:
            break
        sizes = {s: 2 * size if s in short else size for s, size in sizes.items()}
    return sizes


def example_arrays(plan: Plan, seed: int = 0, rows: int = ROWS, extent: int = EXTENT) -> list[np.ndarray[Any, Any]]:
    """Return arrays for a plan's arguments: standard normal floats, zeros of other dtypes, ones for flat weights.

    Run-time sizes are those of `sizes_of`.
    """
    generator = np.random.default_rng(seed)
    sizes = sizes_of(plan, rows=rows, extent=extent)
    arrays: list[np.ndarray[Any, Any]] = []
    for argument in plan.arguments:
        shape = tuple(symbolic.evaluate(d, sizes) for d in argument.shape)
        dtype = dtypes.numpy_dtype(argument.dtype)
        if not dtypes.is_float(argument.dtype):
            arrays.append(np.zeros(shape, dtype))
        elif len(shape) < 2:
            arrays.append(np.ones(shape, dtype))
        else:
            arrays.append(generator.standard_normal(shape).astype(dtype))
    return arrays
