"""A small network with something wrong, diagnosed."""

import torch

from interpret.testing import small_images, small_network
from interpret_diagnosis import diagnose
from interpret_diagnosis.results import NetworkDiagnosis


def damaged(label: str) -> NetworkDiagnosis:
    """Of a network with one filter that outdoes the others, and every other unit dead."""
    broken = small_network()
    with torch.no_grad():
        broken.module.conv1.weight[2] *= 100
        broken.module.norm2.weight[::2] = 0
        broken.module.norm2.bias[::2] = 0
    return diagnose(broken, small_images(), label=label)
