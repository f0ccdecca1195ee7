"""Contraction kernels as CUDA C: tiles of the result, both operands' slabs in shared memory, the epilogue fused.

Offsets of the operands are whatever the kernel says: transposed operands, windows of an image (implicit convolution)
and batches all go the same way. A sum is one chain over the depth in order, whatever the launch.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.cuda.expression import CudaExpressions, CudaWriter
from graphc.codegen.cuda.math import COMPUTE
from graphc.codegen.cuda.nest import bind_number, statements
from graphc.codegen.cuda.split import SCRATCH, parts_of, scratch_bytes, scratch_offset, tiles_of
from graphc.codegen.cuda.tile import TENSOR_TILE, Tile, choose_tile, takes_tensor_cores
from graphc.dtypes import itemsize
from graphc.loopir import ContractKernel, Geometry, Load
from graphc.symbolic import Dim, Symbol, affine, ceildiv, of_atom, product


def emit_contract_body(kernel: ContractKernel, name: str, writer: CudaWriter, precision: str) -> Geometry:
    """Write the body of a kernel's function and return how to launch it.

    `precision` is what operands in float32 may be rounded to before they are multiplied: float32, tf32 or bfloat16.
    A kernel whose sums are split (`contract_parts`) only stores its partial sums.
    """
    emitter = CudaExpressions(writer, kernel.parameters)
    for position, symbol in enumerate(kernel.sizes):
        emitter.bind(symbol, f"size{position}")
    if _is_for_tensor_cores(kernel, precision):
        return _TensorWriter(kernel, name, emitter, precision).write()
    return ContractWriter(kernel, name, emitter, choose_tile(kernel)).write()


def contract_parts(kernel: ContractKernel, precision: str) -> int:
    """Return into how many parts a kernel's sums are split."""
    return parts_of(kernel, TENSOR_TILE if _is_for_tensor_cores(kernel, precision) else choose_tile(kernel))


def _is_for_tensor_cores(kernel: ContractKernel, precision: str) -> bool:
    return precision != "float32" and takes_tensor_cores(kernel)


