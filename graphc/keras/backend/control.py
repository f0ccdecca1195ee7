"""Gradients, choices, the two phases, and functions over the rows of a tensor."""

from __future__ import annotations

from typing import Any

import graphc
from graphc import ops
from graphc.errors import GradientError, OptionError
from graphc.graph import Node, topological_order
from graphc.keras.backend.session import is_on, learning_phase
from graphc.keras.backend.tensor import Tensor, as_node, as_nodes
from graphc.keras.utils.location import located


def gradients(loss: Any, variables: Any) -> list[Tensor | None]:
    """Return the derivative of the loss (its sum, where it is no scalar) by each variable or tensor.

    None stands for a variable that the loss does not depend on, or only through ops without a gradient.
    """
    wanted = [as_node(v) for v in (variables if isinstance(variables, (list, tuple)) else [variables])]
    n = as_node(loss)
    scalar = ops.sum(n) if n.rank else n
    reached = set(topological_order((scalar,)))
    present = [v for v in wanted if v in reached]
    found: list[Node | None]
    try:
        found = list(graphc.gradients(scalar, present, disconnected="error"))
    except GradientError:
        found = [_gradient(scalar, v) for v in present]
    by_node = dict(zip(present, found))
    return [None if g is None else Tensor(g) for g in map(by_node.get, wanted)]


def _gradient(scalar: Node, v: Node) -> Node | None:
    try:
        return graphc.gradients(scalar, [v], disconnected="error")[0]
    except GradientError:
        return None


def stop_gradient(variables: Any) -> Any:
    """Return the tensor (or list of tensors), seen as constant by gradients."""
    if isinstance(variables, (list, tuple)):
        return [stop_gradient(v) for v in variables]
    return Tensor(ops.stop_gradient(as_node(variables)))


def _value(expression: Any) -> Any:
    return expression() if callable(expression) else expression


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Tensor:
    """Return one tensor where the condition holds and the other elsewhere; functions of nothing are called first.

    A condition of lower rank decides about whole blocks of the first axes. Raises OptionError for one of higher rank.
    """
    chosen, other = as_nodes(_value(then_expression), _value(else_expression))
    test = ops.cast(as_node(condition), "bool")
    rank = max(chosen.rank, other.rank)
    if test.rank > rank:
        raise OptionError(
            located(
                "Rank of `condition` should be less than or equal to rank of `then_expression` and `else_expression`. "
                f"ndim(condition)={test.rank}, ndim(then_expression)={rank}"
            )
        )
    if test.rank and test.rank < rank:
        test = ops.reshape(test, (*test.shape, *(1,) * (rank - test.rank)))
    return Tensor(ops.where(test, chosen, other))


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Return `x` in training and `alt` in test; functions of nothing are called.

    `training` (None: the learning phase) may be a bool, an int or a tensor.
    """
    phase = learning_phase() if training is None else training
    fixed = is_on(phase)
    if fixed is not None:
        return _value(x if fixed else alt)
    return switch(phase, x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Return `x` in test and `alt` in training; functions of nothing are called."""
    return in_train_phase(alt, x, training)
