"""The only emitter of LLVM IR text: registers, blocks, loops with carried values, i64 arithmetic that folds.

Operands are strings (a register or a literal, without its type) or, for i64, Python ints. Nothing here knows of
kernels. Text is gathered in nested lists, so that code can still be added ahead of a loop that is being emitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Union

from graphc.records import record

Operand = Union[str, int]
Section = list[Union[str, "Section"]]
# Bytes of a cache line.
LINE = 64


@record
class FunctionText:
    """A function's definition, and the `declare` lines that it needs."""

    name: str
    text: str
    declarations: frozenset[str]


@dataclass(slots=True)
class Loop:
    """A loop that is being emitted.

    `index` is the i64 counter, `carried` the values at the start of an iteration. Put the values at its end into
    `next`; after the `with` block `results` holds the final ones. `section` runs once, before the first
    iteration, and only where there is one.
    """

    index: Operand
    carried: list[str]
    next: list[str]
    results: list[str]
    section: Section


class FunctionBuilder:
    """Writes one function, instruction by instruction.

    `arguments` are (type, name) pairs; the type may carry parameter attributes (`ptr noalias`). In the body an
    argument is `%name`.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[tuple[str, str]],
        result: str = "void",
        linkage: str = "",
        attributes: str = "#0",
    ) -> None:
        self.name = name
        parameters = ", ".join(f"{kind} %{argument}" for kind, argument in arguments)
        self._head = (
            f"define {linkage + ' ' if linkage else ''}{result} @{name}({parameters}) {attributes} {{\nentry:\n"
        )
        self._body: Section = []
        self._lines: Section = self._body
        self._count = 0
        self.block = "entry"
        self.declarations: set[str] = set()
        self.entry = self.section()

    # text

    def emit(self, instruction: str) -> None:
        """Add an instruction that has no result."""
        self._lines.append(f" {instruction}\n")

    def value(self, instruction: str) -> str:
        """Add an instruction and return the register of its result."""
        self._count += 1
        register = f"%v{self._count}"
        self._lines.append(f" {register} = {instruction}\n")
        return register

    def section(self) -> Section:
        """Reserve this place in the text and return it; `inside` adds to it later."""
        section: Section = []
        self._lines.append(section)
        return section

    @contextmanager
    def inside(self, section: Section) -> Iterator[None]:
        """Add instructions (no blocks) to a reserved place."""
        outer, self._lines = self._lines, section
        yield
        self._lines = outer

    def call(self, result: str, function: str, arguments: Sequence[tuple[str, Operand]]) -> str:
        """Call a function, declare it, and return the register of its result (nothing useful for void)."""
        self.declarations.add(f"declare {result} @{function}({', '.join(kind for kind, _ in arguments)})")
        text = f"call {result} @{function}({', '.join(f'{kind} {operand}' for kind, operand in arguments)})"
        if result == "void":
            self.emit(text)
            return ""
        return self.value(text)

    def ask_for(self, pointer: str, cache: int = 1) -> None:
        """Ask for the cache line that a pointer, which may be any, points into: it will be read soon, from `cache`."""
        hints = [("i32", hint) for hint in (0, 4 - cache, 1)]  # to be read, from that cache (3: the first), as data
        self.call("void", "llvm.prefetch.p0", [("ptr", pointer), *hints])

    def finish(self, result: str = "void") -> FunctionText:
        """End the function with `ret result` and return its text."""
        self.emit(f"ret {result}")
        parts: list[str] = [self._head]
        _flatten(self._body, parts)
        parts.append("}\n")
        return FunctionText(self.name, "".join(parts), frozenset(self.declarations))

    # control flow

    def label(self, hint: str) -> str:
        """Return a label that no other call returned."""
        self._count += 1
        return f"{hint}{self._count}"

    def begin(self, label: str) -> None:
        """Start the block of this label; the one before must have ended in a branch."""
        self._lines.append(f"{label}:\n")
        self.block = label

    def branch(self, label: str) -> None:
        """End the block with a jump."""
        self.emit(f"br label %{label}")

    def branch_if(self, condition: str, then: str, otherwise: str) -> None:
        """End the block with a jump that depends on an i1."""
        self.emit(f"br i1 {condition}, label %{then}, label %{otherwise}")

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Emit what is inside so that it runs only where the i1 is true. Its registers end with it."""
        then, after = self.label("then"), self.label("after")
        self.branch_if(condition, then, after)
        self.begin(then)
        yield
        self.branch(after)
        self.begin(after)

    @contextmanager
    def loop(
        self, low: Operand, high: Operand, step: int = 1, carried: Sequence[tuple[str, str]] = ()
    ) -> Iterator[Loop]:
        """Emit `for index in range(low, high, step)`, carrying (type, initial value) pairs from pass to pass.

        Static bounds of one iteration give straight-line code, of none give nothing that runs.
        """
        initial = [value for _, value in carried]
        if isinstance(low, int) and isinstance(high, int) and low < high <= low + step:
            single = Loop(low, list(initial), list(initial), [], self.section())
            yield single
            single.results = single.next
            return
        static = isinstance(low, int) and isinstance(high, int) and low < high
        body, exit_label = self.label("loop"), self.label("exit")
        entered_from = self.block
        if static:
            section = self.section()
        else:
            ahead = self.label("ahead")
            self.branch_if(self.compare("slt", low, high), ahead, exit_label)
            self.begin(ahead)
            section = self.section()
        before = self.block
        self.branch(body)
        self.begin(body)
        phis = self.section()
        self._count += 1 + len(carried)
        index = f"%i{self._count}"
        names = [f"%c{self._count - position}" for position in range(len(carried))]
        loop = Loop(index, names, list(names), [], section)
        yield loop
        latch = self.block
        following = self.value(f"add nsw i64 {index}, {step}")
        self.branch_if(self.compare("slt", following, high), body, exit_label)
        with self.inside(phis):
            self.emit(f"{index} = phi i64 [{low}, %{before}], [{following}, %{latch}]")
            for (kind, start), name, end in zip(carried, names, loop.next):
                self.emit(f"{name} = phi {kind} [{start}, %{before}], [{end}, %{latch}]")
        self.begin(exit_label)
        loop.results = [
            end if static else self.value(f"phi {kind} [{start}, %{entered_from}], [{end}, %{latch}]")
            for (kind, start), end in zip(carried, loop.next)
        ]

    # i64 arithmetic

    def add(self, a: Operand, b: Operand) -> Operand:
        """Return a + b."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        return a if b == 0 else self.value(f"add nsw i64 {a}, {b}")

    def subtract(self, a: Operand, b: Operand) -> Operand:
        """Return a - b."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.value(f"sub nsw i64 {a}, {b}")

    def multiply(self, a: Operand, b: Operand) -> Operand:
        """Return a * b."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1:
            return b
        return a if b == 1 else self.value(f"mul nsw i64 {a}, {b}")

    def divide(self, a: Operand, b: Operand) -> Operand:
        """Return a // b of nonnegative a and positive b."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a if b == 1 else self.value(f"udiv i64 {a}, {b}")

    def remainder(self, a: Operand, b: Operand) -> Operand:
        """Return a % b of nonnegative a and positive b."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b
        return 0 if b == 1 else self.value(f"urem i64 {a}, {b}")

    def minimum(self, a: Operand, b: Operand) -> Operand:
        """Return the smaller of a and b."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.value(f"select i1 {self.compare('slt', a, b)}, i64 {a}, i64 {b}")

    def maximum(self, a: Operand, b: Operand) -> Operand:
        """Return the larger of a and b."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return self.value(f"select i1 {self.compare('sgt', a, b)}, i64 {a}, i64 {b}")

    def compare(self, relation: str, a: Operand, b: Operand) -> str:
        """Return the i1 of an icmp on i64 (`slt`, `eq`, ...)."""
        return self.value(f"icmp {relation} i64 {a}, {b}")

    def gep(self, pointer: str, offset: Operand, element: str) -> str:
        """Return the address of element `offset` of an array of this LLVM type."""
        if offset == 0:
            return pointer
        return self.value(f"getelementptr {element}, ptr {pointer}, i64 {offset}")


def _flatten(section: Section, parts: list[str]) -> None:
    for part in section:
        if isinstance(part, str):
            parts.append(part)
        else:
            _flatten(part, parts)
