"""Loads and stores of one or more lanes: side by side, reversed, anywhere, masked."""

from __future__ import annotations

from typing import Literal

from graphc.codegen.llvm.vector import ELEMENTS, Arithmetic, Vector, spelled
from graphc.records import record


@record
class Access:
    """Where the lanes of a value are in memory.

    single: one lane at `pointer`. forward: lane 0 at `pointer`, the others after it. backward: the last lane at
    `pointer`, the others after it. scattered: `pointer` is a vector of addresses. Only lanes of the mask (None: all)
    are touched.
    """

    form: Literal["single", "forward", "backward", "scattered"]
    pointer: str
    lanes: int
    mask: Vector | None = None


def _reversed(value: Vector) -> Vector:
    return value.permuted(list(reversed(range(value.lanes))))


class Memory:
    """Emits loads and stores of elements as they are stored."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        self._arithmetic = arithmetic
        self._builder = arithmetic.builder
        self._slots: dict[str, str] = {}

    def slot(self, element: str, literal: str) -> str:
        """Return the address of a stack slot that holds a constant; for loads that must not touch a buffer."""
        text = f"{element} {literal}"
        if text not in self._slots:
            with self._builder.inside(self._builder.entry):
                self._slots[text] = self._builder.value(f"alloca {element}")
                self._builder.emit(f"store {text}, ptr {self._slots[text]}")
        return self._slots[text]

    def load(self, access: Access, element: str, other: str = "zeroinitializer") -> Vector:
        """Return what is at an access; lanes outside its mask are `other`, a literal of the vector type."""
        kind, align = spelled(element, access.lanes), ELEMENTS[element][1] // 8
        if access.form == "scattered":
            name = self._gather(access, element, other)
        elif access.mask is None:
            name = self._builder.value(f"load {kind}, ptr {access.pointer}, align {align}")
        else:
            mask = _reversed(access.mask) if access.form == "backward" else access.mask
            name = self._builder.call(
                kind,
                f"llvm.masked.load.v{access.lanes}{ELEMENTS[element][0]}.p0",
                [("ptr", access.pointer), ("i32", align), (mask.type, mask.name), (kind, other)],
            )
        value = Vector(self._arithmetic, name, element, access.lanes)
        return _reversed(value) if access.form == "backward" else value

    def _gather(self, access: Access, element: str, other: str) -> str:
        kind, lanes = spelled(element, access.lanes), access.lanes
        mask = access.mask or self._arithmetic.constant(True, "i1", lanes)
        return self._builder.call(
            kind,
            f"llvm.masked.gather.v{lanes}{ELEMENTS[element][0]}.v{lanes}p0",
            [
                (f"<{lanes} x ptr>", access.pointer),
                ("i32", ELEMENTS[element][1] // 8),
                (mask.type, mask.name),
                (kind, other),
            ],
        )

    def store(self, value: Vector, access: Access) -> None:
        """Store the lanes of the mask. Scattered lanes with one address: the last one stays."""
        align = value.bits // 8
        if access.form == "backward":
            value = _reversed(value)
        if access.form != "scattered" and access.mask is None:
            self._builder.emit(f"store {value.type} {value.name}, ptr {access.pointer}, align {align}")
            return
        mask = access.mask or self._arithmetic.constant(True, "i1", access.lanes)
        if access.form == "backward":
            mask = _reversed(mask)
        suffix = f"v{access.lanes}{ELEMENTS[value.element][0]}"
        is_scattered = access.form == "scattered"
        addresses = f"<{access.lanes} x ptr>" if is_scattered else "ptr"
        self._builder.call(
            "void",
            f"llvm.masked.scatter.{suffix}.v{access.lanes}p0" if is_scattered else f"llvm.masked.store.{suffix}.p0",
            [(value.type, value.name), (addresses, access.pointer), ("i32", align), (mask.type, mask.name)],
        )
