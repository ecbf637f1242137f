"""docs/networks.md: one row for each network, written and read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"

BEFORE = """\
# Which networks, and what works on each

All classification networks of torchvision, and one small member of each family of timm, with random weights.
`python tests/networks/survey.py` tries them and writes this page. The tests try some of them again and
compare, `make test-all` tries all.

Each is tried in float64 on images as small as it allows, at every size of its maps (the last layer of each,
five or so at most):

- **mining**: the strongest neurons of every unit are those that hooks find.
- **field**: at how many sizes the receptive field is exact, measured (by what changes: evidence, no proof) or
  the whole image. No pixel outside of it has a gradient.
- **projection**: by the rule `gradient` it is autograd's, to a billionth (to a millionth where a network
  takes its attention in 32 bits whatever it is given). By the deconvnet it is that of
  autograd with the modules replaced: *exact* (convolutions, pools, ReLUs), or on the way other nonlinearities
  are *rectified* as ReLUs, *gates* scale as on the way up, and of what is neither (norms over positions,
  attention) the *gradient* is taken.
- **occlusion**: the engine that `sweep` chooses for an image of the network's own size, window 16 and stride
  8, and how many times fewer multiply-adds (of convolutions and linear layers) it takes than full passes.
  Both engines answer alike.

`interpret layers --model timm:convnext_atto` says it of every layer of one network, yours too.
"""

SHORT = """\
## Families by what works

Mining, receptive fields and both engines of a sweep work on every network below. In brackets: how many times
fewer multiply-adds a sweep takes than full passes; without brackets full passes are chosen.
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
        if source and len(cells) == len(Row._fields) and cells[0].startswith("`"):
            rows[f"{source}:{cells[0].strip('`')}"] = Row(*cells)
    return rows


def write(rows: Mapping[str, Row], families: Mapping[str, str], page: Path = PAGE) -> None:
    """Write the page: families by what works, then a row for each network, in the order of ``families``."""
    listed = {name: rows[name] for name in families if name in rows}
    parts = [BEFORE, *in_short(listed, families)]
    for source, head in HEADS.items():
        mine = [row for name, row in listed.items() if name.startswith(f"{source}:")]
        parts += ["", f"{head}\n", TITLE, *(f"| {' | '.join(row)} |" for row in mine)]
    page.write_text("\n".join(parts) + "\n")


def in_short(rows: Mapping[str, Row], families: Mapping[str, str]) -> list[str]:
    """A table of the families by how they are projected, each with what a sweep saves."""
    by_projection: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for name, row in rows.items():
        by_projection[row.projection][families[name]].append(row)
    lines = [
        f"| {projection} | {', '.join(f'{family}{_saved(mine)}' for family, mine in sorted(found.items()))} |"
        for projection, found in sorted(by_projection.items(), key=lambda item: len(item[0]))
    ]
    return [SHORT, "| projection | families |\n|---|---|", *lines]


def _saved(rows: Iterable[Row]) -> str:
    """How many times less a sweep computes: `` (4.5)``, of several networks the least and the most."""
    factors = [float(found[0]) for row in rows if (found := re.findall(r"[\d.]+", row.occlusion))]
    if not factors:
        return ""
    low, high = min(factors), max(factors)
    return f" ({low})" if low == high else f" ({low} to {high})"
