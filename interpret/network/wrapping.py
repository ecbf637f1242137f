"""Any ``nn.Module`` as a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from interpret.arguments import as_aliases, as_categories
from interpret.images.inputs import Interpolation, as_input_spec
from interpret.modules.outputs import (
    Output,
    OutputKind,
    require_output,
    require_output_kind,
)
from interpret.modules.wrappers import require_module
from interpret.network.layouts import LayoutChoice
from interpret.network.memory_format import MemoryFormat
from interpret.network.network import Network
from interpret.network.precision import Precision

IMAGENET_MEAN = (0.485, 0.456, 0.406)

IMAGENET_STD = (0.229, 0.224, 0.225)


def wrap(
    module: nn.Module,
    *,
    input_size: int | tuple[int, int] = 224,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    categories: Sequence[str] | None = None,
    aliases: Mapping[str, str] | None = None,
    resize: int | None = None,
    interpolation: Interpolation = "bilinear",
    squash: bool = False,
    output: Output = None,
    layouts: Mapping[str, LayoutChoice] | None = None,
    check: bool = True,
    output_kind: OutputKind | None = None,
    shown_channels: Sequence[int] | None = None,
    precision: Precision = "float32",
    memory_format: MemoryFormat = "contiguous",
) -> Network:
    """Any ``nn.Module`` as a Network; the module is used as it is and never changed.

    Args:
        module: Takes images (n, c, h, w) and returns (n, classes). Wrappers of ``torch.compile`` and
            ``DataParallel`` are taken off.
        input_size: Height and width in pixels, or one number for both.
        mean: Mean of each channel in pixel units [0, 1]; its length is the number of channels.
        std: Standard deviation of each channel in pixel units.
        categories: The names of the outputs.
        aliases: Further names of layers.
        resize: Length the shorter side of a photograph is scaled to before the centre is cropped;
            default 256/224 of the input size.
        interpolation: How it is scaled, as the weights were trained: torchvision's weights say bilinear or
            bicubic.
        squash: Whether a photograph is scaled to the input's shape, whatever its own, as for many
            transformers; then nothing is cropped off unless ``resize`` is larger than the input.
        output: What of the things the module returns is (n, classes): a key, the name of an attribute, an
            index, a list of these that leads inside, or a function of what it returns, such as
            ``interpret.modules.MeanOverImage()`` for segmenters and ``BestScore(classes=…)`` for detectors.
            Default: the tensor it returns, or its ``logits``.
        layouts: How layers are maps, by name: ``nchw``, ``nhwc``, ``tokens`` or a
            `interpret.network.Layout`, where it cannot be found; None leaves what a layer returns as it is.
            It is found by itself in most networks: ConvNeXt, Swin, vision transformers.
        check: Whether to test the module once, on first use: that it gives the same numbers each time and for
            each image by itself. It takes less time than five passes of two images. Without the test the
            caller answers for that.
        output_kind: What the numbers of the output are: ``logits``, ``probabilities``, ``log_probabilities``
            or ``values``, as a regression gives: they are asked for themselves, not for a probability.
            Default: found out on first use; the only logit of a network is a value.
        shown_channels: Which channels figures show: one, in grey, or three, as red, green and blue. Default:
            all of one or three, the first three of more, the first of two.
        precision: What forward passes multiply: float32, bfloat16 or float16; see `Network.in_precision`.
        memory_format: How their maps lie in memory: contiguous or channels_last; see
            `Network.in_memory_format`.

    Raises:
        ModelError: If an argument makes no sense, or the module has no layers to see (TorchScript, programs
            of torch.export).

    Example:
        >>> network = interpret.wrap(torchvision.models.resnet18().eval(), input_size=224)
        >>> network.layers[:3]
        ('conv1', 'bn1', 'relu')
    """
    require_module(module)
    require_output(output)
    require_output_kind(output_kind)
    spec = as_input_spec(
        input_size, mean, std, resize, interpolation, shown_channels=shown_channels, squash=squash
    )
    names, further = as_categories(categories), as_aliases(aliases)
    return Network(
        module,
        spec,
        names,
        further,
        output,
        layouts=layouts,
        check=check,
        output_kind=output_kind,
        precision=precision,
        memory_format=memory_format,
    )
