"""Small runs to make galleries of, and what is read of their pages without a browser."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import torch
from torch import nn

import interpret

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "100% of #1 & ?a=b",
    "{{ 7 * 7 }} {% raw %}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.evil",
    "\N{CAT FACE} \N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}",
    "x" * 200,
    "javascript:alert(1)",
)
"""Names that want to be something else than names."""


class Flat(nn.Module):
    """A network without convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.last = nn.Linear(3 * 8 * 8, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.hidden(x.flatten(1))))


class Undefined(nn.Module):
    """A network that answers NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        with torch.no_grad():
            self.conv.weight[2] = torch.nan

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.conv(x)).mean((2, 3)))


class Thousand(nn.Module):
    """A network with a thousand categories, and a thousand units."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 1000, 8, 8), nn.Linear(1000, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.conv(x)).mean((2, 3)))


class Tokens(nn.Module):
    """A vision transformer of one block."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, 4)
        self.conv = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.last = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.conv(self.embed(x).flatten(2).transpose(1, 2)).mean(1))


def photographs(folder: Path, classes: tuple[str, ...], each: int = 2) -> Path:
    """A folder of drawn scenes, so many in each class."""
    scenes = interpret.load_dataset("scenes", split="val", limit=each * len(classes))
    for index in range(len(scenes)):
        place = folder / classes[index % len(classes)].replace("/", "\N{FRACTION SLASH}")
        place.mkdir(parents=True, exist_ok=True)
        scenes[index].image.save(place / f"{index} % # '{index}'.png")
    return folder


def run(out: Path, steps: dict[str, Any], data: dict[str, Any], model: dict[str, Any] | None = None) -> Path:
    """A run of these steps; what fails stays failed."""
    pipeline = {
        "version": 1,
        "models": {"net": model or {"name": "zfnet", "weights": "scenes"}},
        "datasets": {"photos": data},
        "steps": steps,
    }
    with suppress(interpret.StepError):
        interpret.run_pipeline(pipeline, out)
    return out


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its addresses and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.elements, self.addresses, self.words = (
            path,
            list[tuple[str, dict[str, Any]]](),
            list[str](),
            "",
        )
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        self.addresses += [value for name in ("href", "src") if (value := given.get(name))]

    def handle_data(self, data: str) -> None:
        self.words += data

    def missing(self) -> list[str]:
        """The addresses that lead to no file beside the page, nor to a place on it."""
        return [address for address in self.addresses if not self._leads(address)]

    def _leads(self, address: str) -> bool:
        parts = urlsplit(address)
        if parts.scheme == "data":
            return address == "data:,"
        if parts.scheme or parts.netloc:
            return False
        return not parts.path or (self.path.parent / unquote(parts.path)).is_file()


def pages(site: Path) -> dict[str, Page]:
    """Every page of a site, by its path in it."""
    return {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))}
