"""The explorer: a program from the layers to the instructions, as one HTML file that needs no network."""

from graphc.viz.explorer.page import explorer_page
from graphc.viz.explorer.story import KernelCode, KernelTime, RewriteStep, Story

__all__ = ["KernelCode", "KernelTime", "RewriteStep", "Story", "explorer_page"]
