"""How threads share a kernel's work: fixed ranges, from a thread's number and how many there are."""

from __future__ import annotations

from graphc.codegen.llvm.builder import FunctionBuilder, Operand
from graphc.records import record


@record
class Share:
    """One of `threads` threads, `thread`, of the function that is being built."""

    builder: FunctionBuilder
    thread: Operand
    threads: Operand

    def each(self, total: Operand) -> Operand:
        """Return the share of a thread, rounded up. Totals are below 2**32: short division compiles to little code."""
        b = self.builder
        rounded = b.add(total, b.subtract(self.threads, 1))
        parts = [b.value(f"trunc i64 {operand} to i32") for operand in (rounded, self.threads)]
        return b.value(f"zext i32 {b.value(f'udiv i32 {parts[0]}, {parts[1]}')} to i64")

    def bounds(self, share: Operand, total: Operand) -> tuple[Operand, Operand]:
        """Return the thread's range of `total`, given the share of each."""
        b = self.builder
        low = b.minimum(b.multiply(share, self.thread), total)
        return low, b.minimum(b.add(low, share), total)

    def of_matrices(self, total: Operand) -> tuple[Operand, Operand, Share]:
        """Return the thread's range of matrices, and how a matrix is shared.

        A share of them for each thread where at most an eighth of them would idle at the end; else all share each.
        """
        b = self.builder
        share = self.each(total)
        idle = b.subtract(b.multiply(share, self.threads), total)
        enough = b.compare("sle", b.multiply(idle, 8), total)

        def either(a: Operand, c: Operand) -> str:
            return b.value(f"select i1 {enough}, i64 {a}, i64 {c}")

        low, high = self.bounds(share, total)
        within = Share(b, either(0, self.thread), either(1, self.threads))
        return either(low, 0), either(high, total), within

    def of_panels(self, rows: Operand, columns: Operand) -> tuple[Operand, Operand, Operand, Operand]:
        """Return the ranges of row and of column panels that are the thread's: low, high, low, high.

        Rows or columns are split, whichever leaves the largest share smaller.
        """
        b = self.builder
        before, several, joined = b.block, b.label("several"), b.label("joined")
        whole = (0, rows, 0, columns)
        b.branch_if(b.compare("eq", self.threads, 1), joined, several)
        b.begin(several)
        row_share, column_share = self.each(rows), self.each(columns)
        by_rows = b.compare("slt", b.multiply(row_share, columns), b.multiply(rows, column_share))
        total = b.value(f"select i1 {by_rows}, i64 {rows}, i64 {columns}")
        share = b.value(f"select i1 {by_rows}, i64 {row_share}, i64 {column_share}")
        low, high = self.bounds(share, total)
        chosen = [
            b.value(f"select i1 {by_rows}, i64 {by_row}, i64 {by_column}")
            for by_row, by_column in ((low, 0), (high, rows), (0, low), (columns, high))
        ]
        b.branch(joined)
        b.begin(joined)
        merged = [b.value(f"phi i64 [{a}, %{before}], [{c}, %{several}]") for a, c in zip(whole, chosen)]
        return merged[0], merged[1], merged[2], merged[3]
