"""The peak memory of a process that mines."""

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from interpret.images import Images, Sample
from interpret.network import wrap
from interpret_topk import mine


class Noise(Images):
    """Random numbers, made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.count = count

    @property
    def ids(self) -> Sequence[str]:
        return [str(index) for index in range(self.count)]

    def __getitem__(self, index: int) -> Sample:
        seeded = torch.Generator().manual_seed(index)
        return Sample(str(index), torch.randn(3, 32, 32, generator=seeded))

    def fingerprint(self) -> str:
        return str(self.count)


def write_peaks(file: Path, *counts: int) -> None:
    """Write the MiB that this process has held at most, after mining in each number of images."""
    torch.set_num_threads(1)
    module = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(inplace=True), nn.Conv2d(32, 16, 3))
    network, peaks = wrap(module, input_size=32), list[int]()
    for count in counts:
        mine(network, Noise(count), k=9, batch_size=20)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peaks.append(peak // (2**20 if sys.platform == "darwin" else 2**10))
    file.write_text(" ".join(map(str, peaks)))
