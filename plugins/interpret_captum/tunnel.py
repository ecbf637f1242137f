"""Captum's noise tunnel over any probe that attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar, Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from interpret.attributing import Attribute, ClassAttribution, NeuronAttribution
from interpret.network import Network
from interpret.plugin import Probe
from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import quiet
from interpret_captum.options import seeded
from interpret_captum.specs import MethodSpec, build


class NoiseTunnel(NeuronAttribution):
    """The mean, mean square or variance of a method's answers under noise (captum ``NoiseTunnel``)."""

    name: ClassVar[str] = "captum.noise_tunnel"
    also_called: ClassVar[Mapping[str, str]] = {
        f"{family}{kind}": f"It is captum.noise_tunnel over another probe, with kind: {kind} and, "
        "for example, method: {probe: captum.saliency}."
        for family in ("", "captum.")
        for kind in ("smoothgrad", "smoothgrad_sq", "vargrad")
    }
    removed_parameters: ClassVar[Mapping[str, str]] = {
        "stdevs": "The standard deviation of the noise is its 'noise', in pixel units.",
        "nt_type": "The mean, the mean of squares or the variance is its 'kind'.",
        "nt_samples": "The number of noisy copies is its 'samples'.",
        "nt_samples_batch_size": "How many noisy copies are asked at once is its 'internal_batch_size'.",
    }

    method: MethodSpec = Field(
        MethodSpec(probe="captum.saliency"),
        description="The probe whose answers are smoothed, with its parameters, as in a step; whom it is "
        "asked about is said beside it.",
    )
    kind: Literal["smoothgrad", "smoothgrad_sq", "vargrad"] = Field(
        "smoothgrad", description="The mean, the mean of squares, or the variance."
    )
    samples: int = Field(20, ge=1, le=10_000, description="Noisy copies of each image.")
    noise: float = Field(
        0.15, ge=0, le=1, description="Standard deviation of the noise, in pixel units [0, 1]."
    )
    internal_batch_size: int = Field(20, ge=1, le=4096, description="Noisy copies that are asked at once.")
    seed: int = Field(0, ge=0, lt=2**32, description="Start of the noise, the same for every image.")

    @model_validator(mode="after")
    def _same_question(self) -> NoiseTunnel:
        if self.layer is not None and not isinstance(self.inner(), NeuronAttribution):
            raise ValueError(
                f"'layer' asks about a neuron, and {self.method['probe']} answers for classes only"
            )
        return self

    def inner(self) -> ClassAttribution:
        """The probe whose answers are smoothed."""
        return cast(ClassAttribution, build(self.method))  # the specification is checked

    def note(self, network: Network) -> str:
        """What must be known of the probe whose answers are smoothed."""
        return self.inner().note(network)

    def nested(self) -> list[Probe]:
        """The probe whose answers are smoothed."""
        return [self.inner()]

    def attribute(
        self, network: Network, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """The smoothed answer for one class or neuron of each image."""
        return self.prepare(network)(x, targets)

    def prepare(self, network: Network) -> Attribute:
        """The method, ready for one network."""
        inner = self.inner().prepare(network)
        scale = network.to_device(torch.tensor(network.input.std, dtype=network.dtype))[:, None, None]

        def attribute(x: Tensor, targets: Targets) -> Tensor:
            parts = [slice(index, index + 1) for index in range(len(x))]
            with quiet():
                return torch.cat([self._smoothed(inner, x[one], targets[one], scale) for one in parts])

        return attribute

    def _smoothed(self, inner: Attribute, x: Tensor, targets: Targets, scale: Tensor) -> Tensor:
        """The answer for one image; Captum adds its noise to the image in pixel units."""

        def answer(pixels: Tensor) -> Tensor:
            with torch.enable_grad():
                return inner((pixels / scale).detach().to(x.dtype), targets.repeat(len(pixels))).detach()

        with seeded(self.seed, x.device):
            found: Tensor = captum.NoiseTunnel(_Method(answer)).attribute(
                x * scale,
                nt_type=self.kind,
                nt_samples=self.samples,
                nt_samples_batch_size=self.internal_batch_size,
                stdevs=self.noise,
            )
        return found


def _unlogged(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A method as Captum's are: it calls what is wrapped, which logs nothing."""

    @wraps(method)
    def called(*given: Any, **named: Any) -> Tensor:
        return method(*given, **named)

    return called


class _Method:
    """What Captum's noise tunnel asks of a method."""

    multiplies_by_inputs = False

    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        self.forward_func = answer

    def has_convergence_delta(self) -> bool:
        """There is none to ask for."""
        return False

    @_unlogged
    def attribute(self, inputs: Tensor) -> Tensor:
        """The answers in noisy copies of an image."""
        return self.forward_func(inputs)
