"""IR 1: what to compute. Data, its printers, its verifier and its meaning."""

from graphc.graph.attributes import dims_of, substitute_dims, symbols_of
from graphc.graph.bodies import body_of, families, family_key, joint_bodies, map_bodies
from graphc.graph.builders import builder, register_builder
from graphc.graph.equalities import assumed_equalities
from graphc.graph.evaluate import bind_dims, evaluate, evaluate_node, evaluate_nodes
from graphc.graph.fingerprint import Fingerprint, fingerprint
from graphc.graph.graph import Graph, substitute, topological_order
from graphc.graph.keep import cheapest_to_keep
from graphc.graph.node import Node, make_node
from graphc.graph.op import (
    CONSTANT,
    PLACEHOLDER,
    REGISTRY,
    STATE,
    Op,
    apply,
    as_node,
    constant,
    constant_value,
    fresh_identity,
    is_constant,
    locate,
    placeholder,
    rebuild,
    register,
)
from graphc.graph.printer import format_graph, format_python
from graphc.graph.provenance import Provenance, inheriting, layer_scope
from graphc.graph.provenance import current as current_provenance
from graphc.graph.recurrence import Recurrence, inner_placeholder, made_of_numbers
from graphc.graph.state import FirstValue, State, aligned_copy
from graphc.graph.types import (
    TensorType,
    broadcast_dims,
    broadcast_shapes,
    recording_equalities,
    require_at_least,
    same_dim,
    shape_text,
)
from graphc.graph.verify import inferred_type, verify_graph

__all__ = [
    "CONSTANT", "PLACEHOLDER", "REGISTRY", "STATE", "Fingerprint", "FirstValue", "Graph", "Node", "Op", "Provenance",
    "Recurrence", "State", "TensorType", "aligned_copy", "apply", "as_node", "assumed_equalities", "bind_dims",
    "body_of", "broadcast_dims", "broadcast_shapes", "builder", "cheapest_to_keep", "constant", "constant_value",
    "current_provenance", "dims_of", "evaluate", "evaluate_node", "evaluate_nodes", "families", "family_key",
    "fingerprint", "format_graph", "format_python", "fresh_identity", "inferred_type", "inheriting",
    "inner_placeholder", "is_constant", "joint_bodies", "layer_scope", "locate", "made_of_numbers", "make_node",
    "map_bodies", "placeholder", "rebuild", "recording_equalities", "register", "register_builder", "require_at_least",
    "same_dim", "shape_text", "substitute", "substitute_dims", "symbols_of", "topological_order", "verify_graph",
]  # fmt: skip
