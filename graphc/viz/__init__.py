"""Pictures of models, graphs and plans, as DOT and SVG text. Reads programs; changes nothing."""

from graphc.viz.draw import plot, to_dot, to_svg
from graphc.viz.models import is_model
from graphc.viz.picture import Direction, Picture
from graphc.viz.shapes import Arrow, Box

__all__ = ["Arrow", "Box", "Direction", "Picture", "is_model", "plot", "to_dot", "to_svg"]
