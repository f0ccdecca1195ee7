"""unify_dims: dims that shape rules assume equal become one."""

from __future__ import annotations

from graphc import symbolic
from graphc.errors import ShapeError
from graphc.graph import (
    PLACEHOLDER,
    Graph,
    Node,
    TensorType,
    assumed_equalities,
    dims_of,
    inheriting,
    map_bodies,
    placeholder,
    rebuild,
    substitute_dims,
)
from graphc.symbolic import Dim, Symbol, bare_symbol


def unify_dims(graph: Graph) -> Graph:
    """Replace symbols by what the shape rules make them equal to, so that equal dims look equal.

    Two inputs that are added have one batch size; a symbol that meets an int is that int. Inputs become new
    placeholders of the same identity, in the same order. Raises ShapeError where dims cannot be equal.

        %0 = placeholder x : float32[a, 3]       %0 = placeholder x : float32[a, 3]
        %1 = placeholder y : float32[b, 3]       %1 = placeholder y : float32[a, 3]
        %2 = add(%0, %1) : float32[a, 3]    ->   %2 = add(%0, %1) : float32[a, 3]
    """
    equalities = list(assumed_equalities(graph))
    if not equalities:
        return graph
    order = [bare_symbol(dim) for n in graph.inputs for dim in n.shape]
    bound = {symbol: position for position, symbol in reversed(list(enumerate(order))) if symbol is not None}
    return _replaced(graph, _solve(equalities, bound))


def _solve(equalities: list[tuple[Dim, Dim, Node]], bound: dict[Symbol, int]) -> dict[Symbol, Dim]:
    solved: dict[Symbol, Dim] = {}
    for a, b, n in equalities:
        a, b = symbolic.substitute(a, solved), symbolic.substitute(b, solved)
        if a == b:
            continue
        if isinstance(a, int) and isinstance(b, int):
            place = f" [{n.provenance}]" if str(n.provenance) else ""
            given = ", ".join(str(i.type) for i in n.inputs)
            raise ShapeError(f"{n.op.name}({given}): {a} and {b} would have to be equal{place}")
        found = _isolate(a, b, bound)
        if found is None:
            # Not solvable for one symbol (a quotient, a product): left to the shapes at run time.
            continue
        symbol, dim = found
        solved = {s: symbolic.substitute(d, {symbol: dim}) for s, d in solved.items()}
        solved[symbol] = dim
    return solved


def _isolate(a: Dim, b: Dim, bound: dict[Symbol, int]) -> tuple[Symbol, Dim] | None:
    """Solve a == b for one symbol. A bare symbol first, the one bound last by the inputs (or by none) of two."""
    last = len(bound) + 1
    bare = [(bound.get(s, last * 1000), s, other) for s, other in ((bare_symbol(a), b), (bare_symbol(b), a)) if s]
    for _, symbol, other in sorted(bare, key=lambda t: -t[0]):
        if symbol not in symbolic.symbols(other):
            return symbol, other
    difference = a - b
    for symbol in sorted(symbolic.symbols(difference), key=lambda s: -bound.get(s, last * 1000)):
        parts = symbolic.affine(difference, symbol)
        if parts is not None and parts[0] in (1, -1):
            return symbol, parts[1] * (-1 if parts[0] == 1 else 1)
    return None


def _replaced(graph: Graph, solved: dict[Symbol, Dim]) -> Graph:
    """Return the graph with symbols replaced in placeholders' types and in attributes, types inferred again.

    Bodies go first: the dims of a body are those of the graph around it.
    """
    if not solved:
        return graph
    graph = map_bodies(graph, lambda body: _replaced(body, solved))
    new: dict[Node, Node] = {}
    for n in (*graph.inputs, *graph.nodes):
        if n in new:
            continue
        if n.op is PLACEHOLDER:
            type_ = TensorType(substitute_dims(n.shape, solved), n.dtype)
            with inheriting(n.provenance):
                new[n] = placeholder(type_, n.attrs["name"], n.attrs["identity"])
            continue
        changed = any(True for value in n.attrs.values() for _ in dims_of(value))
        attrs = {name: substitute_dims(value, solved) for name, value in n.attrs.items()} if changed else None
        new[n] = rebuild(n, tuple(new[i] for i in n.inputs), attrs)
    return Graph(
        tuple(new[n] for n in graph.inputs),
        tuple(new[n] for n in graph.outputs),
        tuple((state, new[value]) for state, value in graph.updates),
    )
