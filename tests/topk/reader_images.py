"""Datasets for tests of reading by processes: importable there."""

import os
from pathlib import Path

import torch

from interpret.errors import DatasetError
from interpret.images import Images, Sample


class Drawn(Images):
    """Image i is noise of its own, and remembers here which process asked for it."""

    def __init__(self, count, bad=(), told=""):
        self.count, self.bad, self.told, self.seen = count, bad, told, set()

    @property
    def ids(self):
        return [str(index) for index in range(self.count)]

    def __getitem__(self, index):
        self.seen.add(os.getpid())
        if self.told:
            (Path(self.told) / str(os.getpid())).touch()
        if index in self.bad:
            raise DatasetError("It is cut short.")
        pixels = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(index))
        return Sample(self.ids[index], pixels, index)

    def fingerprint(self):
        return str(self.count)


class Deadly(Drawn):
    """Whoever reads it dies."""

    def __getitem__(self, index):
        os._exit(3)
