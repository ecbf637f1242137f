"""torchvision is imported without dynamo, and whoever asks for dynamo gets the real one."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from interpret_zoo.torchvision_import import dynamo_later

BEGIN = """
import sys
from interpret_zoo.torchvision_kinds import networks
models = networks()
assert "torch._dynamo" not in sys.modules and "torch._dynamo.utils" not in sys.modules
import torch, torchvision
"""
TRIALS = {
    "its function, its operations, and a program": """
from torchvision.ops.roi_align import is_compile_supported
found = is_compile_supported("cpu")
assert found == sys.modules["torch._dynamo.utils"].is_compile_supported("cpu")
x, box = torch.arange(16.0).reshape(1, 1, 4, 4), [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]
assert torchvision.ops.roi_align(x, box, (4, 4), aligned=True).shape == (1, 1, 4, 4)
program = torch.export.export(models.squeezenet1_1().eval(), (torch.zeros(1, 3, 64, 64),))
assert torch._dynamo is sys.modules["torch._dynamo"]
""",
    "what else is asked for meanwhile is the real thing": """
for name in [name for name in sys.modules if name.startswith("torchvision")]:
    del sys.modules[name]
from interpret_zoo.torchvision_import import dynamo_later
with dynamo_later():
    import torch._dynamo
    assert torch._dynamo.utils.is_compile_supported
    assert sys.modules["torch._dynamo"].OptimizedModule.__module__ == "torch._dynamo.eval_frame"
assert sys.modules["torch._dynamo"].OptimizedModule
""",
}


@pytest.mark.parametrize("trial", TRIALS)
def test_dynamo_comes_when_it_is_asked_for(trial: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + TRIALS[trial]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_imported_already_stays() -> None:
    before = import_module("torch._dynamo")
    with dynamo_later():
        assert sys.modules["torch._dynamo"] is before
    assert sys.modules["torch._dynamo"] is before
