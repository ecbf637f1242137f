"""The contract of a probe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from interpret.attributing import ClassAttribution
from interpret.attributions import Attributions
from interpret.errors import ModelError
from interpret.images.dataset import Images, as_images
from interpret.network.network import Network
from interpret.plugin.interfaces import (
    Plugin,
    Probe,
    ShardedProbe,
    probe_output,
)
from interpret.results import Result
from interpret.testing.requirements import require, require_class
from interpret.testing.results import check_saving, check_type, stored_bytes
from interpret.testing.small import small_images, small_network
from interpret.testing.state import network_state, require_unchanged


def check_probe(probe: Probe, network: Network | None = None, images: Any = None, **inputs: Result) -> None:
    """Check a probe by running it several times.

    It leaves no hook behind and no parameter, gradient or mode changed, also after an exception. It gives the
    same result whatever the global random state and the mode of the module. Its result is of the annotated
    type and survives saving bit for bit. The shards of a sharded probe merge in any order, and the pieces of
    a shard are joined to the bits of the whole. What attributes finds the same in tensors as in images.

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
    before = network_state(network)
    torch.manual_seed(1)
    result = probe.run(network, images, **inputs)
    require_unchanged(probe, network, before)
    check_type(probe, result, probe_output(type(probe)))
    check_saving(probe, result)
    torch.manual_seed(2)
    again = _run_in_train_mode(probe, network, images, inputs)
    require(
        probe,
        stored_bytes(result) == stored_bytes(again),
        "gives another result the second time: chance must come from a parameter such as seed, "
        "and the network must run in eval mode, as network(x) and network.record do.",
    )
    _check_exception(probe, network, lambda: probe.run(network, images, **inputs))
    if isinstance(probe, ShardedProbe):
        _check_shards(probe, network, images, inputs)
        _check_join(probe, network, images, inputs)
    if isinstance(probe, ClassAttribution) and isinstance(result, Attributions):
        _check_attribute(probe, network, images, result)


def _check_exception(plugin: Plugin, network: Network, run: Callable[[], object]) -> None:
    """A network that fails half-way gets its state back."""
    first = network.parts[next(iter(network.calls.values())).module]
    before = network_state(network)
    handle = first.register_forward_pre_hook(_break)
    try:
        run()
    except (_BrokenError, ModelError):
        pass
    finally:
        handle.remove()
    require_unchanged(plugin, network, before, " after an exception")


class _BrokenError(Exception):
    pass


def _break(*_: object) -> None:
    raise _BrokenError


def _check_shards(probe: ShardedProbe, network: Network, images: Images, inputs: dict[str, Result]) -> None:
    """Shards merge to the same in any order, and in groups where the merged result is a partial one again."""
    check = partial(require, probe)
    partials = [probe.run_shard(network, images.subset([index]), **inputs) for index in range(len(images))]
    check_saving(probe, partials[0])
    whole = stored_bytes(probe.merge(partials))
    for order in (partials[::-1], partials[1:] + partials[:1]):
        check(stored_bytes(probe.merge(order)) == whole, "merges to another result in another order.")
    groups = [
        probe.merge(part) for part in (partials[: len(partials) // 2], partials[len(partials) // 2 :]) if part
    ]
    if type(groups[0]) is type(partials[0]):
        check(stored_bytes(probe.merge(groups)) == whole, "merges groups of shards to another result.")


def _check_join(probe: ShardedProbe, network: Network, images: Images, inputs: dict[str, Result]) -> None:
    """The pieces of a shard give the bits of the whole shard, however it is cut."""
    if type(probe).join is ShardedProbe.join:
        return
    probe, count = probe.model_copy(update={"batch_size": 1}), len(images)
    whole = stored_bytes(probe.run_shard(network, images, **inputs))
    for cut in (range(1, count), range(2, count, 2)):
        edges = pairwise([0, *cut, count])
        pieces = [probe.run_shard(network, images.subset(range(*edge)), **inputs) for edge in edges]
        require(
            probe, stored_bytes(probe.join(pieces)) == whole, "joins the pieces of a shard to another result."
        )


def _check_attribute(probe: ClassAttribution, network: Network, images: Images, found: Attributions) -> None:
    """Its method finds in tensors what its result holds for the images."""
    indices = range(0, len(images), probe.batch_size)
    for part in (slice(start, start + probe.batch_size) for start in indices):
        x = torch.stack([network.preprocess(images[index].image) for index in range(len(images))[part]])
        maps = probe.attribute(network, x, found.targets[part]).cpu()
        message = "attributes something else to tensors than to the same images."
        require(probe, torch.equal(maps, found.maps[part]), message)


def _run_in_train_mode(probe: Probe, network: Network, images: Images, inputs: dict[str, Result]) -> Result:
    """Users hand over modules in the middle of a training."""
    modes = [(part, part.training) for part in network.module.modules()]
    network.module.train()
    before = network_state(network)
    try:
        result = probe.run(network, images, **inputs)
        require_unchanged(probe, network, before, " in train mode")
    finally:
        for part, training in modes:
            part.training = training
    return result