class ContractWriter:
    """Products one by one; every thread has some sums of a tile."""

    def __init__(self, kernel: ContractKernel, name: str, emitter: CudaExpressions, tile: Tile) -> None:
        self._kernel, self._name, self._emitter, self._tile = kernel, name, emitter, tile
        self._writer = emitter.writer
        self._kind = COMPUTE[kernel.dtype]
        self._parts = parts_of(kernel, tile)

    def write(self) -> Geometry:
        """Write the loop over tiles and everything in it."""
        k, t, w = self._kernel, self._tile, self._writer
        across = ceildiv(k.column[1], t.columns)
        tiles = tiles_of(k, t)
        depth = product(extent for _, extent in k.depth)
        count = len(k.rights)
        shared = t.deep * (t.rows + t.gap + count * (t.columns + t.gap)) * itemsize(k.dtype)
        w.line(f"__shared__ {self._kind} lefts[{t.deep}][{t.rows + t.gap}];")
        w.line(f"__shared__ {self._kind} rights[{count}][{t.deep}][{t.columns + t.gap}];")
        self._place_thread()
        for text, dim in (("rows", k.row[1]), ("columns", k.column[1]), ("depth", depth), ("tiles", tiles)):
            w.line(f"const gc_index {text} = {self._emitter.dim(dim)};")
        with w.block(f"for (gc_index work = blockIdx.x; work < tiles * {self._parts}; work += gridDim.x)"):
            w.line("const gc_index tile = work % tiles, part = work / tiles;")
            # The outermost tile number counts batches, then rows, then columns.
            line, column = Symbol("row tile"), Symbol("column tile")
            bind_number(self._emitter, [*k.batch, (line, ceildiv(k.row[1], t.rows)), (column, across)], "tile")
            w.line(f"const gc_index first_row = {self._emitter.symbol(line)} * {t.rows};")
            w.line(f"const gc_index first_column = {self._emitter.symbol(column)} * {t.columns};")
            w.line(f"{self._kind} sums[{count}]{self._sums_shape()} = {{}};")
            self._place_part()
            with w.block(f"for (gc_index first_deep = start; first_deep < end; first_deep += {t.deep})"):
                w.line("__syncthreads();")
                self._slab([k.left], k.row[0], "row", t.rows)
                self._slab(k.rights, k.column[0], "column", t.columns)
                w.line("__syncthreads();")
                self._multiply()
            self._epilogue()
        return Geometry(self._name, tiles * self._parts, t.threads, scratch_bytes(k, self._parts), shared)

    def _place_part(self) -> None:
        """Say which steps of the sum are the block's."""
        w, each = self._writer, f"(depth + {self._parts - 1}) / {self._parts}"
        if self._parts == 1:
            w.line("const gc_index start = 0, end = depth;")
            return
        w.line(f"const gc_index start = part * ({each}), stop = start + {each};")
        w.line("const gc_index end = stop < depth ? stop : depth;")

    def _place_thread(self) -> None:
        """Say which sums of a tile are the thread's."""
        across = self._tile.columns // self._tile.wide
        self._writer.line(f"const int x = threadIdx.x % {across}, y = threadIdx.x / {across};")

    def _sums_shape(self) -> str:
        return f"[{self._tile.high}][{self._tile.wide}]"

    def _slab(self, operands: Sequence[Load], symbol: Symbol, side: str, count: int) -> None:
        """Copy what the tile needs of the operands of a side for some steps of the sum; zero outside."""
        w, deep = self._writer, self._tile.deep
        # Neighbouring threads read neighbouring elements.
        along_depth = _distance(operands[0], self._kernel.depth[-1][0]) == 1
        at, step = (f"e / {deep}", f"e % {deep}") if along_depth else (f"e % {count}", f"e / {count}")
        places = ["lefts"] if side == "row" else [f"rights[{i}]" for i in range(len(operands))]
        with w.block(f"for (int e = threadIdx.x; e < {count * deep}; e += {self._tile.threads})"):
            w.line(f"const int at = {at}, step = {step};")
            w.line(f"const gc_index {side} = first_{side} + at, deep = first_deep + step;")
            w.line(f"const bool inside = {side} < {side}s && deep < end;")
            self._emitter.bind(symbol, side)
            bind_number(self._emitter, self._kernel.depth, "deep")
            for place, operand in zip(places, operands):
                element = f"{operand.buffer}[{self._emitter.dim(operand.offset)}]"
                w.line(f"{place}[step][at] = inside ? {element} : 0;")

    def _multiply(self) -> None:
        w, t = self._writer, self._tile
        down, over = t.rows // t.high, t.columns // t.wide
        w.line("#pragma unroll")
        with w.block(f"for (int step = 0; step < {t.deep}; ++step)"):
            w.line(f"{self._kind} left[{t.high}], right[{t.wide}];")
            w.line("#pragma unroll")
            w.line(f"for (int i = 0; i < {t.high}; ++i) left[i] = lefts[step][y + i * {down}];")
            multiply_add = "fma" if self._kernel.dtype == "float64" else "fmaf"
            for number in range(len(self._kernel.rights)):
                sums = f"sums[{number}][i][j]"
                w.line("#pragma unroll")
                w.line(f"for (int j = 0; j < {t.wide}; ++j) right[j] = rights[{number}][step][x + j * {over}];")
                w.line("#pragma unroll")
                w.line(f"for (int i = 0; i < {t.high}; ++i)")
                w.line("#pragma unroll")
                w.line(f"  for (int j = 0; j < {t.wide}; ++j) {sums} = {multiply_add}(left[i], right[j], {sums});")

    def _epilogue(self) -> None:
        """Give each sum to the kernel's epilogue."""
        w, t = self._writer, self._tile
        w.line("#pragma unroll")
        with w.block(f"for (int i = 0; i < {t.high}; ++i)"):
            w.line("#pragma unroll")
            with w.block(f"for (int j = 0; j < {t.wide}; ++j)"):
                w.line(f"const gc_index row = first_row + y + i * {t.rows // t.high};")
                w.line(f"const gc_index column = first_column + x + j * {t.columns // t.wide};")
                self._finish("[i][j]")

    def _finish(self, place: str) -> None:
        """Run the epilogue for the sums at a place of the thread's, if they are inside; or store them as a part."""
        k = self._kernel
        with self._writer.block("if (row < rows && column < columns)"):
            self._emitter.bind(k.row[0], "row")
            self._emitter.bind(k.column[0], "column")
            part = Symbol("part", self._parts)
            self._emitter.bind(part, "part")
            for number, total in enumerate(k.sums):
                self._emitter.bind_local(total.name, f"sums[{number}]{place}")
                if self._parts > 1:
                    offset = self._emitter.dim(scratch_offset(k, of_atom(part), number))
                    self._writer.line(f"{SCRATCH}[{offset}] = sums[{number}]{place};")
            if self._parts == 1:
                statements(self._emitter, k.epilogue)


