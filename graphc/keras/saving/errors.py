"""What is raised where a model file cannot be read, or must not be."""

from __future__ import annotations

from graphc.errors import GraphcError


class ModelFileError(GraphcError, OSError, ValueError):
    """A file holds no model that can be read: damaged, truncated, of another format, or not fitting the model."""


class MissingFileError(ModelFileError, FileNotFoundError):
    """There is no file at the path."""


class UnsafeFileError(ModelFileError):
    """A file asks for what a model file has no business with: other files, code, or more memory than it can fill."""
