"""Memory does not grow with the number of images."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from torch import nn
from interpret.images import Images, Sample
from interpret.network import wrap
from interpret_topk import mine

class Noise(Images):
    def __init__(self, count):
        self.count = count
    @property
    def ids(self):
        return [str(index) for index in range(self.count)]
    def __getitem__(self, index):
        seeded = torch.Generator().manual_seed(index)
        return Sample(str(index), torch.randn(3, 32, 32, generator=seeded))
    def fingerprint(self):
        return str(self.count)

def peak(count):
    mine(network, Noise(count), k=9, batch_size=20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == "darwin" else 1024)

torch.set_num_threads(1)
network = wrap(nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(inplace=True), nn.Conv2d(32, 16, 3)), input_size=32)
print(peak(200), peak(2000))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module")
def test_peak_memory_of_2000_images_is_that_of_200():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    few, many = map(int, done.stdout.split())
    kept = 2000 * 32 * 30 * 30 * 4 / 2**20  # MiB that the first layer alone would hold
    assert many - few < 12 < kept / 10, f"{few} MiB for 200 images, {many} MiB for 2000"
