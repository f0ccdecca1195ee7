"""Observe: look at compilations from outside. Knows all rooms, changes none."""

from graphc.observe.explore import view
from graphc.observe.probe import probe
from graphc.observe.programs import ROWS, programs_of
from graphc.observe.trace import tell_story
from graphc.observe.verify import Difference, Verification, verify

__all__ = ["ROWS", "Difference", "Verification", "probe", "programs_of", "tell_story", "verify", "view"]
