"""Which loads and stores of a kernel move four neighbouring elements at once."""

from __future__ import annotations

from graphc.codegen.cuda.form import Form, Loop, loads_of, stores_of
from graphc.loopir import Let, Load, Store
from graphc.records import record
from graphc.symbolic import Dim, affine, divide_exactly


@record
class FourWide:
    """The loads and stores of the body that may be done for four iterations of the last loop together.

    `has_tail`: the last loop's extent is not known to be a multiple of four; the rest is done one by one.
    """

    loads: tuple[Load, ...]
    stores: tuple[Store, ...]
    has_tail: bool


def four_wide(form: Form) -> FourWide | None:
    """Return what of a map moves four at once; None where nothing would be gained."""
    if not form.loops or not all(isinstance(s, (Let, Store)) for s in form.body):
        return None
    last = form.loops[-1]
    extent = last[1]
    has_tail = divide_exactly(extent, 4) is None
    # The start of a row of odd length lies anywhere; only one long row can be cut.
    if has_tail and (len(form.loops) > 1 or (isinstance(extent, int) and extent < 64)):
        return None
    stores = tuple(stores_of(form.body))
    if not stores or not all(_is_aligned(s.offset, last) for s in stores):
        return None
    loads = (load for load in loads_of(form.body) if load.guard is None)
    return FourWide(tuple(load for load in loads if _is_aligned(load.offset, last)), stores, has_tail)


def _is_aligned(offset: Dim, loop: Loop) -> bool:
    """Tell whether four iterations from a multiple of four on touch four elements from a multiple of four on."""
    parts = affine(offset, loop[0])
    return parts is not None and parts[0] == 1 and divide_exactly(parts[1], 4) is not None
