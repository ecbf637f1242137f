"""Which layout each layer has: said by the user, read from the traced program, or else from shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from interpret.errors import InterpretError
from interpret.graph.program.program import Graph, Node
from interpret.network.layouts import Layout, LayoutChoice, LayoutKind, as_layout, fits, token_names

CHANNELS_FIRST = (
    nn.Conv2d,
    nn.ConvTranspose2d,
    nn.BatchNorm2d,
    nn.InstanceNorm2d,
    nn.LocalResponseNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Upsample,
    nn.PixelShuffle,
)
"""Modules whose outputs with four axes are (n, c, h, w), whatever is around them."""

AXES: dict[tuple[int, int], LayoutKind] = {(2, 3): "nchw", (3, 2): "nchw", (1, 2): "nhwc", (2, 1): "nhwc"}
"""Where channels are, by the axes of rows and columns; a map that was transposed is one with other rows."""

EXTRAS = 8
"""Most tokens without a place that are believed where only shapes tell."""


@dataclass(frozen=True)
class Seen:
    """A layer, and what one image made of it.

    Attributes:
        shape: Of its output for one image, with the axis of images.
        module: What was called.
    """

    shape: tuple[int, ...]
    module: nn.Module


def certain_layout(seen: Seen, *, plain: bool) -> Layout | None:
    """The layout of a layer, where neither program nor other layers need be asked.

    Args:
        seen: The layer.
        plain: Whether nothing in the network exchanges the axes of maps.
    """
    if len(seen.shape) == 2 and seen.shape[0] == 1:
        return Layout("vector")
    first = plain or isinstance(seen.module, CHANNELS_FIRST)
    return Layout("nchw") if first and len(seen.shape) == 4 and seen.shape[0] == 1 else None


def find_layouts(
    layers: Mapping[str, Seen],
    image: tuple[int, int, int],
    graph: Graph | None,
    given: Mapping[str, LayoutChoice],
    *,
    plain: bool,
) -> dict[str, Layout | None]:
    """The layout of every layer; None where none is known.

    Args:
        layers: The layers in execution order.
        image: Shape of an image.
        graph: The traced program, if there is one.
        given: What the user says, by the names of the layers.
        plain: Whether nothing in the network exchanges the axes of maps.

    Raises:
        InterpretError: If what the user says does not fit a layer.
    """
    found = {name: certain_layout(seen, plain=plain) for name, seen in layers.items()}
    if graph is not None:
        found |= {name: layout for name in layers if (layout := _by_program(graph, name))}
    else:
        found |= _by_shapes(layers, image, found)
    said = {name: _said(name, layers, given[name], found, image) for name in layers if name in given}
    found |= said
    alike = {name: _like_others(layers, name, found) for name, layout in found.items() if layout is None}
    found |= {name: layout for name, layout in alike.items() if name not in said}
    if any(layout is not None and layout.kind in {"nhwc", "tokens"} for layout in found.values()):
        return found
    maps = {
        name: Layout("nchw") for name, seen in layers.items() if len(seen.shape) == 4 and seen.shape[0] == 1
    }
    return found | {name: layout for name, layout in maps.items() if found[name] is None and name not in said}


def _by_program(graph: Graph, name: str) -> Layout | None:
    """What the program tells of a layer."""
    node = graph.layers.get(name)
    if node is None or not node.batched:
        return None
    if len(node.shape) == 3 and node.spatial in AXES:
        return Layout(AXES[node.spatial])
    return _of_tokens(node)


def _of_tokens(node: Node) -> Layout | None:
    grid = node.tokens
    if len(node.shape) != 2 or grid is None or grid.axis != 1:
        return None
    if not grid.size:  # a class token alone
        return Layout("vector") if node.shape[0] == 1 else None
    after = node.shape[0] - len(grid.before) - grid.size
    names = token_names([*grid.before, *[""] * after])
    return Layout("tokens", (grid.rows, grid.columns), len(grid.before), after, names)


def _by_shapes(
    layers: Mapping[str, Seen], image: tuple[int, int, int], found: Mapping[str, Layout | None]
) -> dict[str, Layout | None]:
    """What shapes tell where there is no program: maps are as high and wide as images are, or smaller."""
    grids: list[tuple[int, int]] = []
    told: dict[str, Layout | None] = {}
    for name, seen in layers.items():
        layout = found[name]
        if layout is None and seen.shape[0] == 1:
            layout = told[name] = _four(seen, image) or _tokens(seen.shape, [*grids, *_patches(image)])
        if layout is not None and layout.kind in {"nchw", "nhwc"}:
            grids.append(seen.shape[2:] if layout.kind == "nchw" else seen.shape[1:3])  # type: ignore[arg-type]
    return told


def _four(seen: Seen, image: tuple[int, int, int]) -> Layout | None:
    """Channels first or last, if only one of them leaves rows and columns in the image's proportion."""
    if len(seen.shape) != 4:
        return None
    if isinstance(seen.module, nn.LayerNorm | nn.Linear) and _is_map(seen.shape[1:3], image):
        return Layout("nhwc")
    _, first, second, third = seen.shape
    kinds = [
        kind for kind, size in (("nchw", (second, third)), ("nhwc", (first, second))) if _is_map(size, image)
    ]
    return Layout(kinds[0]) if len(kinds) == 1 else None  # type: ignore[arg-type]


