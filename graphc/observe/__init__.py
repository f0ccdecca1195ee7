"""Observe: look at compilations from outside. Knows all rooms, changes none."""

from graphc.observe.explore import view
from graphc.observe.programs import programs_of
from graphc.observe.trace import tell_story

__all__ = ["programs_of", "tell_story", "view"]
