"""Projections through whole maps, for any operation: autograd with the rules of a deconvnet put in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interpret.graph.program import Apply, Graph, Node, apply
from interpret.graph.window_sweep import denominator
from interpret.graph.windows import Seeds
from interpret_deconv.rules import Choices


def project_whole(
    graph: Graph, layer: Node, x: Float[Tensor, "n c h w"], seeds: Seeds, choices: Choices
) -> Float[Tensor, "k c h w"]:
    """Project neurons back to the whole image.

    Images go up together once. Then they go down together as often as the image with the most neurons needs,
    each time with one neuron of each image.

    Args:
        graph: The network.
        layer: The node of the layer.
        x: Images.
        seeds: Neurons of the layer.
        choices: The rules.
    """
    used, places = torch.unique(seeds.image, return_inverse=True)
    projections = x.new_zeros(len(places), *x.shape[1:])
    with torch.enable_grad():
        images = x[used.to(x.device)].detach().requires_grad_()
        top = graph.run(images, [layer], _rewritten(choices))[layer]
        rounds = list(_rounds(places))
        for turn, chosen in enumerate(rounds):
            seed = _seed(top, seeds._replace(image=places).take(chosen))
            (back,) = torch.autograd.grad(top, images, seed, retain_graph=turn + 1 < len(rounds))
            projections[chosen.to(x.device)] = back[places[chosen].to(x.device)]
    return projections


def _rounds(places: Tensor) -> Iterator[Tensor]:
    """Neurons in groups that hold one neuron of an image each."""
    waiting: dict[int, list[int]] = {}
    for neuron, image in enumerate(places.tolist()):
        waiting.setdefault(image, []).append(neuron)
    for turn in range(max(map(len, waiting.values()))):
        yield torch.tensor([mine[turn] for mine in waiting.values() if turn < len(mine)])


def _seed(top: Tensor, seeds: Seeds) -> Tensor:
    image, channel, y, x, value = (item.to(top.device) for item in seeds)
    where = (image, channel) if top.dim() == 2 else (image, channel, y, x)
    return torch.zeros_like(top).index_put_(where, value.to(top.dtype))


def _rewritten(choices: Choices) -> Apply:
    """How each operation is computed, so that autograd follows the rules on its way back."""

    def computed(node: Node, arguments: Mapping[str, Any]) -> Any:
        if node.op == "relu" and choices.rule != "gradient":
            return _Rectified.apply(arguments["self"], choices.rule == "guided")
        if node.op == "local_response_norm" and choices.rule == "deconvnet":
            return _Normed.apply(arguments["input"], arguments, choices.lrn == "scale")
        if node.op == "max_pool2d" and choices.unpool == "overwrite":
            return _Pooled.apply(arguments["self"], arguments)
        return apply(node, arguments)

    return computed


class _Rectified(torch.autograd.Function):
    """A ReLU that keeps the positive part of the signal, everywhere or where it was active."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, guided: bool) -> Tensor:  # noqa: FBT001
        ctx.active = value > 0 if guided else None
        return value.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        kept = signal.clamp_min(0)
        return (kept if ctx.active is None else kept * ctx.active), None


class _Normed(torch.autograd.Function):
    """A response norm that passes the signal, unchanged or divided as the value was."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, arguments: Mapping[str, Any], scaled: bool) -> Tensor:  # noqa: FBT001
        given = {key: arguments[key] for key in ("size", "alpha", "beta", "k")}
        ctx.divisor = denominator(value, **given) if scaled else None
        return F.local_response_norm(value, **given)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return (signal if ctx.divisor is None else signal / ctx.divisor), None, None


class _Pooled(torch.autograd.Function):
    """A max pool whose windows overwrite each other on the way down: the last one, by rows, stays."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        keys = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        pooled, ctx.switches = F.max_pool2d(
            value, **{key: arguments[key] for key in keys}, return_indices=True
        )
        ctx.size = value.shape
        return pooled

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        flat = signal.new_zeros(ctx.size).flatten(2)
        return flat.scatter_(2, ctx.switches.flatten(2), signal.flatten(2)).view(ctx.size), None
