"""Mining as one would explain it: keep every activation, sort with Python's own keys."""

import math

import torch
from torch import nn

from interpret.images import as_images


class Tangle(nn.Module):
    """In-place ReLU after a convolution, a module used twice, a unit that is always dead, a linear end."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.again = nn.Conv2d(5, 5, 3, padding=1)
        self.tail = nn.Linear(5, 4)
        with torch.no_grad():
            self.again.weight[2].zero_()
            self.again.bias[2] = -1

    def forward(self, x):
        x = self.pool(self.relu(self.conv(x)))
        x = self.again(self.relu(self.again(x)))
        return self.tail(x.flatten(2).amax(2))


def activations(module, call, batches):
    """What one call of a module returned, copied before anything could change it."""
    kept, number = [], 0
    part = dict(module.named_modules())[call.module]

    def hook(_part, _inputs, output):
        nonlocal number
        number += 1
        if number == call.number:
            kept.append(output.detach().clone())

    handle = part.register_forward_hook(hook)
    with torch.no_grad():
        for batch in batches:
            number = 0
            module(batch)
    handle.remove()
    return torch.cat(kept)


def rank(maps, ids, k, per_image=1):
    """The k first neurons (value, index, y, x) of every unit, and the number of NaN in each."""
    maps = maps if maps.dim() == 4 else maps[:, :, None, None]
    ranked, nan = [], []
    for unit in maps.unbind(1):
        neurons, lost = [], 0
        for index, grid in enumerate(unit):
            values = grid.double().flatten().tolist()
            lost += sum(map(math.isnan, values))
            own = [(-v, ids[index], p, index) for p, v in enumerate(values) if v > -math.inf]
            neurons += sorted(own)[:per_image]
        width = unit.shape[2]
        first = [(-v, index, p // width, p % width) for v, _, p, index in sorted(neurons)[:k]]
        ranked.append(first + [(-math.inf, -1, -1, -1)] * (k - len(first)))
        nan.append(lost)
    return ranked, nan


def as_lists(found):
    """A layer's exemplars in the form of ``rank``."""
    parts = [
        found.values.double(),
        found.image,
        found.position[..., 0],
        found.position[..., 1],
    ]
    return [list(zip(*unit, strict=True)) for unit in zip(*(part.tolist() for part in parts), strict=True)]


def assert_equals_brute_force(network, images, found, *, batch_size, k, per_image=1):
    images = as_images(images)
    x = network.to_device(torch.stack([network.preprocess(sample.image) for sample in images]))
    for name in found.layers:
        call = network.calls[network.layer(name)]
        ranked, nan = rank(
            activations(network.module, call, x.split(batch_size)), list(images.ids), k, per_image
        )
        assert as_lists(found[name]) == ranked, name
        assert found[name].nan.tolist() == nan