class _TensorWriter(ContractWriter):
    """Products on tensor cores: operands rounded to 19 (tf32) or 16 (bfloat16) bits, sums in float32.

    Four warps have a quarter of the tile each: 2 x 4 products of 16 x 8. Registers hold their operands as the PTX
    manual's figures of `mma.m16n8k8` (tf32) and `mma.m16n8k16` (bfloat16) show.
    """

    def __init__(self, kernel: ContractKernel, name: str, emitter: CudaExpressions, precision: str) -> None:
        super().__init__(kernel, name, emitter, TENSOR_TILE)
        self._precision = precision

    def _place_thread(self) -> None:
        self._writer.line("const int lane = threadIdx.x % 32, group = lane / 4, pair = lane % 4;")
        self._writer.line("const int down = threadIdx.x / 64 * 32, over = threadIdx.x / 32 % 2 * 32;")

    def _sums_shape(self) -> str:
        return "[2][4][4]"

    def _multiply(self) -> None:
        w, deep = self._writer, 8 if self._precision == "tf32" else 16
        w.line("#pragma unroll")
        with w.block(f"for (int step = 0; step < {self._tile.deep}; step += {deep})"):
            w.line("unsigned left[2][4];")
            w.line("#pragma unroll")
            with w.block("for (int i = 0; i < 2; ++i)"):
                w.line("#pragma unroll")
                with w.block("for (int e = 0; e < 4; ++e)"):
                    w.line("const int at = down + i * 16 + group + e % 2 * 8;")
                    w.line(f"left[i][e] = {self._operand('lefts', 'at', 'e / 2')};")
            for number in range(len(self._kernel.rights)):
                w.line("#pragma unroll")
                with w.block("for (int j = 0; j < 4; ++j)"):
                    w.line("unsigned right[2];")
                    w.line("#pragma unroll")
                    operand = self._operand(f"rights[{number}]", "over + j * 8 + group", "e")
                    w.line(f"for (int e = 0; e < 2; ++e) right[e] = {operand};")
                    w.line("#pragma unroll")
                    sums = f"sums[{number}][i][j]"
                    w.line(f"for (int i = 0; i < 2; ++i) gc_multiply_{self._precision}({sums}, left[i], right);")

    def _operand(self, slab: str, at: str, half: str) -> str:
        """Return a register of an operand: one number, or two neighbouring ones of 16 bits."""
        if self._precision == "tf32":
            return f"gc_to_tf32({slab}[step + pair + {half} * 4][{at}])"
        first = f"step + pair * 2 + {half} * 8"
        return f"gc_pack_bfloat16({slab}[{first}][{at}], {slab}[{first} + 1][{at}])"

    def _epilogue(self) -> None:
        w = self._writer
        w.line("#pragma unroll")
        with w.block("for (int e = 0; e < 32; ++e)"):
            w.line("const gc_index row = first_row + down + e / 16 * 16 + e / 2 % 2 * 8 + group;")
            w.line("const gc_index column = first_column + over + e / 4 % 4 * 8 + pair * 2 + e % 2;")
            self._finish("[e / 16][e / 4 % 4][e % 4]")


def _distance(operand: Load, symbol: Symbol) -> Dim | None:
    parts = affine(operand.offset, symbol)
    return None if parts is None else parts[0]
