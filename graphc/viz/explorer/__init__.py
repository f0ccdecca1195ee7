"""The explorer: a program from the layers to the instructions, as one HTML file that needs no network."""

from graphc.viz.explorer.page import explorer_page
from graphc.viz.explorer.story import KernelTime, RewriteStep, Story

__all__ = ["KernelTime", "RewriteStep", "Story", "explorer_page"]
