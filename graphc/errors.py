"""GraphcError and its children: everything a user can provoke is one of these."""

from __future__ import annotations


class GraphcError(Exception):
    """Base of every error that graphc raises on purpose."""


class ShapeError(GraphcError, ValueError):
    """Shapes or ranks do not fit an op, a layer or a compiled function's argument."""


class DTypeError(GraphcError, TypeError):
    """A dtype is unknown, or cannot be cast safely to the one asked for."""


class GraphError(GraphcError, ValueError):
    """A graph is malformed: a missing input, an unconnected output, a duplicated name."""


class OptionError(GraphcError, ValueError):
    """An argument has a value that it cannot have."""


class UsageError(GraphcError, TypeError):
    """Something was called with arguments, or used in a way, that it does not take."""


class MissingPackageError(GraphcError, ImportError):
    """A package is needed that graphc does not install by itself; the message says how to."""


class GradientError(GraphcError, ValueError):
    """A gradient was asked for where none is defined."""


class CompileError(GraphcError, RuntimeError):
    """The compiler could not produce a program; names the stage."""


class ExecutionError(GraphcError, RuntimeError):
    """A compiled program stopped, or was called in a way it cannot run."""


class ConfigError(GraphcError, ValueError):
    """A GRAPHC_* flag has a value it cannot have."""


class DeviceError(GraphcError, RuntimeError):
    """A device is not there, or cannot do what a program asks of it: no driver, no library, too little memory."""
