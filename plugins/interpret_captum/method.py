"""The bases of Captum's methods as probes: a row of the table says the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interpret.attributing import Attribute, ClassAttribution, NeuronAttribution
from interpret.errors import InterpretError, StepError
from interpret.network import Network
from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import ModuleCopy, quiet

FAILURES = (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
"""What Captum raises at networks that it cannot explain."""


@dataclass(frozen=True)
class Row:
    """What the table says of one method.

    Attributes:
        captum: Captum's class.
        paper: Where the method comes from.
        passes: What it costs for each image.
        neuron: Captum's class for a neuron; empty: ``captum`` is given the neuron's value as its function.
    """

    captum: str
    paper: str
    passes: str
    neuron: str = ""


class CaptumMethod(ClassAttribution):
    """One of Captum's methods, on a copy of the module."""

    row: ClassVar[Row]
    alone: ClassVar[bool] = False
    """Whether Captum is asked about one image at a time."""

    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer for one class or neuron of each image."""
        return self.prepare(network)(x, targets)

    def prepare(self, network: Network) -> Attribute:
        """The method on a copy of the module."""
        copy = self.copied(network)
        self.check(copy)

        def attribute(x: Tensor, targets: Targets) -> Tensor:
            size = 1 if self.alone else max(len(x), 1)
            parts = [slice(start, start + size) for start in range(0, max(len(x), 1), size)]
            with quiet(), named(self, network):
                return torch.cat([self.answer(copy, x[part], targets[part]) for part in parts])

        return attribute

    def copied(self, network: Network) -> ModuleCopy:
        """The copy that Captum works on."""
        return ModuleCopy.of(network)

    def check(self, copy: ModuleCopy) -> None:
        """Look at the network before the first batch."""

    def arguments(self, copy: ModuleCopy, x: Float[Tensor, "n c h w"]) -> dict[str, Any]:  # noqa: ARG002
        """What Captum's ``attribute`` is given besides images and targets."""
        return {}

    def settings(self) -> dict[str, Any]:
        """What the constructor of Captum's class is given besides the module and the layer."""
        return {}

    @abstractmethod
    def answer(
        self, copy: ModuleCopy, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer for one class or neuron of each image."""


class CaptumProbe(CaptumMethod, NeuronAttribution):
    """One of Captum's methods, for a class or a neuron of each image."""

    def copied(self, network: Network) -> ModuleCopy:
        """The copy that Captum works on, with the layer of the neurons."""
        copy = super().copied(network)
        return copy if self.layer is None else copy.at(self.layer)

    def answer(
        self, copy: ModuleCopy, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer for one class or neuron of each image."""
        copy = copy.at(targets.layer)
        given, settings = self.arguments(copy, x), self.settings()
        method = getattr(captum, self.row.captum)
        if not targets.layer:
            found = method(copy.module, **settings).attribute(x, target=targets.unit.to(x.device), **given)
        elif self.row.neuron:
            neurons = getattr(captum, self.row.neuron)(copy.module, copy.tap, **settings)
            found = neurons.attribute(x, targets.pick, **given)
        else:
            found = method(copy.neurons(targets), **settings).attribute(x, **given)
        return self.finished(found)

    def finished(self, found: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The map, from what Captum gives."""
        return found


@contextmanager
def named(probe: ClassAttribution, network: Network) -> Iterator[None]:
    """What Captum raises about a network is told with the names of both.

    Raises:
        StepError: In place of an exception that Captum, or the module under it, raises.
    """
    try:
        yield
    except (InterpretError, torch.OutOfMemoryError):
        raise
    except FAILURES as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise StepError(
            f"Captum cannot answer {probe.name} on {type(network.module).__name__}: {reason}. "
            "Ask another method: occlusion and rise need nothing but the network's answers."
        ) from error
