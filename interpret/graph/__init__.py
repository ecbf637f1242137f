"""The engine: a network as a small program of known operations."""

from interpret.graph.program.program import Graph, Node
from interpret.graph.program.trace import trace
from interpret.graph.receptive import ReceptiveField, receptive_field
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.whole import Memory, remember, seed_signals, top_down

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
