"""Contract tests for plugin authors: give them an instance of your class in a test of yours.

    from interpret.testing import check_probe

    def test_contract():
        check_probe(MyProbe(layer="conv2"))

Each raises PluginError with what the plugin does wrong, and returns nothing where all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from interpret.errors import ModelError, PluginError
from interpret.images.dataset import Images, as_images
from interpret.network.network import Network, wrap
from interpret.plugin.interfaces import (
    Model,
    Plugin,
    Probe,
    Renderer,
    ShardedProbe,
    probe_output,
    renderer_input,
)
from interpret.results import Result, load
from interpret.testing.datasets import check_dataset
from interpret.testing.executors import check_executor
from interpret.testing.requirements import require, require_class

__all__ = [
    "check_dataset",
    "check_executor",
    "check_model",
    "check_probe",
    "check_renderer",
    "small_images",
    "small_network",
]

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def small_network() -> Network:
    """A network of 3 x 16 x 16 inputs and 4 categories, layers conv1 to pool2 and fc; always the same."""
    return _small_network(torch.get_default_dtype(), torch.get_default_device()).copy()


@cache
def _small_network(*_surroundings: object) -> Network:
    """Made once, as PyTorch's defaults are: copies share what is traced, most of a test's time."""
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = {
            "conv1": nn.Conv2d(3, 6, 3, padding=1),
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(6, 8, 3, padding=1),
            "norm2": nn.BatchNorm2d(8),
            "relu2": nn.ReLU(inplace=True),
            "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "dropout": nn.Dropout(),
            "fc": nn.Linear(128, 4),
        }
        module = nn.Sequential()
        for name, layer in layers.items():
            module.add_module(name, layer)
    categories = ("circle", "cross", "square", "star")
    network = wrap(module.eval(), input_size=16, mean=[0.5] * 3, std=[0.25] * 3, categories=categories)
    network.calls  # noqa: B018 - copies share what is found out here
    return network


def small_images(count: int = 6) -> Images:
    """Photographs of noise, 20 x 24 pixels, with labels 0 to 3, for ``small_network``; always the same."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 20, 24, 3), dtype=np.uint8)
    return as_images([(Image.fromarray(picture), place % 4) for place, picture in enumerate(pixels)])


def check_probe(probe: Probe, network: Network | None = None, images: Any = None, **inputs: Result) -> None:
    """Check a probe by running it several times.

    It leaves no hook behind and no parameter, gradient or mode changed, also after an exception. It gives the
    same result whatever the global random state and the mode of the module. Its result is of the annotated
    type and survives saving bit for bit. The shards of a sharded probe merge in any order, and the pieces of
    a shard are joined to the bits of the whole.

    Args:
        probe: With the parameters to test.
        network: Default: ``small_network()``.
        images: Default: ``small_images()``.
        **inputs: The results it needs from earlier steps.

    Raises:
        PluginError: With the first promise that is broken.
    """
    require_class("probe", probe)
    network, images = network or small_network(), as_images(small_images() if images is None else images)
    before = _state(network)
    torch.manual_seed(1)
    result = probe.run(network, images, **inputs)
    _unchanged(probe, network, before)
    _check_type(probe, result, probe_output(type(probe)))
    _check_saving(probe, result)
    torch.manual_seed(2)
    again = _run_in_train_mode(probe, network, images, inputs)
    require(
        probe,
        _content(result) == _content(again),
        "gives another result the second time: chance must come from a parameter such as seed, "
        "and the network must run in eval mode, as network(x) and network.record do.",
    )
    _check_exception(probe, network, lambda: probe.run(network, images, **inputs))
    if isinstance(probe, ShardedProbe):
        _check_shards(probe, network, images, inputs)
        _check_join(probe, network, images, inputs)


def check_model(model: Model) -> None:
    """Check that a model builds the same network each time, which runs and is as its card says.

    Raises:
        PluginError: With the first promise that is broken.
    """
    check = partial(require, model)
    require_class("model", model)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    network = model.load("cpu")
    check(torch.equal(state, torch.get_rng_state()), "changes the global random state.")
    check(not any(part.training for part in network.module.modules()), "is not in eval mode.")
    torch.manual_seed(2)
    check(network.fingerprint() == model.load("cpu").fingerprint(), "builds another network each time.")
    try:  # a network counts its outputs and categories itself
        output = network(torch.zeros(1, *network.input.shape))
    except ModelError as error:
        raise PluginError(f"{type(model).__name__} does not answer for one image: {error}") from error
    check(output.dim() == 2, f"returns {tuple(output.shape)} for one image, not (1, classes).")
    for alias in network.aliases:
        network.layer(alias)


def check_renderer(renderer: Renderer[Any], result: Result, images: Any = None) -> None:
    """Check that a renderer writes exactly the files it returns, and leaves the result as it was.

    Args:
        renderer: With the parameters to test.
        result: Of the type it draws.
        images: The dataset the result is about. Default: ``small_images()``.

    Raises:
        PluginError: With the first promise that is broken.
    """
    check = partial(require, renderer)
    require_class("renderer", renderer)
    _check_type(renderer, result, renderer_input(type(renderer)))
    images = as_images(small_images() if images is None else images)
    before = _content(result)
    written = _rendered(renderer, result, images)
    check(bool(written), "returns no files.")
    check(_content(result) == before, "changes the result it draws.")
    check(_rendered(renderer, result, images) == written, "writes other files the second time.")


