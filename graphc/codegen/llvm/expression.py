"""Loop-IR expressions as LLVM values: each is emitted once, as far out as what it depends on allows.

The emitter keeps a stack of scopes, one a loop level. A value that does not depend on the innermost scopes goes to
the section ahead of the scope that it need not be in. Inside `vector` one symbol runs over lanes: expressions that
depend on it become vectors (one for each copy of an unrolled loop), all others stay scalars and are spread when met.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from graphc import dtypes
from graphc.codegen.llvm.builder import FunctionBuilder, Operand, Section
from graphc.codegen.llvm.convert import COMPUTE, STORAGE, convert, from_storage, to_storage
from graphc.codegen.llvm.facts import Dependency, Fact, Facts, part_of_dim
from graphc.codegen.llvm.math.functions import SPELLINGS
from graphc.codegen.llvm.math.quotient import is_estimated, quotient
from graphc.codegen.llvm.memory import Access, Memory
from graphc.codegen.llvm.vector import Arithmetic, Vector, literal, spelled
from graphc.codegen.target import Target
from graphc.loopir import Call, Const, Expr, Index, Load, Local, Parameter, Store
from graphc.records import record, replace
from graphc.symbolic import Atom, Dim, FloorDiv, Modulo, Polynomial, Symbol, Value, is_nonnegative

T = TypeVar("T")


@dataclass(slots=True)
class _Scope:
    """A level of nesting. `ahead` holds values in its section, `values` those in its body."""

    section: Section
    values: dict[Hashable, Any] = field(default_factory=dict)
    ahead: dict[Hashable, Any] = field(default_factory=dict)
    volatile: dict[Hashable, tuple[Any, frozenset[str]]] = field(default_factory=dict)
    bound: list[Dependency] = field(default_factory=list)


@record
class _Lanes:
    """The symbol that runs over lanes: copy c stands for iterations base + c * lanes + lane."""

    symbol: Symbol
    base: Operand
    lanes: int
    masks: tuple[Vector | None, ...]


class ExpressionEmitter:
    """Emits the expressions of one kernel into a function that is being built.

    `pointers` maps the kernel's parameters to registers. Symbols must be bound before what mentions them is emitted.
    """

    def __init__(
        self, builder: FunctionBuilder, target: Target, parameters: Sequence[Parameter], pointers: Mapping[str, str]
    ) -> None:
        self.builder = builder
        self.arithmetic = Arithmetic(builder, target)
        self.facts = Facts(frozenset(p.name for p in parameters if p.writable))
        self._memory = Memory(self.arithmetic)
        self._pointers = dict(pointers)
        self._dtypes = {p.name: p.dtype for p in parameters}
        self._scopes = [_Scope(builder.entry)]
        self._levels: dict[Dependency, int] = {}
        self._symbols: dict[Symbol, Operand] = {}
        self._locals: dict[str, list[Vector]] = {}
        self._lanes: _Lanes | None = None
        self._varying: set[Dependency] = set()

    # scopes and bindings

    @contextmanager
    def scope(self, section: Section | None = None) -> Iterator[None]:
        """Open a level; what does not depend on it is emitted to the section (by default, to this place)."""
        self._scopes.append(_Scope(self.builder.section() if section is None else section))
        yield
        for dependency in self._scopes.pop().bound:
            self._levels.pop(dependency, None)
            self._varying.discard(dependency)

    @contextmanager
    def vector(
        self, symbol: Symbol, base: Operand, lanes: int, masks: Sequence[Vector | None] = (None,)
    ) -> Iterator[None]:
        """Let a symbol run over lanes inside; there is one copy for each mask (None: all lanes are active).

        Stands inside a scope of its own.
        """
        self._lanes = _Lanes(symbol, base, lanes, tuple(masks))
        self._declare(symbol)
        self._varying.add(symbol)
        yield
        self._lanes = None

    @property
    def copies(self) -> int:
        """The number of vectors that an expression becomes here."""
        return 1 if self._lanes is None else len(self._lanes.masks)

    @property
    def lanes(self) -> int:
        """The number of lanes of a value here."""
        return 1 if self._lanes is None else self._lanes.lanes

    @property
    def in_lanes(self) -> bool:
        """Whether a symbol runs over lanes here."""
        return self._lanes is not None

    def bind(self, symbol: Symbol, operand: Operand) -> None:
        """Give a symbol its value in this scope."""
        self._symbols[symbol] = operand
        self._declare(symbol)

    def bind_local(self, name: str, values: Sequence[Vector]) -> None:
        """Give a Local its value in this scope: one for all copies, or one a copy."""
        self._locals[name] = list(values)
        self._declare(name)
        if values[0].lanes > 1 or len(values) > 1:
            self._varying.add(name)

    def _declare(self, dependency: Dependency) -> None:
        self._levels[dependency] = len(self._scopes) - 1
        self._scopes[-1].bound.append(dependency)

    # statements

    def let(self, name: str, value: Expr) -> None:
        """Bind a name to the value of an expression."""
        fact = self.facts.of(value)
        if self._is_varying(fact.depends):
            self.bind_local(name, [self._value(fact, copy) for copy in range(self.copies)])
        else:
            self.bind_local(name, [self._value(fact, 0)])

    def store(self, s: Store) -> None:
        """Store the value of an expression, in all copies."""
        fact = self.facts.of(s.value)
        dtype = self._dtypes[s.buffer]
        compute = dtypes.TABLE[dtype].compute
        values = [self._spread(fact, copy) for copy in range(self.copies)]
        for copy, computed in enumerate(values):
            value = convert(computed, dtypes.TABLE[s.value.dtype].compute, compute)
            access = self._access(s.buffer, s.offset, copy, self.mask(copy))
            if s.accumulate:
                loaded = from_storage(self._memory.load(access, STORAGE[dtype]), dtype)
                value = SPELLINGS["add"]([loaded, value], [compute, compute], compute)
            self._memory.store(to_storage(value, dtype), access)
        for scope in self._scopes:
            stale = [key for key, (_, reads) in scope.volatile.items() if s.buffer in reads]
            for key in stale:
                del scope.volatile[key]

    # values

    def value(self, e: Expr, copy: int = 0) -> Vector:
        """Return the value of an expression with as many lanes as there are here."""
        return self._spread(self.facts.of(e), copy)

    def mask(self, copy: int = 0) -> Vector | None:
        """Return which lanes of a copy are active; None where all are."""
        return None if self._lanes is None else self._lanes.masks[copy]

    def _is_varying(self, depends: frozenset[Dependency]) -> bool:
        return not self._varying.isdisjoint(depends)

    def _cached(self, key: Hashable, depends: frozenset[Dependency], reads: frozenset[str], emit: Callable[[], T]) -> T:
        """Return what `emit` gives, emitted once and as far out as possible."""
        depth = len(self._scopes) - 1
        innermost = self._scopes[depth]
        if reads:
            # The buffer may be written: valid here until then, and never for an inner loop's later iterations.
            if key not in innermost.volatile:
                innermost.volatile[key] = emit(), reads
            return cast(T, innermost.volatile[key][0])
        level = max(map(self._levels.__getitem__, depends), default=0)
        if level == depth:
            if key not in innermost.values:
                innermost.values[key] = emit()
            return cast(T, innermost.values[key])
        found = self._scopes[level].values.get(key)
        if found is not None:
            return cast(T, found)
        outer = self._scopes[level + 1]
        if key not in outer.ahead:
            with self.builder.inside(outer.section):
                outer.ahead[key] = emit()
        return cast(T, outer.ahead[key])

    def _spread(self, fact: Fact, copy: int) -> Vector:
        value = self._value(fact, copy)
        lanes = self.lanes
        if value.lanes == lanes:
            return value
        if isinstance(fact.expression, Const):
            return value.splat(lanes)
        return self._cached(("spread", fact.number), fact.depends, fact.reads, lambda: value.splat(lanes))

    def _value(self, fact: Fact, copy: int) -> Vector:
        e = fact.expression
        match e:
            case Const(constant, dtype):
                return self.arithmetic.constant(constant, COMPUTE[dtype], 1)
            case Local(name, _):
                values = self._locals[name]
                return values[copy] if len(values) > 1 else values[0]
        is_varying = self._is_varying(fact.depends)
        key = (fact.number, copy if is_varying else -1)
        return self._cached(key, fact.depends, fact.reads, lambda: self._emit(fact, copy, is_varying))

    def _emit(self, fact: Fact, copy: int, is_varying: bool) -> Vector:
        match fact.expression:
            case Index(dim, dtype):
                whole = self.lanes_of_dim(dim, copy) if is_varying else self.arithmetic.scalar(self.dim(dim))
                return convert(whole, "int64", dtype)
            case Load() as e:
                return self._load(e, fact, copy, is_varying)
            case Call(primitive, arguments, dtype) as e:
                spread = self._spread if is_varying else self._value
                values = [spread(c, copy) for c in fact.children]
                if is_varying and is_estimated(e, self.arithmetic.target):
                    return quotient(*values)
                return SPELLINGS[primitive](values, [a.dtype for a in arguments], dtype)
        raise AssertionError(fact.expression)

    # memory

    def _load(self, e: Load, fact: Fact, copy: int, is_varying: bool) -> Vector:
        element = STORAGE[e.dtype]
        other = self._stored_constant(e)
        guard = fact.children[0] if fact.children else None
        if not is_varying:
            pointer = self._address(e.buffer, e.offset)
            if guard is not None:
                slot = self._memory.slot(element, other)
                pointer = self.builder.value(f"select i1 {self._value(guard, 0).name}, ptr {pointer}, ptr {slot}")
            return from_storage(self._memory.load(Access("single", pointer, 1), element), e.dtype)
        mask = self.mask(copy)
        access = self._access(e.buffer, e.offset, copy, mask)
        spread = f"splat ({element} {other})" if access.lanes > 1 else other
        if guard is not None:
            if mask is None and access.form != "scattered" and not self._is_varying(guard.depends):
                # Reading constants elsewhere takes less time than reading nothing under a mask.
                slot = self._memory.slot(spelled(element, access.lanes), spread)
                holds = self._value(guard, 0).name
                pointer = self.builder.value(f"select i1 {holds}, ptr {access.pointer}, ptr {slot}")
                access = replace(access, pointer=pointer)
            else:
                holds_here = self._spread(guard, copy)
                access = replace(access, mask=holds_here if mask is None else holds_here & mask)
        return from_storage(self._memory.load(access, element, spread), e.dtype)

    def _stored_constant(self, e: Load) -> str:
        value = 0 if e.other is None else e.other.value
        if dtypes.TABLE[e.dtype].kind == "float" and dtypes.TABLE[e.dtype].bits == 16:
            bits = np.asarray(value).astype(dtypes.numpy_dtype(e.dtype)).view(np.uint16)
            return literal(int(bits), "i16")
        return literal(value, STORAGE[e.dtype])

    def _access(self, buffer: str, offset: Dim, copy: int, mask: Vector | None) -> Access:
        """Return where the lanes of a copy are."""
        lanes = self._lanes
        if lanes is None:
            return Access("single", self._address(buffer, offset), 1)
        stride = self._stride(offset, lanes.symbol)
        if stride is None:
            element = STORAGE[self._dtypes[buffer]]
            offsets = self.lanes_of_dim(offset, copy)
            base = self._pointers[buffer]
            pointers = self.builder.value(f"getelementptr {element}, ptr {base}, {offsets.type} {offsets.name}")
            return Access("scattered", pointers, lanes.lanes, mask)
        coefficient, rest = stride
        start = copy * lanes.lanes
        if coefficient == 1:
            return Access("forward", self._address(buffer, rest, lanes.base, start), lanes.lanes, mask)
        last = -(start + lanes.lanes - 1)
        mirrored = self.builder.subtract(0, lanes.base)
        return Access("backward", self._address(buffer, rest, mirrored, last), lanes.lanes, mask)

    def ask_for(self, e: Load) -> None:
        """Ask for the cache lines that a load reads in each copy, where its lanes lie together."""
        for copy in range(self.copies):
            access = self._access(e.buffer, e.offset, copy, None)
            if access.form == "forward":
                self.builder.ask_for(access.pointer)

    def _stride(self, offset: Dim, symbol: Symbol) -> tuple[int, Dim] | None:
        """Split an offset into (1 or -1) * symbol + what does not vary; None where it is not of this form."""
        if isinstance(offset, int):
            return None
        coefficient = offset.terms.get((symbol,))
        if coefficient not in (1, -1):
            return None
        rest = part_of_dim({m: c for m, c in offset.terms.items() if m != (symbol,)})
        return None if self._is_varying(self.facts.of_dim(rest)[0]) else (coefficient, rest)

    def _address(self, buffer: str, offset: Dim, index: Operand = 0, displacement: int = 0) -> str:
        """Return the address of element offset + index + displacement; the last part is left to the instruction."""
        element = STORAGE[self._dtypes[buffer]]
        moving = offset
        if isinstance(offset, Polynomial):
            displacement += offset.terms.get((), 0)
            moving = part_of_dim({m: c for m, c in offset.terms.items() if m})
        depends, reads = self.facts.of_dim(moving)
        pointer = self._cached(
            ("address", buffer, moving),
            depends,
            reads,
            lambda: self.builder.gep(self._pointers[buffer], self.dim(moving), element),
        )
        return self.builder.gep(self.builder.gep(pointer, index, element), displacement, element)

    # dims

    def dim(self, dim: Dim) -> Operand:
        """Return the value of a dim that does not depend on the lanes."""
        if isinstance(dim, int):
            return dim
        return self._cached(("dim", dim), *self.facts.of_dim(dim), lambda: self._emit_dim(dim))

    def _level(self, atoms: tuple[Atom, ...]) -> int:
        """Return the innermost level that a product of atoms depends on; what reads memory stays where it is."""
        level = 0
        for atom in atoms:
            depends, reads = self.facts.of_atom(atom)
            if reads:
                return len(self._scopes) - 1
            level = max(level, max(map(self._levels.__getitem__, depends), default=0))
        return level

    def _emit_dim(self, dim: Polynomial) -> Operand:
        levels = {monomial: self._level(monomial) for monomial in dim.terms}
        top = max(levels.values())
        outer = part_of_dim({m: c for m, c in dim.terms.items() if levels[m] < top})
        total: Operand = self.dim(outer)
        for monomial, coefficient in dim.terms.items():
            if levels[monomial] == top:
                total = self.builder.add(total, self._emit_monomial(monomial, coefficient, top))
        return total

    def _emit_monomial(self, monomial: tuple[Atom, ...], coefficient: int, top: int) -> Operand:
        outer = tuple(atom for atom in monomial if self._level((atom,)) < top)
        inner = [atom for atom in monomial if self._level((atom,)) == top]
        product = self.dim(part_of_dim({outer: coefficient}))
        for atom in inner:
            product = self.builder.multiply(product, self._emit_atom(atom))
        return product

    def _emit_atom(self, atom: Atom) -> Operand:
        match atom:
            case Symbol():
                return self._symbols[atom]
            case FloorDiv(numerator, divisor):
                return self._divided(numerator, divisor)[0]
            case Modulo(numerator, divisor):
                return self._divided(numerator, divisor)[1]
            case Value(payload):
                whole = self._value(self.facts.of(payload), 0)  # type: ignore[arg-type]
                return convert(whole, payload.dtype, "int64").name  # type: ignore[attr-defined]

    def _divided(self, numerator: Dim, divisor: Dim) -> tuple[Operand, Operand]:
        """Return the quotient rounded down and the remainder of uniform dims."""
        b = self.builder
        dividend, by = self.dim(numerator), self.dim(divisor)
        quotient, remainder = b.divide(dividend, by), b.remainder(dividend, by)
        if isinstance(quotient, int) or is_nonnegative(numerator):
            return quotient, remainder
        # Guarded offsets can be negative. Division rounds down: -(1 + (-1 - a) // b) for negative a.
        is_negative = b.compare("slt", dividend, 0)
        mirrored = b.subtract(-1, b.divide(b.subtract(-1, dividend), by))
        quotient = b.value(f"select i1 {is_negative}, i64 {mirrored}, i64 {quotient}")
        return quotient, b.subtract(dividend, b.multiply(quotient, by))

    def lanes_of_dim(self, dim: Dim, copy: int) -> Vector:
        """Return the value of a dim in every lane of a copy, as i64."""
        lanes = self.lanes
        if isinstance(dim, int):
            return self.arithmetic.constant(dim, "i64", lanes)
        return self._cached(("lanes", dim, copy), *self.facts.of_dim(dim), lambda: self._emit_lanes(dim, copy))

    def _emit_lanes(self, dim: Polynomial, copy: int) -> Vector:
        varying = {m: c for m, c in dim.terms.items() if any(self._atom_varies(atom) for atom in m)}
        fixed = part_of_dim({m: c for m, c in dim.terms.items() if m not in varying})
        total: Vector | None = None
        for monomial, coefficient in varying.items():
            still = part_of_dim({tuple(a for a in monomial if not self._atom_varies(a)): coefficient})
            term: Vector | None = None
            for atom in monomial:
                if self._atom_varies(atom):
                    factor = self._atom_in_lanes(atom, copy)
                    term = factor if term is None else term * factor
            assert term is not None
            if still != 1:
                term = term * self._uniform_in_lanes(still)
            total = term if total is None else total + term
        if total is None:
            return self._uniform_in_lanes(fixed)
        return total if fixed == 0 else total + self._uniform_in_lanes(fixed)

    def _atom_varies(self, atom: Atom) -> bool:
        return self._is_varying(self.facts.of_atom(atom)[0])

    def _uniform_in_lanes(self, dim: Dim) -> Vector:
        return self._cached(
            ("splat", dim),
            *self.facts.of_dim(dim),
            lambda: self.arithmetic.scalar(self.dim(dim)).splat(self.lanes),
        )

    def _atom_in_lanes(self, atom: Atom, copy: int) -> Vector:
        lanes = self._lanes
        assert lanes is not None
        match atom:
            case Symbol():
                first = self.builder.add(lanes.base, copy * lanes.lanes)
                numbers = self.arithmetic.each_lane(list(range(lanes.lanes)), "i64")
                return self.arithmetic.scalar(first).splat(lanes.lanes) + numbers
            case FloorDiv(numerator, divisor):
                return self._divided_in_lanes(numerator, divisor, copy)[0]
            case Modulo(numerator, divisor):
                return self._divided_in_lanes(numerator, divisor, copy)[1]
            case Value(payload):
                whole = self._spread(self.facts.of(payload), copy)  # type: ignore[arg-type]
                return convert(whole, payload.dtype, "int64")  # type: ignore[attr-defined]

    def _divided_in_lanes(self, numerator: Dim, divisor: Dim, copy: int) -> tuple[Vector, Vector]:
        """Return the quotient rounded down and the remainder; exact below 2**52, where float64 division is."""
        dividend = self.lanes_of_dim(numerator, copy)
        if isinstance(divisor, int) and divisor & (divisor - 1) == 0:
            return dividend >> (divisor.bit_length() - 1), dividend & (divisor - 1)
        by = self.lanes_of_dim(divisor, copy)
        ratio = dividend.convert("sitofp", "double") / by.convert("sitofp", "double")
        quotient = ratio.intrinsic("floor").convert("fptosi", "i64")
        return quotient, dividend - quotient * by
