"""IR 2: how to compute. The whole grammar of the loop IR; records, read with `match`.

    Kernel    = LoopKernel | ContractKernel
    Statement = For | Let | Store | Fold
    Expr      = Const | Index | Load | Local | Call

A buffer is flat; offsets count elements and are `Dim`s over size symbols (run-time dims), loop symbols and
`symbolic.Value(Expr)` atoms (data-dependent indices). Arithmetic happens in `dtypes.TABLE[dtype].compute`.

`PRIMITIVES` is the closed set of scalar operations; every target spells all of them, a gap is a failing test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from graphc.records import record
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Symbol, Value

# name -> number of arguments. Comparisons and logic give bool; `where` takes (bool, a, b); `cast` changes dtype.
PRIMITIVES: dict[str, int] = {
    "add": 2, "subtract": 2, "multiply": 2, "divide": 2, "floor_divide": 2, "remainder": 2,
    "minimum": 2, "maximum": 2, "power": 2, "arctan2": 2,
    "negative": 1, "absolute": 1, "sign": 1, "floor": 1, "ceil": 1, "rint": 1,
    "exp": 1, "expm1": 1, "log": 1, "log1p": 1, "sqrt": 1, "rsqrt": 1, "tanh": 1, "sigmoid": 1, "erf": 1,
    "erfinv": 1, "sin": 1, "cos": 1, "tan": 1, "arcsin": 1, "arccos": 1, "arctan": 1, "sinh": 1, "cosh": 1,
    "equal": 2, "not_equal": 2, "less": 2, "less_equal": 2,
    "logical_and": 2, "logical_or": 2, "logical_xor": 2, "logical_not": 1,
    "bitwise_and": 2, "bitwise_or": 2, "bitwise_xor": 2, "left_shift": 2, "right_shift": 2,
    "where": 3, "cast": 1,
    # philox(word 0..3, counter0, counter1, counter2, counter3, key0, key1) -> uint32: one word of Philox 4x32-10.
    # The first argument is a Const; the others are uint32.
    "philox": 7,
}  # fmt: skip

# combiner -> whether the folded value is a position rather than a value
COMBINERS = {
    "sum": False, "prod": False, "max": False, "min": False, "any": False, "all": False,
    "argmax": True, "argmin": True,
}  # fmt: skip


@record
class Const:
    """A literal; `value` is a bool, int or float that the dtype can hold."""

    value: bool | int | float
    dtype: str

    def __eq__(self, other: object) -> bool:
        # repr tells -0.0 from 0.0 and 1 from True, and nan is itself.
        return isinstance(other, Const) and (repr(self.value), self.dtype) == (repr(other.value), other.dtype)

    def __hash__(self) -> int:
        return hash((repr(self.value), self.dtype))


@record
class Index:
    """An integer expression of loop and size symbols, as a value."""

    dim: Dim
    dtype: str = "int64"


@record
class Load:
    """The element of a buffer at an offset. Where `guard` is false nothing is read and the value is `other`."""

    buffer: str
    offset: Dim
    dtype: str
    guard: Expr | None = None
    other: Const | None = None


@record
class Local:
    """The value that a Let or a Fold of this name bound."""

    name: str
    dtype: str


@record
class Call:
    """A scalar primitive on expressions; `dtype` is the result's."""

    primitive: str
    arguments: tuple[Expr, ...]
    dtype: str


Expr = Union[Const, Index, Load, Local, Call]


@record
class Let:
    """Bind a scalar to a name for the rest of the enclosing body."""

    name: str
    value: Expr


@record
class Store:
    """Write an element; with `accumulate`, add to it."""

    buffer: str
    offset: Dim
    value: Expr
    accumulate: bool = False


@record
class Fold:
    """Bind `name` to the fold of `value` over nested loops (outermost first), with `body` run before each value.

    The order of combination is fixed by the extents alone. argmax and argmin bind the position (row-major over
    the loops, the first extremum) as `dtype`.
    """

    name: str
    combine: str
    loops: tuple[tuple[Symbol, Dim], ...]
    value: Expr
    dtype: str
    body: tuple[Let, ...] = ()


