"""A training is another one where the code of the network or of the training has changed."""

import sys
from dataclasses import replace
from importlib import import_module
from textwrap import dedent

import pytest
import torch

from interpret.code import dependencies
from interpret.code.dependencies import forget_code
from interpret.images import as_images
from interpret.network import wrap
from interpret_training.recipe import Recipe
from interpret_training.training import training_key

NET = """
    from torch import nn

    class Block(nn.Module):
        def forward(self, x):
            return x.relu()

    def make():
        return nn.Sequential(nn.Conv2d(3, 4, 3), Block(), nn.Flatten(), nn.Linear(144, 2))
"""


@pytest.fixture
def key(tmp_path, monkeypatch):
    """Writes a module with a network, and gives the key of its training."""
    (tmp_path / "written_net.py").write_text(dedent(NET))
    monkeypatch.syspath_prepend(tmp_path)
    torch.manual_seed(0)
    network = wrap(import_module("written_net").make(), input_size=8)
    images = as_images([(torch.zeros(3, 8, 8), 0), (torch.ones(3, 8, 8), 1)])

    def _key(text=NET):
        (tmp_path / "written_net.py").write_text(dedent(text))
        forget_code()
        return training_key(network, images, Recipe(), None)

    yield _key
    del sys.modules["written_net"]
    forget_code()


def test_a_network_whose_parts_compute_otherwise_is_trained_anew(key):
    assert key() == key()
    assert key(NET.replace("relu", "tanh")) != key()  # same names, same weights


def test_code_that_trains_counts_and_code_that_draws_does_not(key, monkeypatch):
    before, read = key(), dependencies.read_module
    edited = set()

    def edit(name):
        found = read(name)
        return replace(found, hash="edited") if found and name in edited else found

    monkeypatch.setattr(dependencies, "read_module", edit)
    edited |= {
        "interpret_training.renderers.curves",
        "interpret_training.evolution.evolving",
        "interpret.cli.main",
    }
    assert key() == before
    edited.add("interpret_training.lightning_module")
    assert key() != before
