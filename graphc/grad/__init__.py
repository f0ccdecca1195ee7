"""Gradients: reverse mode over the graph, and through recurrences."""

from graphc.grad.reverse import gradients

__all__ = ["gradients"]
