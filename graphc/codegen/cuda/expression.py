"""Loop-IR expressions as CUDA C: every distinct value once, in a constant of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from graphc.codegen.cuda.math import COMPUTE, SPELLINGS, convert, literal, loaded, stored
from graphc.errors import CompileError
from graphc.loopir import Call, Const, Expr, Index, Let, Load, Local, Parameter, Store
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Symbol, Value, is_nonnegative


class CudaWriter:
    """Lines of C, indented by block; values that are in scope are not written twice."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0
        self._count = 0
        # One table a block, outermost first: what a constant was bound to -> its name.
        self._known: list[dict[str, str]] = [{}]

    def line(self, text: str) -> None:
        """Write a line."""
        self.lines.append("  " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write `head {`, what is written inside, and `}`."""
        self.line(f"{head} {{".lstrip())
        self._depth += 1
        self._known.append({})
        yield
        self._known.pop()
        self._depth -= 1
        self.line("}")

    def name(self, hint: str) -> str:
        """Return a name that no other call returned."""
        self._count += 1
        return f"{hint}{self._count}"

    def constant(self, kind: str, text: str) -> str:
        """Return the name of a constant bound to an expression; the one in scope where there is one."""
        key = f"{kind} {text}"
        for table in reversed(self._known):
            if key in table:
                return table[key]
        name = self._known[-1][key] = self.fresh(kind, text)
        return name

    def fresh(self, kind: str, text: str) -> str:
        """Return the name of a new constant bound to an expression of variables that change."""
        name = self.name("t")
        self.line(f"const {kind} {name} = {text};")
        return name

    def forget(self, text: str) -> None:
        """Make constants bound to expressions that hold `text` be computed anew: memory has changed."""
        for table in self._known:
            for key in [key for key in table if text in key]:
                del table[key]

    def forget_all(self) -> None:
        """Make every constant be computed anew."""
        for table in self._known:
            table.clear()


class CudaExpressions:
    """Emits expressions and stores for the iteration that the bound symbols name.

    `four` are the loads whose four neighbouring elements were read before, with the array they are in.
    """

    def __init__(self, writer: CudaWriter, parameters: Iterable[Parameter]) -> None:
        self.writer = writer
        self._dtypes = {p.name: p.dtype for p in parameters}
        self._symbols: dict[Symbol, str] = {}
        self._locals: dict[str, str] = {}
        self.four: Mapping[Load | Store, str] = {}

    def bind(self, symbol: Symbol, text: str) -> None:
        """Let a symbol stand for a C expression."""
        self._symbols[symbol] = text

    def symbol(self, symbol: Symbol) -> str:
        """Return what a symbol stands for."""
        return self._symbols[symbol]

    def bind_local(self, name: str, text: str) -> None:
        """Let a local of the loop IR stand for a C expression."""
        self._locals[name] = text

    # integers

    def dim(self, dim: Dim) -> str:
        """Return a dim as a C expression of type gc_index."""
        if isinstance(dim, int):
            return str(dim) if -(1 << 31) < dim < 1 << 31 else f"(gc_index){dim}LL"
        terms = []
        for monomial, coefficient in sorted(dim.terms.items(), key=lambda t: (-len(t[0]), str(t[0]))):
            factors = [self._atom(atom) for atom in monomial]
            if coefficient != 1 or not factors:
                factors.insert(0, str(coefficient))
            terms.append(" * ".join(factors))
        text = " + ".join(terms).replace("+ -", "- ")
        return text if len(terms) == 1 and "*" not in text else f"({text})"

    def _atom(self, atom: Atom) -> str:
        match atom:
            case Symbol():
                return self._symbols[atom]
            case FloorDiv(numerator, divisor):
                return self._divided(numerator, divisor, "/", "gc_floor_index")
            case Modulo(numerator, divisor):
                return self._divided(numerator, divisor, "%", "gc_modulo_index")
            case Value(payload):
                return self.writer.constant("gc_index", f"(gc_index)({self.value(payload)})")  # type: ignore[arg-type]

    def _divided(self, numerator: Dim, divisor: Dim, operator: str, rounding: str) -> str:
        a, b = self.dim(numerator), self.dim(divisor)
        text = f"{a} {operator} {b}" if is_nonnegative(numerator) else f"{rounding}({a}, {b})"
        return self.writer.constant("gc_index", text)

    # values

    def value(self, e: Expr) -> str:
        """Return the value of an expression, in the type its dtype is computed in."""
        return self._value(e, {})

    def _value(self, e: Expr, memo: dict[int, str]) -> str:
        """`memo` keeps shared parts, by identity: walking the tree could take exponentially long."""
        found = memo.get(id(e))
        if found is None:
            found = memo[id(e)] = self._emit(e, memo)
        return found

    def _emit(self, e: Expr, memo: dict[int, str]) -> str:
        match e:
            case Const(value, dtype):
                return literal(value, dtype)
            case Index(dim, dtype):
                return self.writer.constant(COMPUTE[dtype], convert(f"(long long)({self.dim(dim)})", "int64", dtype))
            case Local(name, _):
                return self._locals[name]
            case Load():
                return self._load(e, memo)
            case Call(primitive, arguments, dtype):
                spelling = SPELLINGS.get(primitive)
                if spelling is None:
                    raise CompileError(f"CUDA C has no spelling of '{primitive}'")
                texts = [self._value(a, memo) for a in arguments]
                return self.writer.constant(COMPUTE[dtype], spelling(texts, [a.dtype for a in arguments], dtype))

    def _load(self, e: Load, memo: dict[int, str]) -> str:
        kind = COMPUTE[e.dtype]
        if e in self.four:
            return self.writer.constant(kind, loaded(f"{self.four[e]}.at[four]", e.dtype))
        element = loaded(f"{e.buffer}[{self.dim(e.offset)}]", e.dtype)
        if e.guard is None:
            return self.writer.constant(kind, element)
        other = literal(e.other.value if e.other is not None else 0, e.dtype)
        return self.writer.constant(kind, f"{self._value(e.guard, memo)} ? {element} : {other}")

    # statements

    def let(self, s: Let) -> None:
        """Bind a Let's local."""
        self._locals[s.name] = self.value(s.value)

    def store(self, s: Store) -> None:
        """Write an element, or add to it."""
        dtype = self._dtypes[s.buffer]
        value = convert(self.value(s.value), s.value.dtype, dtype)
        place = f"{self.four[s]}.at[four]" if s in self.four else f"{s.buffer}[{self.dim(s.offset)}]"
        if s.accumulate:
            value = SPELLINGS["add"]([loaded(place, dtype), value], [dtype, dtype], dtype)
        self.writer.line(f"{place} = {stored(value, dtype)};")
        self.writer.forget(f"{s.buffer}[")
