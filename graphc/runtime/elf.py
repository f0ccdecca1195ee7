"""Loading object code without a linker: x86-64 ELF relocatable files, as LLVM writes them for Linux.

LLVM could load them too, but its library takes 30 ms to load and a program that comes from the cache needs nothing
else of it. All sections live in one mapping, so that code reaches data by 32-bit distances; what is outside is
reached through a table of addresses (`GOTPCREL`) or a jump (`PLT32`). Code is never writable once it can run.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphc.errors import CompileError

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QIIq")
_RELOCATABLE, _X86_64 = 1, 62
_SYMTAB, _RELA, _NOBITS = 2, 4, 8
_WRITE, _ALLOC, _EXECUTE = 1, 2, 4
_UNDEFINED, _ABSOLUTE = 0, 0xFFF1
_R_64, _R_PC32, _R_PLT32, _R_PC64 = 1, 2, 4, 24
_R_GOTPCREL = (9, 41, 42)
_JUMP = b"\xff\x25\x00\x00\x00\x00"  # jmp *(the eight bytes that follow)
_JUMP_BYTES, _ADDRESS_BYTES = 16, 8


@dataclass(slots=True)
class _Section:
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    address: int = 0


class ElfImage:
    """An object file in memory, until `release`.

    `outside` gives the addresses of symbols that the file does not define. Raises CompileError for a file of another
    kind, an unknown relocation or a symbol that is found nowhere.
    """

    def __init__(self, code: bytes, outside: Mapping[str, int]) -> None:
        self._code, self._outside = code, outside
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._sections = self._read_sections()
        self._names, self._symbols = self._read_symbols()
        self._base = self._size = 0
        self._map()
        try:
            self._relocate()
            self._protect()
        except BaseException:
            self.release()
            raise

    def address(self, name: str) -> int:
        """Return the address of a symbol that the file defines. KeyError where there is none."""
        position = self._names[name]
        section, value = self._symbols[position]
        return self._sections[section].address + value

    def release(self) -> None:
        """Unmap the code and its variables; nothing of it may be used again."""
        base, self._base = self._base, 0
        if base:
            self._libc.munmap(ctypes.c_void_p(base), ctypes.c_size_t(self._size))

    # reading

    def _read_sections(self) -> list[_Section]:
        fields = _HEADER.unpack_from(self._code)
        identity, kind, machine, offset, count = fields[0], fields[1], fields[2], fields[6], fields[12]
        if identity[:6] != b"\x7fELF\x02\x01" or (kind, machine) != (_RELOCATABLE, _X86_64):
            raise CompileError("the object code is not a relocatable x86-64 ELF file")
        rows = (_SECTION.unpack_from(self._code, offset + i * _SECTION.size) for i in range(count))
        return [_Section(r[1], r[2], r[4], r[5], r[6], r[7], max(r[8], 1)) for r in rows]

    def _read_symbols(self) -> tuple[dict[str, int], list[tuple[int, int]]]:
        """Return the positions of defined global symbols by name, and (section, value) of every symbol."""
        table = next(s for s in self._sections if s.kind == _SYMTAB)
        strings = self._sections[table.link].offset
        self._undefined: dict[int, str] = {}
        names: dict[str, int] = {}
        symbols: list[tuple[int, int]] = []
        content = self._code[table.offset : table.offset + table.size]
        for position, (name, _, _, section, value, _) in enumerate(_SYMBOL.iter_unpack(content)):
            symbols.append((section, value))
            if name:
                start = strings + name
                text = self._code[start : self._code.index(b"\0", start)].decode()
                if section == _UNDEFINED:
                    self._undefined[position] = text
                else:
                    names[text] = position
        return names, symbols

    # placing

    def _map(self) -> None:
        """Place the sections, code first, then what is read, then what is written, each kind on its own pages."""
        allocated = [s for s in self._sections if s.flags & _ALLOC]
        code = [s for s in allocated if s.flags & _EXECUTE]
        read = [s for s in allocated if not s.flags & (_EXECUTE | _WRITE)]
        written = [s for s in allocated if s.flags & _WRITE]
        # Jumps go ahead of the code, the table of addresses ahead of what is read.
        self._jumps = 0
        self._table = self._code_end = _place(code, _JUMP_BYTES * len(self._undefined))
        self._read_end = _place(read, self._table + _ADDRESS_BYTES * len(self._symbols))
        end = _place(written, self._read_end)
        self._base, self._size = self._allocate(end), end
        self._memory = memoryview((ctypes.c_char * end).from_address(self._base)).cast("B")
        for section in allocated:
            start = section.address
            section.address += self._base
            if section.kind != _NOBITS:
                self._memory[start : start + section.size] = self._code[section.offset : section.offset + section.size]

    def _allocate(self, count: int) -> int:
        self._libc.mmap.restype = ctypes.c_void_p
        protection, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        base = self._libc.mmap(None, ctypes.c_size_t(count), protection, kind, -1, ctypes.c_long(0))
        if base is None or base == ctypes.c_void_p(-1).value:
            raise CompileError(f"no memory for {count} bytes of code: error {ctypes.get_errno()}")
        return int(base)

    def _protect(self) -> None:
        self._protect_range(0, self._code_end, mmap.PROT_READ | mmap.PROT_EXEC)
        self._protect_range(self._code_end, self._read_end, mmap.PROT_READ)

    def _protect_range(self, start: int, end: int, protection: int) -> None:
        place = ctypes.c_void_p(self._base + start)
        if end > start and self._libc.mprotect(place, ctypes.c_size_t(end - start), protection):
            raise CompileError(f"the kernel does not let code be run: error {ctypes.get_errno()}")

    # relocating

    def _relocate(self) -> None:
        jumps = self._write_jumps()
        for place, kind, position, addend in self._relocations():
            section, value = self._symbols[position]
            if section == _UNDEFINED:
                target = jumps[position] if kind in (_R_PLT32, _R_PC32) else self._resolve(position)
            else:
                target = value if section == _ABSOLUTE else self._sections[section].address + value
            if kind in _R_GOTPCREL:
                entry = self._table + _ADDRESS_BYTES * position
                struct.pack_into("<Q", self._memory, entry, target)
                target = self._base + entry
            offset = place - self._base
            if kind == _R_64:
                struct.pack_into("<Q", self._memory, offset, (target + addend) & (2**64 - 1))
            elif kind == _R_PC64:
                struct.pack_into("<q", self._memory, offset, target + addend - place)
            elif kind in (_R_PC32, _R_PLT32, *_R_GOTPCREL):
                struct.pack_into("<i", self._memory, offset, target + addend - place)
            else:
                raise CompileError(f"the object code has a relocation of unknown kind {kind}")

    def _relocations(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (address of the place, kind, position of the symbol, addend)."""
        for section in self._sections:
            patched = self._sections[section.info] if section.kind == _RELA else None
            if patched is None or not patched.flags & _ALLOC:
                continue
            content = self._code[section.offset : section.offset + section.size]
            for offset, kind, position, addend in _RELOCATION.iter_unpack(content):
                yield patched.address + offset, kind, position, addend

    def _write_jumps(self) -> dict[int, int]:
        """Write a jump to each function that the file does not define; return where they are."""
        jumps: dict[int, int] = {}
        for number, position in enumerate(self._undefined):
            offset = self._jumps + _JUMP_BYTES * number
            self._memory[offset : offset + _JUMP_BYTES] = _JUMP + struct.pack("<Q", self._resolve(position)) + b"\0\0"
            jumps[position] = self._base + offset
        return jumps

    def _resolve(self, position: int) -> int:
        name = self._undefined[position]
        address = self._outside.get(name)
        if address is None and hasattr(self._libc, name):
            address = ctypes.cast(getattr(self._libc, name), ctypes.c_void_p).value
        if address is None:
            raise CompileError(f"the object code needs {name}, which this process does not have")
        return address


def _place(sections: list[_Section], start: int) -> int:
    """Give sections their offsets from `start` on; return the start of the page after them."""
    for section in sections:
        section.address = -(-start // section.alignment) * section.alignment
        start = section.address + section.size
    return -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
