"""A layer as analyses see it: maps (n, c, h, w) or vectors (n, c), whatever its module returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from interpret.errors import ModelError, UnknownNameError
from interpret.graph.program.program import Graph
from interpret.modules.wrappers import named_parts
from interpret.network.found_layouts import Seen, certain_layout, find_layouts
from interpret.network.known import Known, Shape, find_layer
from interpret.network.layouts import Layout, LayoutChoice, as_maps, token_of, with_maps_in
from interpret.network.passes import Findings, single_pass
from interpret.network.recording import Call

T = TypeVar("T")

AT = "@"
"""Stands between a layer and a token of it that has no place: ``blocks.3@class``."""


@dataclass(frozen=True)
class LayerView:
    """A layer, or one token of it without a place.

    Attributes:
        name: As in ``Network.layers``, with ``@token`` behind it for a token.
        call: The call of a module behind it.
        layout: How what that returns is a map; None where that is not known, and it is left as it is.
        token: The token that is looked at alone.
    """

    name: str
    call: Call
    layout: Layout | None
    token: str = ""

    def of(self, output: Tensor) -> Tensor:
        """What the module returned, as maps or vectors."""
        if self.token and self.layout is not None:
            return token_of(output, self.layout, self.token)
        return as_maps(output, self.layout)

    def put(self, output: Tensor, maps: Tensor) -> Tensor:
        """What the module returned, with others in the place of its maps or vectors."""
        return with_maps_in(output, maps, self.layout, self.token)

    @property
    def moves_axes(self) -> bool:
        """Whether that is anything else than what was returned."""
        return self.layout is not None and self.layout.kind in {"nhwc", "tokens"}


class Views:
    """The layers of a module for images of one shape.

    Args:
        known: What is known of the module.
        findings: What its first passes told.
        names: Further names of layers, and what the user says of the layouts of some.
        shape: Of an image.
        program: Traces the module for that shape.
    """

    def __init__(
        self,
        known: Known,
        findings: Findings,
        names: tuple[Mapping[str, str], Mapping[str, LayoutChoice]],
        shape: Shape,
        program: Callable[[], Graph],
    ) -> None:
        self.known, self.findings, self.aliases = known, findings, names[0]
        self.shape, self.program = shape, program
        self.given = {self.find(name)[0]: choice for name, choice in names[1].items()}

    def find(self, name: str) -> tuple[str, str]:
        """The name in ``Network.layers`` that a name or alias stands for, and the token that is meant.

        Raises:
            UnknownNameError: If there is no such layer.
        """
        calls, real = self.known.calls(self.findings), self.aliases.get(name, name)
        base, _, token = ("", "", "") if real in calls else str(real).rpartition(AT)
        if not base or not token:
            return find_layer(self.known.module, calls, self.aliases, name), ""
        return find_layer(self.known.module, calls, self.aliases, base), token

    def view(self, name: str) -> LayerView:
        """A layer by its name or alias.

        Raises:
            UnknownNameError: If there is no such layer, or no such token in it.
        """
        layer, token = self.find(name)
        layout, call = self.layout(layer), self.known.calls(self.findings)[layer]
        tokens = () if layout is None else layout.names
        if token and token not in tokens:
            raise UnknownNameError(f"token without a place in layer {layer!r}:", token, tokens)
        return LayerView(f"{layer}{AT}{token}" if token else layer, call, layout, token)

    def taps(
        self, taps: Mapping[str, Callable[[Tensor], T]], *, images: int, raw: bool
    ) -> dict[Call, Callable[[Tensor], dict[str, T]]]:
        """What to make of the output of each call: all that is asked of its layer, by name.

        Args:
            taps: What to make of a layer's maps, by name or alias.
            images: How many there are.
            raw: Whether it is made of what modules return.
        """
        each: dict[Call, dict[str, LayerView | None]] = {}
        for name in taps:
            call = self.known.call(self.findings, self.find(name)[0], images=images)
            each.setdefault(call, {})[name] = None if raw else self.view(name)

        def tap(views: Mapping[str, LayerView | None]) -> Callable[[Tensor], dict[str, T]]:
            return lambda output: {
                name: taps[name](view.of(output) if view else output) for name, view in views.items()
            }

        return {call: tap(views) for call, views in each.items()}

    def layout(self, layer: str) -> Layout | None:
        """The layout of a layer; None where it is not known."""
        certain = None if layer in self.given else self._certain()[layer]
        return certain or self.layouts()[layer]

    def layouts(self) -> dict[str, Layout | None]:
        """The layout of every layer."""
        found = self.known.layouts.get(self.shape)
        if found is None:
            found = self.known.layouts[self.shape] = self._found()
        return found

    @property
    def _plain(self) -> bool:
        return not self.findings.moves_axes

    def _certain(self) -> dict[str, Layout | None]:
        """The layouts for which neither program nor other layers need be asked; found once for a module."""
        if self.known.certain is None:
            parts, calls = named_parts(self.known.module), self.known.calls(self.findings)
            seen = zip(calls.items(), self.findings.shapes, strict=True)
            self.known.certain = {
                name: certain_layout(Seen(shape, parts[call.module]), plain=self._plain)
                for (name, call), shape in seen
            }
        return self.known.certain

    def _found(self) -> dict[str, Layout | None]:
        shapes = self._shapes()
        parts, calls = named_parts(self.known.module), self.known.calls(self.findings)
        layers = {
            name: Seen(shapes[call], parts[call.module]) for name, call in calls.items() if call in shapes
        }
        try:
            graph = self.program()
        except ModelError:  # it cannot be traced
            graph = None
        found = find_layouts(layers, self.shape, graph, self.given, plain=self._plain)
        return dict.fromkeys(calls) | found

    def _shapes(self) -> dict[Call, tuple[int, ...]]:
        """The shapes of what every call returns for one image."""
        if self.findings.image == self.shape:
            return dict(zip(self.findings.calls, self.findings.shapes, strict=True))
        weight = next(
            (item for item in self.known.module.parameters() if item.is_floating_point()), torch.zeros(())
        )
        with self.known.running(self.findings, weight.device) as module, torch.no_grad():
            return single_pass(module, weight.new_zeros(1, *self.shape)).shapes