@record
class For:
    """Run the body for symbol = 0 .. extent - 1.

    `parallel`: iterations are independent and may be split over threads (outermost loops only).
    `vector`: iterations are independent and may run as lanes (innermost loops only: no For inside).
    """

    symbol: Symbol
    extent: Dim
    body: tuple[Statement, ...]
    parallel: bool = False
    vector: bool = False


Statement = Union[For, Let, Store, Fold]


@record
class Parameter:
    """A buffer of a kernel: its name inside the kernel, its dtype, whether the kernel writes it."""

    name: str
    dtype: str
    writable: bool = False


@record(uncompared=("label",))
class LoopKernel:
    """Loops over buffers. Statements run in order.

    The body is one top-level parallel For (split over threads), or statements without a parallel For (one
    thread runs them).
    """

    parameters: tuple[Parameter, ...]
    sizes: tuple[Symbol, ...]
    body: tuple[Statement, ...]
    label: str = ""


@record(uncompared=("label",))
class ContractKernel:
    """result[batch, m, n] = sum over k of left[batch, m, k] * right[batch, k, n], then an epilogue an element.

    `left` and `right` are Loads (their offsets affine in the loop symbols, unguarded). `epilogue` are Lets and
    Stores over `batch`, `row` and `column` that read the sum as `Local("sum", dtype)`; loads and stores in it
    are affine in `column`. `row` and `column` are (symbol, extent); `batch` and `depth` are nested loops of such,
    the outermost first: `depth` has at least one.

    `beside` are right operands of further sums with the same left one, which the epilogue reads as `sum1`, `sum2`, ...:
    Loads of the same buffer as `right` at a fixed distance from it.
    """

    parameters: tuple[Parameter, ...]
    sizes: tuple[Symbol, ...]
    batch: tuple[tuple[Symbol, Dim], ...]
    row: tuple[Symbol, Dim]
    column: tuple[Symbol, Dim]
    depth: tuple[tuple[Symbol, Dim], ...]
    left: Load
    right: Load
    dtype: str
    epilogue: tuple[Let | Store, ...]
    label: str = ""
    beside: tuple[Load, ...] = ()

    def number(self, buffer: str) -> int:
        """Return the number of the parameter of this name."""
        return [p.name for p in self.parameters].index(buffer)

    @property
    def rights(self) -> tuple[Load, ...]:
        """The right operands of all sums."""
        return (self.right, *self.beside)

    @property
    def sums(self) -> tuple[Local, ...]:
        """What the epilogue reads the sums as."""
        return tuple(Local(sum_name(i), self.dtype) for i in range(len(self.rights)))


def sum_name(number: int) -> str:
    """Return the name of a contraction's sum of this number."""
    return f"sum{number}" if number else "sum"


Kernel = Union[LoopKernel, ContractKernel]


def expressions(e: Expr) -> Iterator[Expr]:
    """Yield e and every expression inside it, those in offsets and guards too; shared ones as often as they occur."""
    yield e
    for part in parts(e):
        yield from expressions(part)


def parts(e: Expr) -> Iterator[Expr]:
    """Yield the expressions that e is made of, those in offsets and guards too."""
    match e:
        case Call(_, arguments, _):
            yield from arguments
        case Load(_, offset, _, guard, _):
            yield from _in_dim(offset)
            if guard is not None:
                yield guard
        case Index(dim, _):
            yield from _in_dim(dim)


def _in_dim(dim: Dim) -> Iterator[Expr]:
    if isinstance(dim, int):
        return
    for monomial in dim.terms:
        for atom in monomial:
            yield from _in_atom(atom)


def _in_atom(atom: Atom) -> Iterator[Expr]:
    match atom:
        case Value(payload):
            yield payload  # type: ignore[misc]
        case FloorDiv(numerator, divisor) | Modulo(numerator, divisor):
            yield from _in_dim(numerator)
            yield from _in_dim(divisor)
