"""How a layer's output is a map: its layout, and the map (n, channels, rows, columns) made of it.

Convolutions give (n, c, h, w). ConvNeXt and Swin give (n, h, w, c), vision transformers (n, tokens, c): a
grid of tokens, row by row, with class, distillation and register tokens before it, which have no place in the
image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import isqrt
from typing import Any, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.errors import InterpretError

LayoutKind = Literal["nchw", "nhwc", "tokens", "vector"]
"""The axes of an output: maps with channels first or last, tokens (n, tokens, c), or vectors (n, c)."""


@dataclass(frozen=True)
class Layout:
    """What the axes of a layer's output are.

    Attributes:
        kind: ``nchw``, ``nhwc``, ``tokens`` for (n, tokens, channels), or ``vector`` for (n, channels).
        grid: Rows and columns of the tokens that have a place; they come row by row.
        before: How many tokens without a place come before the grid.
        after: How many come behind it.
        names: What these are called, those before it first: ``class``, ``distillation``, ``register1``.

    Raises:
        InterpretError: If these do not go together.

    Example:
        >>> Layout("tokens", grid=(14, 14), before=1).names
        ('class',)
    """

    kind: LayoutKind
    grid: tuple[int, int] | None = None
    before: int = 0
    after: int = 0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(LayoutKind):
            kinds = ", ".join(get_args(LayoutKind))
            raise InterpretError(f"A layout is one of {kinds}. Got {self.kind!r}.")
        if (self.kind == "tokens") != (self.grid is not None):
            raise InterpretError(
                f"Layout({self.kind!r}, grid={self.grid}): tokens need grid=(rows, columns), and nothing "
                "else has one."
            )
        if self.grid is not None:
            object.__setattr__(self, "grid", _counts("grid", self.grid, least=1, length=2))
            _counts("before and after", (self.before, self.after), least=0, length=2)
        names = tuple(self.names) or _default_names(self.before, self.after)
        if len(set(names)) != len(names) or len(names) != self.before + self.after:
            raise InterpretError(
                f"names must name {self.before + self.after} tokens, each by another name. Got {names}."
            )
        object.__setattr__(self, "names", names)

    @property
    def count(self) -> int:
        """How many tokens there are, with and without a place."""
        rows, columns = self.grid or (0, 0)
        return self.before + rows * columns + self.after


LayoutChoice: TypeAlias = LayoutKind | Layout | Mapping[str, Any] | None
"""How users say it: a kind, a `Layout`, its attributes by name (in YAML), or None: it stays as it is."""


def as_maps(output: Tensor, layout: Layout | None) -> Float[Tensor, "n c *map"]:
    """What a layer returned, as maps (n, c, h, w), or as vectors (n, c).

    Args:
        output: What it returned.
        layout: What its axes are; None: it is left as it is.

    Example:
        >>> as_maps(torch.zeros(1, 17, 192), Layout("tokens", grid=(4, 4), before=1)).shape
        torch.Size([1, 192, 4, 4])
    """
    if layout is None or layout.kind == "nchw":
        return output
    if layout.kind == "vector":
        return output.flatten(1)
    if layout.kind == "nhwc":
        return output.permute(0, 3, 1, 2)
    rows, columns = layout.grid or (1, 1)
    placed = output[:, layout.before : layout.before + rows * columns]
    return placed.transpose(1, 2).reshape(len(output), -1, rows, columns)


def copied(maps: Tensor) -> Tensor:
    """Memory of its own; the rows of maps follow each other there, as code expects that looks at them."""
    return maps.clone(memory_format=torch.contiguous_format)


def token_of(output: Float[Tensor, "n t c"], layout: Layout, name: str) -> Float[Tensor, "n c"]:
    """The units of a token without a place, such as ``class``."""
    return output[:, token_index(layout, name)]


def with_maps_in(output: Tensor, maps: Tensor, layout: Layout | None, token: str = "") -> Tensor:
    """What a layer returned, with others in the place of its maps: the way back of ``as_maps``.

    Args:
        output: What it returned.
        maps: Its maps (n, c, h, w) or vectors (n, c).
        layout: What the axes of the output are.
        token: The token whose units ``maps`` are, if they are not those of the map.
    """
    if layout is None or layout.kind in {"nchw", "vector"}:
        return maps.view_as(output)
    if layout.kind == "nhwc":
        return maps.permute(0, 2, 3, 1)
    first = token_index(layout, token) if token else layout.before
    tokens = maps[:, None] if token else maps.flatten(2).mT
    return torch.cat([output[:, :first], tokens, output[:, first + tokens.shape[1] :]], 1)


def token_index(layout: Layout, name: str) -> int:
    """Where a token without a place is among all tokens."""
    index = layout.names.index(name)
    return index if index < layout.before else layout.count - len(layout.names) + index


def raw_index(layout: Layout | None, channel: int, y: int = 0, x: int = 0) -> tuple[int, ...]:
    """Where a neuron of the map lies in what the layer returns for one image.

    Example:
        >>> raw_index(Layout("tokens", grid=(4, 4), before=1), channel=5, y=1, x=2)
        (7, 5)
    """
    kind = "nchw" if layout is None else layout.kind
    if kind == "vector":
        return (channel,)
    if kind == "nhwc":
        return y, x, channel
    if layout is not None and layout.grid is not None:
        return layout.before + y * layout.grid[1] + x, channel
    return channel, y, x


def fits(layout: Layout, shape: Sequence[int]) -> bool:
    """Whether an output of a shape (n, ...) can have that layout."""
    if layout.kind == "tokens":
        return len(shape) == 3 and shape[1] == layout.count
    return layout.kind == "vector" or len(shape) == 4


def undecided(layer: str, shape: Sequence[int]) -> str:
    """What to do about a layer of which it is not known how it is a map; a sentence for an error.

    Args:
        layer: Its name.
        shape: The shape (n, ...) of what it returns.
    """
    if len(shape) == 3 and shape[1] > 1:
        rows, columns, before = _squarest(shape[1])
        told = f"Layout('tokens', grid=({rows}, {columns}), before={before})"
        return (
            f"If these are {shape[1]} tokens in rows and columns, say so with interpret.network.Layout: "
            f"wrap(module, layouts={{{layer!r}: {told}}}). Or choose another layer."
        )
    if len(shape) == 4:
        return (
            f"If these are maps, say where channels are: wrap(module, layouts={{{layer!r}: 'nhwc'}}) or "
            "'nchw'. Or choose another layer."
        )
    return "Choose another layer."


def as_layout(layer: str, choice: LayoutChoice) -> Layout | Literal["tokens"] | None:
    """A layout as users write it; ``tokens`` alone, whose grid is still to be found.

    Raises:
        InterpretError: If it is none.
    """
    if choice is None or isinstance(choice, Layout):
        return choice
    if choice == "tokens":
        return "tokens"
    if isinstance(choice, str):
        return Layout(choice)
    known = {item.name for item in fields(Layout)}
    if not isinstance(choice, Mapping) or not {"kind"} <= choice.keys() <= known:
        raise InterpretError(
            f"layouts[{layer!r}] must be one of {', '.join(get_args(LayoutKind))}, a Layout, its attributes "
            f"({', '.join(sorted(known))}), or None. Got {choice!r}."
        )
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in choice.items()
    }
    return Layout(**given)


def require_layouts(layouts: Any) -> dict[str, LayoutChoice]:
    """Layouts by layer, checked; none given: none.

    Raises:
        InterpretError: If they are anything else.
    """
    if layouts is None:
        return {}
    if not isinstance(layouts, Mapping) or not all(isinstance(name, str) for name in layouts):
        raise InterpretError(f"layouts must be layouts by layer, {{'blocks.0': 'nhwc'}}. Got {layouts!r}.")
    for name, choice in layouts.items():
        as_layout(name, choice)
    return dict(layouts)


def token_names(sources: Sequence[str]) -> tuple[str, ...]:
    """What tokens without a place are called, from the names of the parameters that they begin as.

    Example:
        >>> token_names(["cls_token", "reg_token", "reg_token"])
        ('class', 'register1', 'register2')
    """
    words = [_word(source) for source in sources]
    total, seen = Counter(words), Counter[str]()
    names = []
    for word in words:
        seen[word] += 1
        names.append(f"{word}{seen[word]}" if total[word] > 1 or word == "token" else word)
    return ("class",) if names == ["token1"] else tuple(names)


def _word(source: str) -> str:
    """The word for a token whose parameter has a name."""
    parts = {"class": ("cls", "class"), "distillation": ("dist",), "register": ("reg", "storage")}
    return next((word for word, found in parts.items() if any(part in source for part in found)), "token")


def _default_names(before: int, after: int) -> tuple[str, ...]:
    return token_names([""] * (before + after))


def _squarest(count: int) -> tuple[int, int, int]:
    """A square of tokens, if one is there with few others before it; else all in one row."""
    side = isqrt(count)
    return (side, side, count - side * side) if count - side * side <= 8 else (1, count, 0)


def _counts(name: str, given: Any, *, least: int, length: int) -> tuple[int, int]:
    """Two whole numbers."""
    numbers = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if len(numbers) != length or not whole or min(numbers) < least:
        raise InterpretError(f"{name} must be two whole numbers from {least} on. Got {given!r}.")
    return numbers[0], numbers[1]
