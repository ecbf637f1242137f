"""Methods that weigh the maps of one layer for a class: Captum's, scaled up to the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from interpret.errors import StepError
from interpret.network import Network
from interpret.targets import Targets
from interpret_captum import library as captum
from interpret_captum.copies import ModuleCopy, last_call
from interpret_captum.method import CaptumMethod

Upsampling = Literal["bilinear", "nearest"]


class LayerMethod(CaptumMethod):
    """A method that weighs the maps of one layer."""

    removed_parameters: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("unit", "position"),
        "It asks about a class, and 'layer' is the one whose maps are weighed; probes that ask about a "
        "neuron, such as captum.lrp and captum.saliency, have 'unit' and 'position'.",
    )
    over: ClassVar[Literal["sum", "mean"]] = "sum"
    """What is made of the values of a layer's channels at one place."""

    layer: str | None = Field(
        None,
        description="The layer whose maps are weighed, by name or alias; none: the last whose maps are as "
        "large as the last convolution's.",
    )
    upsampling: Upsampling = Field("bilinear", description="How the map is scaled up to the image.")

    def copied(self, network: Network) -> ModuleCopy:
        """The copy that Captum works on, with the layer."""
        return super().copied(network).at(self.chosen(network))

    def chosen(self, network: Network) -> str:
        """The layer whose maps are weighed."""
        return map_layer(network, self.layer)

    def answer(
        self, copy: ModuleCopy, x: Float[Tensor, "n c h w"], targets: Targets
    ) -> Float[Tensor, "n c h w"]:
        """Captum's answer for one class of each image."""
        method = getattr(captum, self.row.captum)(copy.module, copy.tap, **self.settings())
        given = self.arguments(copy, x)
        x = x.detach().requires_grad_()  # DeepLIFT's hooks need gradients at every layer
        return self.shown(method.attribute(x, target=targets.unit.to(x.device), **given), x)

    def shown(self, found: Float[Tensor, "n m r s"], x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """A layer's maps as one over the image; each channel gets an equal share, so that they sum to it."""
        maps = getattr(found, self.over)(1, keepdim=True)
        whole: Tensor = captum.LayerAttribution.interpolate(maps, tuple(x.shape[2:]), self.upsampling)
        return (whole / x.shape[1]).expand_as(x)


def map_layer(network: Network, layer: str | None, kinds: tuple[type[nn.Module], ...] = ()) -> str:
    """The layer whose maps are weighed.

    By default it is the last whose maps are as large as the last convolution's: what comes later is pooled,
    and says less about where. Of several calls of a module only the last will do: Captum sees no other.

    Args:
        network: The network.
        layer: The layer that is asked for, by name or alias; None: the default.
        kinds: Only modules of these kinds will do; none: all.

    Raises:
        UnknownNameError: If there is no such layer.
        StepError: If it gives no maps, or no layer does.
    """
    if layer is None:
        return _last_maps(network, kinds)
    name = network.layer(layer)
    shape = network.layer_shapes([name])[name]
    if len(shape) != 3:
        raise StepError(
            f"Layer {layer!r} gives values of shape {shape}: only maps (channels, rows, columns) can be laid "
            "over the image. Choose a convolution."
        )
    if kinds and not isinstance(network.modules_of(nn.Module).get(name), kinds):
        raise StepError(
            f"Layer {layer!r} is none of the modules for which this method has a rule: "
            f"{', '.join(kind.__name__ for kind in kinds)}. Choose one of them, such as "
            f"{_last_maps(network, kinds)!r}."
        )
    return name


def _last_maps(network: Network, kinds: tuple[type[nn.Module], ...] = ()) -> str:
    calls = {name: network.view(name).call for name in network.layers}
    seen = [name for name, call in calls.items() if call.number == last_call(network, call)]
    shapes = network.layer_shapes(seen)
    parts = network.modules_of(nn.Module).items()
    fitting = {name for name, part in parts if isinstance(part, kinds)} if kinds else set(shapes)
    sizes = {
        name: shape[1:]
        for name, shape in shapes.items()
        if len(shape) == 3 and max(shape[1:]) > 1 and name in fitting
    }
    if not sizes:
        raise StepError("No layer gives maps of more than one position: there is nothing to weigh.")
    found = network.modules_of(nn.Conv2d)
    convolutions = [name for name in sizes if name in found]
    size = sizes[(convolutions or list(sizes))[-1]]
    return [name for name in sizes if sizes[name] == size][-1]
