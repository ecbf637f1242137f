"""Image classifiers of Hugging Face's transformers, from a folder or the Hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import nn

from interpret.errors import InterpretError, ModelError, clause
from interpret.files import user_path
from interpret.network import Network
from interpret.plugin import Device
from interpret_zoo.hub import fetched, optional
from interpret_zoo.image_model import ImageModel, Stated
from interpret_zoo.processors import flips_channels, processor_stated, tell_difference

log = logging.getLogger(__name__)

CONFIG, PROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
HEADLESS = (
    "A model without a classifier you load with transformers, and give to "
    "interpret.wrap(module, output='pooler_output')."
)
NAMELESS = re.compile(r"LABEL_\d+")
"""What transformers calls outputs that nobody named."""


class HuggingFace(ImageModel):
    """An image classifier of transformers, such as ``path: microsoft/resnet-18`` or a folder of your own.

    The folder is one that ``save_pretrained`` wrote: ``config.json``, ``model.safetensors`` and
    ``preprocessor_config.json``, whose values are the network's input. A name is looked up in the cache of
    the Hugging Face Hub, then downloaded. Weights are safetensors alone, and code that comes with a model is
    never run. ``stage0``, ``stage1``, … are the blocks of the largest list of blocks
    that give one map each.
    """

    name: ClassVar[str] = "huggingface"
    after_colon: ClassVar[str] = "path"
    max_bytes: ClassVar[int] = 8 * 2**30

    removed_parameters: ClassVar[Mapping[str, str]] = {
        "trust_remote_code": "Code that comes with a model never runs. Load it yourself and wrap it.",
        "num_labels": "The folder says how many outputs there are.",
    }

    path: str = Field(description="The folder, or a name on the Hugging Face Hub: OWNER/NAME.", min_length=1)
    revision: str = Field("", description="Branch, tag or commit on the Hub; empty: its main branch.")
    weights: str | None = Field(
        None, description="Path of a weights file that replaces those of the folder; none: the folder's."
    )

    def build(self) -> nn.Module:
        """The classifier with the weights of its folder."""
        folder = self.folder(weights=self.weights is None)
        module = read_classifier(folder, pretrained=self.weights is None)
        if flips_channels(processor_values(folder)[1]):
            _take_red_first(module, folder)
        return module

    def folder(self, *, weights: bool = False) -> Path:
        """The folder here; of a name, the one in the cache, with what is needed of it.

        Raises:
            ModelError: If there is none, and it cannot be downloaded.
        """
        folder = user_path(self.path)
        if folder.is_dir():
            return folder
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.path):
            raise ModelError(
                f"There is no folder {folder}, and {self.path!r} is no name of the Hub: OWNER/NAME."
            )
        return hub_folder(self.path, self.revision, weights=weights)

    def aliases(self, module: nn.Module) -> Mapping[str, str]:
        """``stage0``, ``stage1``, …: the blocks of the largest list of blocks."""
        return block_aliases(module)

    def known(self) -> Stated:
        """What the processor says, and the names in ``id2label``."""
        folder = self.folder()
        config, values = read_config(folder), processor_values(folder)[1]
        with _understood(folder):
            size, channels = _image_shape(config)
            middle = None if channels == 3 else (0.5,) * channels
            stated = processor_stated(values, size, channels) if values else Stated(size, middle, middle)
        return stated.or_else(Stated(categories=label_names(config)))

    def load(self, device: Device = "auto", seed: int = 0) -> Network:
        """The network in eval mode; its outputs must be as many as its categories.

        Blocks that return a tuple, as those of Swin, are no layers and get no name.
        """
        network = super().load(device, seed)
        outputs = int(getattr(network.module.config, "num_labels", 0))
        if self.categories is not None and self.count(outputs) != outputs:
            raise ModelError(
                f"{self.path} has {outputs} outputs, but 'categories' says {self.count(outputs)}."
            )
        fitting = {alias: name for alias, name in network.aliases.items() if name in network.layers}
        network = Network(
            network.module,
            network.input,
            network.categories,
            fitting,
            network.output,
            output_kind=self.output_kind,
        )
        processor, values = processor_values(self.folder())
        if processor is not None and self.given() == Stated(categories=self.given().categories):
            tell_difference(processor, network.input, values)
        return network


def library() -> ModuleType:
    """``transformers``; importing it takes seconds, which only its users should wait."""
    return optional("transformers", "huggingface", "The model huggingface")


def hub_folder(name: str, revision: str = "", *, weights: bool = True) -> Path:
    """The folder of a model in the cache of the Hub; what is missing of it is downloaded.

    Raises:
        ModelError: If it cannot be downloaded, or has no weights as safetensors.
    """
    config = fetched(name, CONFIG, revision)
    if config is None:
        raise ModelError(f"{name} on the Hugging Face Hub has no {CONFIG}: it is no model of transformers.")
    folder = config.parent
    commit = folder.name  # all files are of one commit, whatever is pushed meanwhile
    fetched(name, PROCESSOR, commit, needed=False)
    if weights and fetched(name, WEIGHTS, commit) is None:
        index = fetched(name, INDEX, commit)
        for shard in _shards(index) if index else ():
            fetched(name, shard, commit)
    return folder


def _shards(index: Path) -> list[str]:
    found = re.findall(r'"(model-\d+-of-\d+\.safetensors)"', index.read_text(encoding="utf-8"))
    return sorted(set(found))


def read_config(folder: Path) -> Any:
    """The configuration in a folder, without any code that it names.

    Raises:
        ModelError: If it cannot be read, or asks for code that is not part of transformers.
    """
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder} has no {CONFIG}. Give a folder that save_pretrained wrote.")
    with _understood(folder):
        config = library().AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if config.model_type == "timm_wrapper":
        raise ModelError(f"{folder} is a network of timm: load it as timm:local-dir:{folder}.")
    config._attn_implementation = None  # it could name code of the Hub
    return config


def processor_values(folder: Path) -> tuple[Any, Mapping[str, Any]]:
    """The image processor in a folder and its values; None and nothing where it has none.

    Raises:
        ModelError: If it cannot be read.
    """
    if not (folder / PROCESSOR).is_file():
        return None, {}
    with _understood(folder):
        read = library().AutoImageProcessor.from_pretrained
        processor = read(folder, trust_remote_code=False, local_files_only=True)
        return processor, processor.to_dict()


def read_classifier(folder: Path, *, pretrained: bool = True) -> nn.Module:
    """The image classifier in a folder, in float32.

    Args:
        folder: What ``save_pretrained`` wrote.
        pretrained: Whether with its weights, or initialised.

    Raises:
        ModelError: If it is no image classifier, has no weights as safetensors, or lacks some of them.
    """
    config, transformers = read_config(folder), library()
    auto = transformers.AutoModelForImageClassification
    if type(config) not in auto._model_mapping:
        raise ModelError(
            f"{folder} holds a {config.model_type!r}, no image classifier of transformers. {HEADLESS}"
        )
    if not pretrained:
        with _understood(folder):
            made: nn.Module = auto.from_config(config, trust_remote_code=False)
            return made.float()
    if not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
        raise ModelError(
            f"{folder} has no {WEIGHTS}, and transformers reads no pickled weights here. Give their file as "
            "'weights': it is read without running anything in it. Or load the model with transformers where "
            "you trust it, and save_pretrained it again."
        )
    with _understood(folder), _quiet(transformers):
        module, found = auto.from_pretrained(
            folder,
            config=config,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # what differs is said below
        )
    if differing := sorted(found.get("mismatched_keys", ()), key=itemgetter(0)):
        name, there, wanted = differing[0]
        raise ModelError(
            f"{len(differing)} tensors in {folder} have another shape than {CONFIG} says, such as {name}: "
            f"{tuple(there)} in the file, {tuple(wanted)} by {CONFIG}. Put the files of one model there."
        )
    if missing := sorted(found.get("missing_keys", ())):
        raise ModelError(
            f"{folder} lacks {len(missing)} of the classifier's tensors, such as {missing[0]}: nobody "
            f"trained them. {HEADLESS}"
        )
    if spare := sorted(found.get("unexpected_keys", ())):
        log.warning(
            "%s holds %d tensors that the classifier does not have, such as %s: they are left out.",
            folder,
            len(spare),
            spare[0],
        )
    ready: nn.Module = module.float()
    return ready


def label_names(config: Any) -> tuple[str, ...]:
    """The names of the outputs; empty where nobody named them."""
    names = tuple(str(config.id2label.get(index, "")) for index in range(len(config.id2label)))
    return () if any(not name or NAMELESS.fullmatch(name) for name in names) else names


def block_aliases(module: nn.Module) -> dict[str, str]:
    """``stage0``, ``stage1``, …: the members of the largest list of modules, the outermost of several."""
    lists = [
        (name, part)
        for name, part in module.named_modules()
        if isinstance(part, nn.ModuleList | nn.Sequential) and len(part) > 1
    ]
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in lists}
    largest = max(sizes.values(), default=0)
    chosen = next(((name, part) for name, part in lists if sizes[name] == largest), None)
    if chosen is None:
        return {}
    name, part = chosen
    return {f"stage{index}": f"{name}.{key}" for index, key in enumerate(part._modules)}


def _image_shape(config: Any) -> tuple[tuple[int, int], int]:
    """Height and width, and the number of channels, as the configuration says them."""
    vision = getattr(config, "vision_config", None) or config
    size, channels = getattr(vision, "image_size", None) or 224, getattr(vision, "num_channels", None) or 3
    if isinstance(size, int):
        return (size, size), int(channels)
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise ModelError(
            f"{CONFIG} says image_size {size!r:.100}; it must be one number, or height and width."
        )
    return (int(size[0]), int(size[1])), int(channels)


def _take_red_first(module: nn.Module, folder: Path) -> None:
    """Let a network that takes blue, green, red take red, green, blue: its first filters are turned."""
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.in_channels != 3 or first.groups != 1:
        raise ModelError(
            f"The processor in {folder} puts blue first, and the network has no first convolution over three "
            "channels to turn. Load it with transformers and give it to interpret.wrap."
        )
    with torch.no_grad():
        first.weight.copy_(first.weight.flip(1))


@contextmanager
def _understood(folder: Path) -> Iterator[None]:
    """What transformers raises over the files of a folder, as an error that says what can be done."""
    try:
        yield
    except InterpretError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())
        if "trust_remote_code" in line or "custom code" in line:
            raise ModelError(
                f"The model in {folder} asks for Python code that comes with it, which is never run. Load it "
                "with transformers where you trust it, and give it to interpret.wrap."
            ) from error
        raise ModelError(
            f"transformers cannot read the model in {folder}: {type(error).__name__}: {clause(line):.500}."
        ) from error


@contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """No bar and no report on the reading of weights: what it finds is said in words of our own."""
    settings = transformers.utils.logging
    shown, level = settings.is_progress_bar_enabled(), settings.get_verbosity()
    settings.disable_progress_bar()
    settings.set_verbosity_error()
    try:
        yield
    finally:
        settings.set_verbosity(level)
        if shown:
            settings.enable_progress_bar()
