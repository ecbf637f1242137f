"""A traced network whose layers are maps: behind each that is none stand the operations that make it one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from interpret.graph.operations.table import value_axes, value_tokens
from interpret.graph.program.calls import CanonicalCall
from interpret.graph.program.program import BatchMultiple, Graph, Node
from interpret.network.layouts import Layout, fits, token_index

aten = torch.ops.aten


def with_maps(graph: Graph, layouts: Mapping[str, Layout | None], mark: str = "@") -> Graph:
    """The same network, whose layers are (n, c, h, w) or (n, c), also where modules return something else.

    Args:
        graph: The network as it was traced.
        layouts: The layouts of its layers.
        mark: Stands between the name of a layer and that of a token without a place, which is a layer, too.
    """
    added: dict[Node, list[Node]] = {}
    layers: dict[str, Node] = {}
    made: dict[tuple[Node, Layout], dict[str, Node]] = {}
    for name, node in graph.layers.items():
        layout = layouts.get(name)
        if layout is None or not _needs_more(node, layout):
            layers[name] = node
            continue
        if (node, layout) not in made:
            chains = {token: list(_chain(node, layout, token)) for token in ("", *layout.names)}
            added.setdefault(node, []).extend(item for chain in chains.values() for item in chain)
            made[node, layout] = {token: chain[-1] for token, chain in chains.items()}
        layers |= {
            f"{name}{mark}{token}" if token else name: end for token, end in made[node, layout].items()
        }
    if not added:
        return graph
    nodes = [item for node in graph.nodes for item in (node, *added.get(node, ()))]
    return replace(graph, nodes=tuple(nodes), layers=layers, returned=graph.layers)


def _needs_more(node: Node, layout: Layout) -> bool:
    """Whether a layer is no map or vector as it is, or its rows and columns are lost on the way."""
    if layout.kind == "nchw":
        return node.batched and node.spatial is None and len(node.shape) == 3
    return layout.kind != "vector" and fits(layout, (0, *node.shape))


def _chain(node: Node, layout: Layout, token: str) -> Iterator[Node]:
    """The operations behind a layer that make its map, or one of its tokens."""
    name = f"{node.name}_{layout.kind}{layout.grid or ''}{layout.before}"
    images, *shape = node.traced
    if token:
        selected = {"self": node, "dim": 1, "index": token_index(layout, token)}
        call = CanonicalCall("select", aten.select.int, selected)
        yield _made(node, f"{name}_{token}", call, (images, shape[1]))
        return
    if layout.kind == "nchw":
        yield _permuted(node, name, (0, 1, 2, 3), node.traced, spatial=(2, 3))
        return
    if layout.kind == "nhwc":
        rows, columns, channels = shape
        yield _permuted(node, name, (0, 3, 1, 2), (images, channels, rows, columns), spatial=(2, 3))
        return
    rows, columns = layout.grid or (1, 1)
    count, channels = rows * columns, shape[1]
    if count < shape[0]:
        bounds = {"dim": 1, "start": layout.before, "end": layout.before + count, "step": 1}
        call = CanonicalCall("slice", aten.slice.Tensor, {"self": node, **bounds})
        yield (node := _made(node, f"{name}_placed", call, (images, count, channels)))
    yield (node := _permuted(node, f"{name}_first", (0, 2, 1), (images, channels, count)))
    sizes = {"self": node, "shape": [BatchMultiple(), channels, rows, columns]}
    call = CanonicalCall("reshape", aten.reshape.default, sizes)
    yield _made(node, name, call, (images, channels, rows, columns), spatial=(2, 3))


def _permuted(
    node: Node,
    name: str,
    dims: tuple[int, ...],
    traced: tuple[int, ...],
    spatial: tuple[int, int] | None = None,
) -> Node:
    call = CanonicalCall("permute", aten.permute.default, {"self": node, "dims": list(dims)})
    return _made(node, name, call, traced, spatial)


def _made(
    node: Node,
    name: str,
    call: CanonicalCall,
    traced: tuple[int, ...],
    spatial: tuple[int, int] | None = None,
) -> Node:
    """The node of an operation on another; rows and columns may be known where the program has lost them."""
    return replace(
        node,
        name=name,
        op=call.op,
        target=call.target,
        arguments=call.arguments,
        operands=(node,),
        traced=traced,
        spatial=spatial or value_axes(call, (node,), traced),
        tokens=None if spatial else value_tokens(call, (node,), traced),
    )
