"""Tables of text with aligned columns."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.records import record


@record
class Column:
    """A column's title, the width beyond which its texts are cut (0: never), and whether they stand at the right."""

    title: str
    widest: int = 0
    right: bool = False


def table_text(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Return the table: a line of titles, a rule, a line a row."""
    cut = [[_cut(text, c.widest) for text, c in zip(row, columns)] for row in ([c.title for c in columns], *rows)]
    widths = [max(len(row[i]) for row in cut) for i in range(len(columns))]
    lines = [
        "  ".join(text.rjust(w) if c.right else text.ljust(w) for text, w, c in zip(row, widths, columns)).rstrip()
        for row in cut
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def _cut(text: str, widest: int) -> str:
    return text if not widest or len(text) <= widest else text[: widest - 1] + "…"
