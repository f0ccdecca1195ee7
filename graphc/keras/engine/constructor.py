"""What a class's constructor takes, with the arguments that it hands on to its base classes."""

from __future__ import annotations

import inspect


def constructor_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the named arguments, the class's own first.

    A constructor with `**kwargs` is taken to hand them on to the next base class that has a constructor.
    """
    found: dict[str, inspect.Parameter] = {}
    for owner in cls.__mro__[:-1]:
        if "__init__" not in vars(owner):
            continue
        own = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        named = {p.name: p for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        found |= {name: p for name, p in named.items() if name not in found}
        if all(p.kind is not p.VAR_KEYWORD for p in own):
            break
    return found
