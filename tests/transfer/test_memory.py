"""Long vectors of many images, on disk and judged, in little memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource, sys
from pathlib import Path
import torch
from torch import nn
from interpret.images.dataset import Images, Sample
from interpret.network.network import wrap
from interpret.run.cache import working_in
from interpret_transfer import Method, transfer

count, classes, size, train, folds, layers = json.loads(sys.argv[2])

class Tinted(Images):
    categories = tuple(map(str, range(classes)))
    tints = torch.randn(classes, 3, 1, 1, generator=torch.Generator().manual_seed(0)) / 4
    @property
    def ids(self):
        return [str(index) for index in range(count)]
    @property
    def labels(self):
        return [index % classes for index in range(count)]
    def __getitem__(self, index):
        seeded = torch.Generator().manual_seed(index)
        noise = torch.randn(3, size, size, generator=seeded)
        return Sample(str(index), noise + self.tints[index % classes], index % classes)
    def fingerprint(self):
        return "tinted"

torch.set_num_threads(1)
torch.manual_seed(0)
SMALL = [nn.Conv2d(3, 20, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 40, 3), nn.ReLU()]
FIRST = [nn.Conv2d(3, 96, 7, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
network = wrap(nn.Sequential(*(SMALL if size == 32 else FIRST)).eval(), input_size=size)
with working_in(Path(sys.argv[1])):
    found = transfer(
        network, Tinted(), layers, train=[train], test=None, folds=folds,
        method=Method(strengths=(1.0, 10.0)),
    )
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
rows = found.networks[0].layers
print(json.dumps([peak, [row.dimension for row in rows], found.tested, [float(row.mean) for row in rows]]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module"),
]


def judged(folder, *setting):
    """The peak of memory in bytes, the layers' dimensions, the images tested, and accuracies."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(folder), json.dumps(setting)]
    return json.loads(
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    )


def on_disk(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_ten_thousand_images_at_three_layers_take_less_than_2_gb(tmp_path):
    peak, dimensions, tested, accuracy = judged(tmp_path, 10_000, 10, 32, 30, 2, ["1", "2", "4"])
    assert dimensions == [20 * 32 * 32, 20 * 16 * 16, 40 * 14 * 14]
    assert tested == 9700
    assert min(accuracy) > 0.5
    assert on_disk(tmp_path) > 4 * 10_000 * sum(dimensions)
    assert peak < 2e9, f"{peak / 1e9:.2f} GB"


def test_the_papers_first_layer_at_30_a_class_takes_less_than_4_gb(tmp_path):
    """Caltech-101 at its largest, 101 classes with 30 to train and 50 to test: 9.4 GB of features."""
    if shutil.disk_usage(tmp_path).free < 12e9:
        pytest.skip("12 GB of disk are needed")
    peak, dimensions, tested, accuracy = judged(tmp_path, 101 * 80, 101, 224, 30, 1, ["2"])
    assert dimensions == [290_400]
    assert tested == 101 * 50
    assert accuracy[0] > 0.1
    assert on_disk(tmp_path) > 4 * 101 * 80 * 290_400
    assert peak < 4e9, f"{peak / 1e9:.2f} GB"
