"""Passes: Graph -> Graph, one file a pass. A pass changes how a value is computed, never what it is."""

from __future__ import annotations

from graphc.graph import Graph
from graphc.passes.canonicalise import canonicalise
from graphc.passes.eliminate_dead_code import eliminate_dead_code
from graphc.passes.expand_composites import expand_composites
from graphc.passes.fold_constants import fold_constants
from graphc.passes.hoist_scan import hoist_scan
from graphc.passes.pipeline import Pass, PassRecord, PassReport, Watch, run_passes
from graphc.passes.recording import Rewrite
from graphc.passes.simplify_algebra import simplify_algebra
from graphc.passes.simplify_scan import simplify_scan
from graphc.passes.sink_scan import sink_scan
from graphc.passes.sink_transposes import sink_transposes
from graphc.passes.stabilise import stabilise
from graphc.passes.unify_dims import unify_dims
from graphc.passes.use_winograd import use_winograd

PIPELINE: tuple[Pass, ...] = (
    unify_dims,  # first: every later pass compares dims
    simplify_scan,  # early: numbers that come into a body are folded there
    fold_constants,  # a fixed learning phase becomes a constant condition, which prunes much below
    canonicalise,  # one spelling of each thing, so that rules need to know only one
    stabilise,  # while softmax, softplus and their kin are still one node
    expand_composites,  # from here on only primitives, which the scheduler knows
    hoist_scan,  # on primitives, which know how they are done for all steps at once
    sink_scan,  # after it: what goes ahead of the loop need not go behind it
    sink_transposes,  # layouts: what channels_first wraps around each layer meets its opposite
    simplify_algebra,  # also cleans what gradients and the bodies of composites left
    use_winograd,  # once padding and windows are what they will be
    eliminate_dead_code,  # updates that came to nothing
)
"""The passes of every compilation, in order. CSE is not among them: equal nodes are one object."""


def run_pipeline(graph: Graph, name: str = "program", watch: Watch | None = None) -> PassReport:
    """Run PIPELINE on a graph; see `run_passes`."""
    return run_passes(graph, PIPELINE, name, watch)


__all__ = [
    "PIPELINE", "Pass", "PassRecord", "PassReport", "Rewrite", "Watch", "canonicalise", "eliminate_dead_code",
    "expand_composites", "fold_constants", "hoist_scan", "run_passes", "run_pipeline", "simplify_algebra",
    "simplify_scan", "sink_scan", "sink_transposes", "stabilise", "unify_dims", "use_winograd",
]  # fmt: skip
