"""The engine: a network as a small program of operations, and what can be asked of it.

The map, from the bottom up: a module imports only modules above it in this list, and a test reads it.

What a program is, and numbers that describe positions
  program.program           a node, a graph of nodes, and running it
  program.calls             PyTorch's spellings of a call, and the one form of it
  operations.geometry       which positions an operation reads
  operations.sampling       which positions an operation reads, at the borders of a map too
  operations.axes           where the rows and the columns of an operand lie in a value
  operations.tokens         the same for positions along one axis

What a rule is given to work on; nothing here knows an operation
  topdown.rules             what a user chooses for the way down
  topdown.whole_maps        whole maps on their way down
  topdown.frames            neurons, and where their windows lie
  topdown.neuron_windows    the windows of one batch of neurons
  delta.intervals           what a place of an occluder changes, along one axis
  delta.changes             the changes of maps at a batch of places

One row for each operation: every engine's rule of it, in the file of its family
  operations.operation      what a row may hold
  operations.resampling     what a change of weighed rows and columns is
  operations.opaque         what needs no row: whole maps by autograd, pointwise functions
  operations.linear         linear layers, products of matrices
  operations.norm           batch norm, local response norm, layer norm
  operations.conv           convolutions
  operations.reduce         means, sums, maxima along axes
  operations.pool           max, average and adaptive pools
  operations.activation     ReLU, PReLU
  operations.arithmetic     sums, products (gates), quotients
  operations.join           concatenation
  operations.pad            paddings
  operations.cut            slices, selections, other orders
  operations.shape          reshapes, permutations, casts, copies
  operations.upsample       larger maps
  operations.windows        windows cut out of maps
  operations.table          the rows, and the questions they answer
  operations.signals        what is one nonlinearity of one signal, however it is written, and what is a gate

From a module to a program
  program.functional        without operations that write into their operands
  program.translate         from the program of torch.export to nodes
  program.trace             from a module to a graph: the door

The engines: they look up rows and name no operation
  perturbed                 one operation alone, on operands of which parts are replaced
  measured                  which rows and columns an opaque operation reads, by that: evidence, no proof
  receptive                 receptive fields: intervals, through the program
  own_fields                the same without what attention mixes in: a token's patch
  topdown.ways              the way down through what is not linear and has no rule of its own
  topdown.naming            the same, in words
  topdown.saving            the way up, which saves what the way down needs
  topdown.whole             the top-down pass on whole maps: the definition
  topdown.plan              where windows lie, and whether they pay
  topdown.windowed          the top-down pass on windows: the same, faster
  delta.exactness           which values are carried bit for bit
  delta.rule_choice         by which rule a change goes on
  delta.incremental         a network on an image of which one window at a time is replaced

To add an operation: write a file in `operations` (or take the file of its family) with an `Operation` in its
``OPERATIONS``, and name the file in `operations.table`. Every rule may be left out: what has none is *opaque*
to the engine that asks, which then takes whole maps. ``tests/graph/test_adding.py`` does all of it.
"""

from typing import TYPE_CHECKING

from interpret.graph.delta.incremental import Incremental, Keep, Wanted, carried
from interpret.graph.delta.intervals import Slices
from interpret.graph.operations.signals import is_rectifier, read_by_relus
from interpret.graph.operations.table import multiply_adds
from interpret.graph.own_fields import mixed_by, own_field
from interpret.graph.program.program import Graph, Node
from interpret.graph.program.trace import number_calls, trace
from interpret.graph.receptive import ReceptiveField, receptive_field
from interpret.graph.topdown.frames import Seeds
from interpret.graph.topdown.naming import nonlinearities, passes_gradient
from interpret.graph.topdown.plan import Plan, plan_windows
from interpret.graph.topdown.rules import Rules
from interpret.graph.topdown.saving import ForwardCache, moves_images, require_rules, save_forward
from interpret.graph.topdown.ways import signal_path
from interpret.graph.topdown.whole import by_autograd, seed_signals, top_down
from interpret.graph.topdown.windowed import window_top_down
from interpret.moved import elsewhere

__all__ = [
    "ForwardCache",
    "Graph",
    "Incremental",
    "Keep",
    "Node",
    "Plan",
    "ReceptiveField",
    "Rules",
    "Seeds",
    "Slices",
    "Wanted",
    "by_autograd",
    "carried",
    "is_rectifier",
    "mixed_by",
    "moves_images",
    "multiply_adds",
    "nonlinearities",
    "number_calls",
    "own_field",
    "passes_gradient",
    "plan_windows",
    "read_by_relus",
    "receptive_field",
    "require_rules",
    "save_forward",
    "seed_signals",
    "signal_path",
    "top_down",
    "trace",
    "window_top_down",
]

if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__)
