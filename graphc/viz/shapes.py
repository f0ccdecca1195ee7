"""Box and Arrow, and the colours that tell layers apart."""

from __future__ import annotations

from typing import Literal

from graphc.records import record

Form = Literal["box", "round", "plain"]

# Pale fills that black text reads well on, neighbours far apart in hue.
PALETTE = ("#cfe2f3", "#fce5cd", "#d9ead3", "#ead1dc", "#fff2cc", "#d9d2e9", "#d0e0e3", "#f4cccc", "#e6e9c6", "#dbe4ff")
NEUTRAL = "#f3f3f3"


@record
class Box:
    """One vertex: a title and lines of detail under it.

    `form`: box (computed), round (given or kept: inputs, states), plain (constants). `group` names the layer it
    belongs to, which decides its colour (None: neutral). `note` is shown while the pointer rests on it.
    `thick` marks outputs.
    """

    key: str
    title: str
    details: tuple[str, ...] = ()
    form: Form = "box"
    group: str | None = None
    note: str = ""
    thick: bool = False


@record
class Arrow:
    """From box `source` to box `target`, by key; `dashed` marks the new value of a state."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


def group_colours(boxes: tuple[Box, ...]) -> dict[str, str]:
    """Return a colour for each group, in order of appearance; the palette repeats where there are many."""
    groups = dict.fromkeys(b.group for b in boxes if b.group is not None)
    return {group: PALETTE[i % len(PALETTE)] for i, group in enumerate(groups)}