def _is_map(size: Sequence[int], image: tuple[int, int, int]) -> bool:
    """Whether rows and columns are those of an image made smaller by one factor, to rounding."""
    factors = [whole / part for whole, part in zip(image[1:], size, strict=True)]
    return min(factors) >= 1 and max(size) > 1 and max(factors) / min(factors) < 1 + 1.5 / min(size)


def _patches(image: tuple[int, int, int]) -> list[tuple[int, int]]:
    """The grids of square patches that an image can be cut into."""
    _, height, width = image
    sides = (side for side in range(2, min(height, width) + 1) if not height % side and not width % side)
    return [(height // side, width // side) for side in sides]


def _tokens(shape: Sequence[int], grids: Sequence[tuple[int, int]]) -> Layout | None:
    """The grid that leaves the fewest tokens without a place, if it is one alone."""
    if len(shape) != 3:
        return None
    rest = {grid: shape[1] - grid[0] * grid[1] for grid in grids}
    few = {grid: count for grid, count in rest.items() if 0 <= count <= EXTRAS and grid[0] * grid[1] > 1}
    best = [grid for grid, count in few.items() if count == min(few.values())]
    return Layout("tokens", best[0], few[best[0]]) if len(best) == 1 else None


def _said(
    name: str,
    layers: Mapping[str, Seen],
    choice: LayoutChoice,
    found: Mapping[str, Layout | None],
    image: tuple[int, int, int],
) -> Layout | None:
    """What the user says of a layer, if that can be."""
    shape, layout = layers[name].shape, as_layout(name, choice)
    if layout == "tokens":
        known = found[name] or _like_others(layers, name, found) or _tokens(shape, _patches(image))
        if known is None or known.kind != "tokens":
            raise InterpretError(
                f"layouts[{name!r}] is 'tokens', but their grid in a layer of shape {_n(shape)} cannot be "
                "found: say Layout('tokens', grid=(rows, columns), before=…)."
            )
        return known
    if isinstance(layout, Layout) and not fits(layout, shape):
        holds = f"{layout.count} tokens" if layout.kind == "tokens" else "four axes"
        raise InterpretError(
            f"layouts[{name!r}] is {choice!r}, which has {holds}, but the layer gives {_n(shape)}. "
            "Give it the layout of that, or None to leave it as it is."
        )
    return layout


def _n(shape: Sequence[int]) -> str:
    return f"(n, {', '.join(map(str, shape[1:]))})"


def _like_others(layers: Mapping[str, Seen], name: str, found: Mapping[str, Layout | None]) -> Layout | None:
    """The layout of all layers of the same shape, or of as many tokens, if they have one alone."""
    shape = layers[name].shape
    if len(shape) not in {3, 4} or shape[0] != 1:
        return None
    length = 2 if len(shape) == 3 else 4
    others = {
        layout
        for other, layout in found.items()
        if layout is not None and len(layers[other].shape) == len(shape)
        if layers[other].shape[:length] == shape[:length]
    }
    return others.pop() if len(others) == 1 else None
