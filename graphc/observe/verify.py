"""verify(): a compiled program against the NumPy meaning of its graph, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from graphc import dtypes, symbolic
from graphc.compile import compile_graph
from graphc.graph import (
    Graph,
    Node,
    TensorType,
    bind_dims,
    evaluate_nodes,
    fresh_identity,
    placeholder,
    rebuild,
    substitute_dims,
)
from graphc.observe.programs import example_arrays, programs_of
from graphc.records import record
from graphc.runtime import Column, Executable, table_text

Array = np.ndarray[Any, Any]
# Nodes that are compiled together, each on arguments of its own.
_TOGETHER = 48
_SHOWN = 20
_ROWS = 3
_TINY = 1e-30


@record
class Difference:
    """How far a compiled value is from NumPy's.

    `ulps` is the largest difference in units in the last place of the tensor's largest element (of a sum, of the
    largest sum of its terms' magnitudes: terms that cancel leave their rounding behind); `absolute` the largest
    difference. Where one is not finite and the other is, both are infinite. Integers that differ count as
    infinitely far.
    """

    what: str
    place: str
    ulps: float
    absolute: float


@record
class Verification:
    """The differences of a program: each node on NumPy's values of its inputs, and the results of the whole."""

    name: str
    nodes: tuple[Difference, ...]
    results: tuple[Difference, ...]

    @property
    def worst(self) -> float:
        """The largest difference of a node, in ulps."""
        return max((d.ulps for d in self.nodes), default=0.0)

    def __str__(self) -> str:
        columns = (Column("ulps", right=True), Column("absolute", right=True), Column("what", 60), Column("where", 60))
        ordered = sorted(self.nodes, key=lambda d: -d.ulps)[:_SHOWN]
        parts = [
            f"{self.name}: {len(self.nodes)} nodes, each on NumPy's values of its inputs; the farthest:",
            table_text(columns, [_row(d) for d in ordered]),
            "",
            "the whole program:",
            table_text(columns, [_row(d) for d in self.results]),
        ]
        return "\n".join(parts)


def verify(value: Any, arrays: Sequence[Any] | None = None) -> list[Verification]:
    """Return for each program of a model or of what else has some how far it is from its NumPy meaning.

    `arrays` are the arguments where there is one program; else they are random ones of a few rows. States keep
    their values. Raises GraphcError for what has no program.
    """
    programs = programs_of(value)
    return [
        _verified(name, program, arrays if arrays is not None and len(programs) == 1 else None)
        for name, program in programs.items()
    ]


def _verified(name: str, program: Executable, arrays: Sequence[Any] | None) -> Verification:
    graph: Graph = program.graph
    arguments = example_arrays(program.plan, rows=_ROWS, extent=_ROWS) if arrays is None else arrays
    values: dict[Node, Array] = {}
    environment: dict[symbolic.Symbol, int] = {}
    for n, argument in zip(graph.inputs, arguments):
        values[n] = np.asarray(argument, dtypes.numpy_dtype(n.dtype))
        bind_dims(n, values[n].shape, environment)
    with np.errstate(all="ignore"):
        evaluate_nodes(graph.nodes, values, environment)
    computed = [n for n in graph.nodes if n.inputs]
    nodes: list[Difference] = []
    for start in range(0, len(computed), _TOGETHER):
        nodes += _each_alone(computed[start : start + _TOGETHER], values, environment)
    return Verification(name, tuple(nodes), tuple(_whole(program, arguments, values)))


def _each_alone(nodes: Sequence[Node], values: dict[Node, Array], environment: dict[Any, int]) -> list[Difference]:
    """Compile nodes into one program, each on placeholders of its own, and compare them."""
    inputs: list[Node] = []
    arguments: list[Array] = []
    outputs: list[Node] = []
    for n in nodes:
        own = []
        for i in n.inputs:
            if i.op.name == "constant":
                own.append(i)
                continue
            type_ = TensorType(values[i].shape, i.dtype)
            own.append(placeholder(type_, f"v{len(inputs)}", fresh_identity()))
            inputs.append(own[-1])
            arguments.append(values[i])
        attrs = {name: substitute_dims(v, environment) for name, v in n.attrs.items()}
        outputs.append(rebuild(n, tuple(own), attrs))
    found = compile_graph(Graph(tuple(inputs), tuple(outputs)), "nodes")(*arguments)
    return [
        _difference(f"{n.op.name} {n.type}", str(n.provenance), f, values[n], _magnitude(n, values, environment))
        for n, f in zip(nodes, found)
    ]


def _magnitude(n: Node, values: dict[Node, Array], environment: dict[Any, int]) -> float:
    """Return the largest magnitude that a rounding error of n is relative to."""
    result = values[n]
    if dtypes.is_float(n.dtype) and (n.op.kind == "contraction" or n.op.fold == "sum"):
        terms = {i: np.abs(values[i]) for i in n.inputs}
        evaluate_nodes((n,), terms, environment)
        result = terms[n]
    if not dtypes.is_float(n.dtype):
        return 0.0
    finite = np.abs(np.asarray(result, np.float64))
    return float(finite[np.isfinite(finite)].max(initial=0.0))


def _whole(program: Executable, arguments: Sequence[Any], values: dict[Node, Array]) -> list[Difference]:
    """Run the whole program and compare its outputs and the new values of its states."""
    graph: Graph = program.graph
    states = [state.attrs["state"] for state, _ in graph.updates]
    before = [state.get_value() for state in states]
    try:
        outputs = program(*arguments)
        after = [state.get_value() for state in states]
    finally:
        for state, value in zip(states, before):
            state.set_value(value)
    outputs = [outputs] if program.single else outputs
    found = [
        _difference(f"output {i}: {n.type}", str(n.provenance), array, values[n])
        for i, (n, array) in enumerate(zip(graph.outputs, outputs))
    ]
    return found + [
        _difference(f"new value of '{state.name}': {new.type}", str(new.provenance), array, values[new])
        for state, (_, new), array in zip(states, graph.updates, after)
    ]


def _difference(what: str, place: str, compiled: Array, expected: Array, magnitude: float = 0.0) -> Difference:
    if not np.issubdtype(expected.dtype, np.inexact) and expected.dtype.name != "bfloat16":
        same = np.array_equal(compiled, expected)
        return Difference(what, place, 0.0 if same else np.inf, 0.0 if same else np.inf)
    a, b = np.asarray(compiled, np.float64), np.asarray(expected, np.float64)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    if not np.isfinite(a[~alike]).all() or not np.isfinite(b[~alike]).all():
        return Difference(what, place, np.inf, np.inf)
    absolute = float(np.abs(a[~alike] - b[~alike]).max(initial=0.0))
    largest = max(magnitude, np.abs(b[np.isfinite(b)]).max(initial=0.0), _TINY)
    epsilon: Any = ml_dtypes.finfo(expected.dtype)  # type: ignore[no-untyped-call]
    return Difference(what, place, absolute / (float(epsilon.eps) * 2.0 ** np.floor(np.log2(largest))), absolute)


def _row(d: Difference) -> tuple[str, str, str, str]:
    return f"{d.ulps:.1f}", f"{d.absolute:.1e}", d.what, d.place
