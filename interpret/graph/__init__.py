"""The engine: a network as a small program of known operations."""

from interpret.graph.program import Graph, Node
from interpret.graph.receptive import ReceptiveField, receptive_field
from interpret.graph.rules import Rules
from interpret.graph.topdown import Memory, remember, seed_signals, top_down
from interpret.graph.trace import trace

__all__ = [
    "Graph",
    "Memory",
    "Node",
    "ReceptiveField",
    "Rules",
    "receptive_field",
    "remember",
    "seed_signals",
    "top_down",
    "trace",
]
