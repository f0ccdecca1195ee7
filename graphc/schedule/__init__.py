"""Lower: Graph -> Plan. One file a decision."""

from graphc.schedule.lower import lower_graph, prepare_graph

__all__ = ["lower_graph", "prepare_graph"]
