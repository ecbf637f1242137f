"""What the engine has to save, network by network: ``python tests/benchmarks/multiply_adds.py``."""

import occlusion
import torch
from rich.console import Console
from rich.table import Table
from torchvision import models

from interpret.graph import Incremental, Wanted, trace
from interpret_occlusion.occluder import places

NETWORKS = (
    "vgg11", "googlenet", "resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v2", "inception_v3",
    "shufflenet_v2_x1_0", "regnet_x_400mf", "mnasnet1_0", "regnet_y_400mf", "efficientnet_b0",
    "mobilenet_v3_large", "convnext_tiny",
)  # fmt: skip


def ratio(name: str) -> float:
    """Multiply-adds of full forward passes at every place, over those of the engine."""
    size = 299 if name == "inception_v3" else 224
    options = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    graph = trace(models.get_model(name, **options).eval(), (3, size, size))
    grid = places(size, occlusion.WINDOW, occlusion.STRIDE)
    engine = Incremental(graph, torch.zeros(3, size, size), [Wanted(graph.output)])
    ours, full = engine.multiply_adds(grid, grid)
    return full / ours


def main() -> None:
    table = Table("network", "multiply-adds, fewer by")
    for name in NETWORKS:
        table.add_row(name, f"{ratio(name):.2f}")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
