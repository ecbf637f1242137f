"""The engine: a network as a small program of known operations."""

from interpret.graph.program import Graph, Node
from interpret.graph.receptive import ReceptiveField, receptive_field
from interpret.graph.trace import trace

__all__ = ["Graph", "Node", "ReceptiveField", "receptive_field", "trace"]
