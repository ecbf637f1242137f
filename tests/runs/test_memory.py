"""Where the memory does not suffice a step begins again with half the batch, as a run that began there."""

import pytest
import torch
from torch import nn

import interpret
from interpret.errors import StepError
from interpret.run import read_json, run_pipeline

TOO_MUCH = 2**50
"""Bytes that no machine has: torch's own allocator refuses them."""


class Hungry(nn.Module):
    """Asks for more memory than there is as soon as it sees more than so many images at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.most = nn.Conv2d(3, 4, 3), most

    def forward(self, x):
        if len(x) > self.most:
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        return self.convolution(x).relu().mean((2, 3))


def run(folder, batch_size, most=2, **step):
    text = {
        "version": 1,
        "models": {"net": {"name": "zfnet"}},
        "datasets": {"drawn": {"name": "scenes", "split": "val", "limit": 9, "size": 32}},
        "steps": {
            "found": {"probe": "topk", "layers": ["convolution"], "k": 2, "batch_size": batch_size},
            "projected": {"probe": "deconv", "inputs": {"exemplars": "found"}, "batch_size": 2},
        },
    }
    network = interpret.wrap(Hungry(most), input_size=32)
    return run_pipeline(text, folder, networks={"net": network})


def stored(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/result.safetensors")}


def test_it_goes_on_with_the_bits_of_a_run_that_began_with_smaller_batches(tmp_path, caplog):
    run(tmp_path / "began", 2)
    run(tmp_path / "halved", 8)
    assert stored(tmp_path / "halved") == stored(tmp_path / "began")
    steps = read_json(tmp_path / "halved/manifest.json")["steps"]
    assert steps == {
        **steps,
        "found": {
            **steps["found"],
            "status": "done",
            "remarks": [f"The memory did not suffice. It goes on with batch_size {size}." for size in (4, 2)],
        },
    }
    assert "The memory did not suffice. It goes on with batch_size 4." in caplog.text
    keys = [read_json(tmp_path / name / "manifest.json")["steps"] for name in ("began", "halved")]
    assert [key["found"]["key"] for key in keys] == [keys[0]["found"]["key"]] * 2
    assert [key["projected"]["key"] for key in keys] == [keys[0]["projected"]["key"]] * 2


def test_one_image_that_is_too_much_fails(tmp_path):
    with pytest.raises(StepError, match=r"found.*allocate"):
        run(tmp_path, 4, most=0)
