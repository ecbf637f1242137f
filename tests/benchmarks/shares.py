"""Where the time of a sweep goes, by PyTorch's profiler: ``python tests/benchmarks/shares.py``."""

import occlusion
import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile
from torchvision import models

import interpret
from interpret.network import Network, wrap
from interpret_occlusion import sweep

KINDS = {
    "convolutions": ("convolution",),
    "linear layers": ("addmm", "mm"),
    "pools": ("pool",),
    "adding, copying, ReLU": ("add_", "sub_", "maximum", "copy_", "fill_", "clamp", "mul", "cat", "pow"),
}


def shares(network: Network) -> dict[str, float]:
    """The share of each kind of operation in the time that operations take by themselves."""
    x = torch.randn(network.input.shape)
    sweep(network, x, occlusion.WINDOW, occlusion.STRIDE, target=0)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        sweep(network, x, occlusion.WINDOW, occlusion.STRIDE, target=0)
    times = dict.fromkeys([*KINDS, "all else"], 0.0)
    for event in found.key_averages():
        kind = next(
            (kind for kind, words in KINDS.items() if any(word in event.key for word in words)), "all else"
        )
        times[kind] += event.self_cpu_time_total
    return {kind: spent / sum(times.values()) for kind, spent in times.items()}


def main() -> None:
    table = Table("network", *KINDS, "all else")
    for name in occlusion.TARGETS:
        network = interpret.load_model(name) if name == "zfnet" else wrap(models.get_model(name).eval())
        table.add_row(name, *(f"{share:.0%}" for share in shares(network).values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
