"""10,000 images at three layers, on disk and judged, in less than 2 GB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, resource, sys, time
from pathlib import Path
import torch
from torch import nn
from interpret.images import Images, Sample
from interpret.network import wrap
from interpret.workspace import working_in
from interpret_transfer import Method, transfer

class Tinted(Images):
    categories = tuple("abcdefghij")
    tints = torch.randn(10, 3, 1, 1, generator=torch.Generator().manual_seed(0)) / 4
    @property
    def ids(self):
        return [str(index) for index in range(10_000)]
    @property
    def labels(self):
        return [index % 10 for index in range(10_000)]
    def __getitem__(self, index):
        seeded = torch.Generator().manual_seed(index)
        noise = torch.randn(3, 32, 32, generator=seeded)
        return Sample(str(index), noise + self.tints[index % 10], index % 10)
    def fingerprint(self):
        return "tinted"

torch.set_num_threads(1)
torch.manual_seed(0)
parts = [nn.Conv2d(3, 20, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 40, 3), nn.ReLU()]
network = wrap(nn.Sequential(*parts).eval(), input_size=32)
started = time.perf_counter()
with working_in(Path(sys.argv[1])):
    found = transfer(
        network, Tinted(), ["1", "2", "4"], train=[30], test=None, folds=2,
        method=Method(strengths=(1.0, 10.0)),
    )
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
dimensions = [row.dimension for row in found.networks[0].layers]
accuracy = [float(row.mean) for row in found.networks[0].layers]
print(json.dumps([peak, dimensions, found.tested, accuracy, time.perf_counter() - started]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_ten_thousand_images_at_three_layers_take_less_than_2_gb(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    peak, dimensions, tested, accuracy, _seconds = json.loads(done.stdout)
    assert dimensions == [20 * 32 * 32, 20 * 16 * 16, 40 * 14 * 14]
    assert tested == 9700
    assert min(accuracy) > 0.5
    written = sum(path.stat().st_size for path in Path(tmp_path).rglob("*") if path.is_file())
    assert written > 4 * 10_000 * sum(dimensions)
    assert peak < 2e9, f"{peak / 1e9:.2f} GB"
