"""The page on Captum's probes lists every probe as its class says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import interpret_captum
from interpret.attributing import ClassAttribution, NeuronAttribution
from interpret.plugin import Probe, registry
from interpret_captum import TABLE
from interpret_captum.method import CaptumMethod

PAGE = (Path(__file__).parents[2] / "docs" / "plugins" / "captum.md").read_text()
PROBES = PAGE.split("## The probes")[1].split("## What is asked")[0]
LISTED = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", PROBES, re.MULTILINE))


def line(cls: type[CaptumMethod]) -> str:
    """The rest of a method's line in the table of the page."""
    question = re.sub(r" \(captum ``.*\)\.$", "", cls.summary())
    names = ", ".join(f"`{name}`" for name in (cls.row.captum, cls.row.neuron) if name)
    of = "class, neuron" if issubclass(cls, NeuronAttribution) else "class"
    return f"{question} | {names} | {of} | {cls.row.paper} | {cls.row.passes}"


@pytest.mark.parametrize("cls", TABLE, ids=lambda cls: cls.name)
def test_a_line_of_the_table(cls: type[CaptumMethod]) -> None:
    assert LISTED[cls.name] == line(cls)


def test_every_probe_of_the_plugin_is_on_the_page() -> None:
    mine = interpret_captum.register_probes()
    assert {cls.name for cls in mine} - {
        "compare",
        "layer_features",
        "captum.layer_features",
    } == LISTED.keys()
    assert registry().probes.items() >= {(cls.name, cls) for cls in mine}


@pytest.mark.parametrize("cls", [cls for cls in interpret_captum.register_probes() if cls.name in LISTED])
def test_whom_it_can_be_asked_about_is_as_the_page_says(cls: type[Probe]) -> None:
    if issubclass(cls, ClassAttribution):
        assert ("class, neuron" in LISTED[cls.name]) == issubclass(cls, NeuronAttribution)
