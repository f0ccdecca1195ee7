"""Pictures of models, graphs and plans, as DOT and SVG text. Reads programs; changes nothing."""

from graphc.viz.draw import graph_of, plot, to_dot, to_svg
from graphc.viz.explorer import KernelTime, RewriteStep, Story, explorer_page
from graphc.viz.models import is_model
from graphc.viz.picture import Direction, Picture, write_atomically
from graphc.viz.shapes import Arrow, Box

__all__ = [
    "Arrow", "Box", "Direction", "KernelTime", "Picture", "RewriteStep", "Story", "explorer_page",
    "graph_of", "is_model", "plot", "to_dot", "to_svg", "write_atomically",
]  # fmt: skip