def _check_type(plugin: Plugin, result: object, expected: type[Result]) -> None:
    require(
        plugin,
        isinstance(result, expected),
        f"is annotated with {expected.__name__}. Got {type(result).__name__}.",
    )


def _check_saving(plugin: Plugin, result: Result) -> None:
    """What is loaded is what was saved, bit for bit, also in parts that a file could mix up."""
    check = partial(require, plugin)
    with TemporaryDirectory() as folder:
        result.save(Path(folder))
        loaded = load(Path(folder))
        check(type(loaded) is type(result), "returns a result that is loaded as another type.")
        check(_content(loaded) == _content(result), "returns a result that changes when it is saved.")


def _check_exception(plugin: Plugin, network: Network, run: Callable[[], object]) -> None:
    """A network that fails half-way gets its state back."""
    first = network.parts[next(iter(network.calls.values())).module]
    before = _state(network)
    handle = first.register_forward_pre_hook(_break)
    try:
        run()
    except (_BrokenError, ModelError):
        pass
    finally:
        handle.remove()
    _unchanged(plugin, network, before, " after an exception")


class _BrokenError(Exception):
    pass


def _break(*_: object) -> None:
    raise _BrokenError


def _check_shards(probe: ShardedProbe, network: Network, images: Images, inputs: dict[str, Result]) -> None:
    """Shards merge to the same in any order, and in groups where the merged result is a partial one again."""
    check = partial(require, probe)
    partials = [probe.run_shard(network, images.subset([place]), **inputs) for place in range(len(images))]
    _check_saving(probe, partials[0])
    whole = _content(probe.merge(partials))
    for order in (partials[::-1], partials[1:] + partials[:1]):
        check(_content(probe.merge(order)) == whole, "merges to another result in another order.")
    groups = [
        probe.merge(part) for part in (partials[: len(partials) // 2], partials[len(partials) // 2 :]) if part
    ]
    if type(groups[0]) is type(partials[0]):
        check(_content(probe.merge(groups)) == whole, "merges groups of shards to another result.")


def _check_join(probe: ShardedProbe, network: Network, images: Images, inputs: dict[str, Result]) -> None:
    """The pieces of a shard give the bits of the whole shard, however it is cut."""
    if type(probe).join is ShardedProbe.join:
        return
    probe, count = probe.model_copy(update={"batch_size": 1}), len(images)
    whole = _content(probe.run_shard(network, images, **inputs))
    for cut in (range(1, count), range(2, count, 2)):
        edges = pairwise([0, *cut, count])
        pieces = [probe.run_shard(network, images.subset(range(*edge)), **inputs) for edge in edges]
        require(
            probe, _content(probe.join(pieces)) == whole, "joins the pieces of a shard to another result."
        )


def _run_in_train_mode(probe: Probe, network: Network, images: Images, inputs: dict[str, Result]) -> Result:
    """Users hand over modules in the middle of a training."""
    modes = [(part, part.training) for part in network.module.modules()]
    network.module.train()
    before = _state(network)
    try:
        result = probe.run(network, images, **inputs)
        _unchanged(probe, network, before, " in train mode")
    finally:
        for part, training in modes:
            part.training = training
    return result


def _state(network: Network) -> dict[str, object]:
    """Everything of a module that a plugin must leave as it was."""
    parts, parameters = list(network.module.modules()), list(network.module.parameters())
    every = vars(torch.nn.modules.module)
    return {
        "weights": network.fingerprint(),
        "modes": [part.training for part in parts],
        "hooks": [len(getattr(part, name)) for part in parts for name in HOOKS]
        + [len(item._backward_hooks or ()) for item in parameters]
        + [len(every[f"_global{name}"]) for name in HOOKS],
        "gradients": [(item.requires_grad, item.grad is None) for item in parameters],
    }


def _unchanged(plugin: Plugin, network: Network, before: dict[str, object], when: str = "") -> None:
    for key, value in _state(network).items():
        require(plugin, value == before[key], f"changes the {key} of the module{when}.")


def _content(result: Result) -> tuple[bytes, ...]:
    """The bytes of the files of a result."""
    with TemporaryDirectory() as folder:
        result.save(Path(folder))
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return tuple(path.read_bytes() for path in files)


def _rendered(renderer: Renderer[Any], result: Result, images: Images) -> list[str]:
    """The names of the files that are written into a new folder."""
    check = partial(require, renderer)
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        returned = sorted(Path(path).resolve() for path in renderer.render(result, images, folder))
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        check(returned == found, f"returns {_names(returned)} but writes {_names(found)}.")
        check(all(path.stat().st_size for path in found), "writes an empty file.")
        return [path.relative_to(folder).as_posix() for path in found]


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths) or "nothing"
