"""Modes of the dispatcher see every operation, and import the compiler only where it is there already."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from interpret.modules.modes import Mode

QUIET = """
import sys
import torch
from torch import nn
from interpret.network import wrap
network = wrap(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 4)), input_size=8)
assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 4)
assert network.class_count == 4
sys.exit("torch._dynamo" in sys.modules)
"""


class Names(Mode):
    """Lists the operations."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def see(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        self.found.append(func.overloadpacket.__name__)
        return func(*args, **kwargs)


def test_a_network_answers_without_the_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_operation_is_seen_with_the_compiler_too() -> None:
    import torch._dynamo as compiler  # noqa: PLC0415

    x = torch.ones(2, 2)
    with Names() as mode:
        y = (x + 1).relu()
    assert mode.found == ["add", "relu"]
    assert torch.equal(y, x + 1)
    assert compiler.is_compiling() is False


def test_what_is_compiled_inside_is_left_alone() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    compiled = torch.compile(module, backend="eager")
    with torch.no_grad():
        expected = module(torch.ones(1, 2))
        with Names() as mode:
            found = compiled(torch.ones(1, 2))
    assert torch.equal(found, expected)
    assert "relu" in mode.found
