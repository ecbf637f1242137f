"""Modules that processes share, in two of them: run in forked processes."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import interpret
from interpret.errors import ModelError


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()


def refusals(folder: Path, rank: int) -> None:
    """Write what is said of each kind, and whether the cure gives the plain network's answers."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    spread = fully_shard(plain(), mesh=init_device_mesh("cpu", (2,)))
    flat = FullyShardedDataParallel(plain(), device_id=torch.device("cpu"))
    whole, x = plain(), torch.rand(2, 3, 8, 8)
    for name, module in {"spread": spread, "flat": flat}.items():
        try:
            interpret.wrap(module, input_size=8)
            said = "nothing"
        except ModelError as error:
            said = str(error)
        nn.init.zeros_(whole[0].weight)
        whole.load_state_dict(get_model_state_dict(module, options=StateDictOptions(full_state_dict=True)))
        alike = torch.equal(interpret.wrap(whole, input_size=8)(x), interpret.wrap(plain(), input_size=8)(x))
        (folder / f"{name}-{rank}").write_text(f"{said} {alike}")
    dist.destroy_process_group()
