"""Long folds to few results, split over blocks: a fold of every part first, then one kernel that merges the parts.

    folded[item] = the rest of the kernel (fold over parts of partial[item, part])

The number of parts follows from the kernel alone and they are merged in one order, so that the result does not depend
on the launch.
"""

from __future__ import annotations

from graphc import dtypes
from graphc.codegen.cuda.form import Form, choose_form, locals_of
from graphc.codegen.cuda.split import SCRATCH
from graphc.loopir import COMBINERS, Fold, For, Load, LoopKernel, Parameter, Statement
from graphc.symbolic import Dim, Symbol, of_atom, product

# More items than this keep a GPU busy by themselves.
_FEW_ITEMS, _BLOCKS = 32, 256
# Shorter folds, or those with fewer values for each of a run-time number, are not worth a second kernel.
LONG, _LONG_EACH = 1 << 16, 1024


def parted_folds(kernel: LoopKernel) -> tuple[Fold, ...]:
    """Return the folds of a kernel that can be split into parts; none where there are many items, or one needs another.

    All are of one dtype and over the same number of values, and what follows them holds no further fold or loop.
    """
    form = choose_form(kernel)
    folds = tuple(s for s in form.body if isinstance(s, Fold))
    if form.kind != "group" or not folds or form.body[: len(folds)] != folds:
        return ()
    if any(isinstance(s, For) for s in form.body) or not 0 < _items(form) <= _FEW_ITEMS:
        return ()
    kinds = {(dtypes.TABLE[s.dtype].compute, product(extent for _, extent in s.loops)) for s in folds}
    bound = {s.name for s in folds}
    if len(kinds) > 1 or any(COMBINERS[s.combine] for s in folds) or locals_of(folds) & bound:
        return ()
    return folds


def parts_of_folds(kernel: LoopKernel) -> int:
    """Return into how many parts each fold of `parted_folds` is split."""
    return _BLOCKS // _items(choose_form(kernel))


def _items(form: Form) -> int:
    """Return the number of items of a form; 0 where it is not known."""
    items = product(extent for _, extent in form.loops)
    return items if isinstance(items, int) else 0


def has_long_folds(kernel: LoopKernel) -> bool:
    """Tell whether a kernel's folds are split whatever the run-time sizes."""
    folds = parted_folds(kernel)
    if not folds:
        return False
    extents = [extent for _, extent in folds[0].loops]
    known = product(e for e in extents if isinstance(e, int))
    assert isinstance(known, int)
    return known >= (LONG if all(isinstance(e, int) for e in extents) else _LONG_EACH)


def values_of_folds(kernel: LoopKernel) -> Dim:
    """Return how many values each fold of `parted_folds` has: it is worth splitting from `LONG` on."""
    return product(extent for _, extent in parted_folds(kernel)[0].loops)


def partial_dtype(kernel: LoopKernel) -> str:
    """Return the dtype of the scratch memory that holds the parts."""
    return dtypes.TABLE[parted_folds(kernel)[0].dtype].compute


def partial_offset(kernel: LoopKernel, part: Dim, number: int) -> Dim:
    """Return where a part of the fold of this number lies in the scratch memory, for the bound item."""
    offset: Dim = part * len(parted_folds(kernel)) + number
    for symbol, extent in choose_form(kernel).loops:
        offset = offset * extent + (of_atom(symbol) if extent != 1 else 0)
    return offset


def partial_bytes(kernel: LoopKernel) -> int:
    """Return the bytes of all parts."""
    form, folds = choose_form(kernel), parted_folds(kernel)
    return _items(form) * parts_of_folds(kernel) * len(folds) * dtypes.itemsize(partial_dtype(kernel))


def merging_kernel(kernel: LoopKernel) -> LoopKernel:
    """Return the kernel that merges the parts and does the rest."""
    form, folds, parts = choose_form(kernel), parted_folds(kernel), parts_of_folds(kernel)
    part, dtype = Symbol("part", parts), partial_dtype(kernel)
    loads = [Load(SCRATCH, partial_offset(kernel, of_atom(part), i), dtype) for i in range(len(folds))]
    merged = tuple(Fold(s.name, s.combine, ((part, parts),), load, s.dtype) for s, load in zip(folds, loads))
    body: tuple[Statement, ...] = (*merged, *form.body[len(folds) :])
    for depth, (symbol, extent) in enumerate(reversed(form.loops)):
        body = (For(symbol, extent, body, parallel=depth == len(form.loops) - 1),)
    parameters = (*kernel.parameters, Parameter(SCRATCH, dtype))
    return LoopKernel(parameters, kernel.sizes, body, f"{kernel.label}: the parts merged")
