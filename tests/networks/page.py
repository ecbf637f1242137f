"""docs/networks.md: one row for each network, written and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"

BEFORE = """\
# Which networks, and what works on each

All classification networks of torchvision and one small member of each family of timm, with random weights. `{command}`
tries them and writes this page; it goes on where it was stopped. A test tries some of them again and compares; the others
are tried by `make test-all`.

On each network, in float64 and on images as small as it allows:

- **mining**: the strongest neurons of every unit, at every size of maps, are those that hooks find.
- **field**: of how many of these layers the receptive field is exact, measured ("~": by what changes; evidence, no proof),
  or the whole image. No pixel outside has a gradient.
- **projection**: one neuron of each of these layers. By the rule `gradient` it is autograd's, to a billionth. By the
  deconvnet it is *exact* (the paper's rules, convolutions and ReLUs), or what else happens on the way: other
  nonlinearities are *rectified* as ReLUs, *gates* scale by their recorded values, and attention and norms over positions
  pass their *gradient*.
- **occlusion**: the engine that `sweep` takes by itself, `incremental` or `full` passes; both answer alike. Beside it how
  many multiply-adds of convolutions and linear layers full passes need for one of the incremental engine, for an image of
  the network's own size, window 16 and stride 8.

`interpret layers --model timm:convnext_atto` says the same of each layer of one network, yours too.
"""

HEADS = {"torchvision": "## torchvision", "timm": "## timm"}


class Row(NamedTuple):
    """What was found of one network."""

    network: str
    images: str
    mining: str
    field: str
    projection: str
    occlusion: str


TITLE = f"| {' | '.join(Row._fields)} |\n|{'---|' * len(Row._fields)}"


def read() -> dict[str, Row]:
    """The rows that the page has, by network as it is loaded: ``timm:resnet18``."""
    text = PAGE.read_text() if PAGE.exists() else ""
    rows, source = {}, ""
    for line in text.splitlines():
        source = next((key for key, head in HEADS.items() if line == head), source)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if source and line.startswith("|") and len(cells) == len(Row._fields) and cells[0] != "network":
            if not cells[0].startswith("---"):
                rows[f"{source}:{cells[0].strip('`')}"] = Row(*cells)
    return rows


def write(rows: Mapping[str, Row], order: list[str]) -> None:
    """Write the page."""
    parts = [BEFORE.format(command="python tests/networks/survey.py")]
    for source, head in HEADS.items():
        mine = [rows[name] for name in order if name.startswith(f"{source}:") and name in rows]
        parts += [f"{head}\n", TITLE, *(f"| {' | '.join(row)} |" for row in mine), ""]
    PAGE.write_text("\n".join(parts).rstrip() + "\n")
