"""What a plugin offers for people who look in a browser: pages of a gallery, and what makes files of a run.

The core knows no HTML. A `Page` composes sheets, whose bodies are HTML that the gallery's kit
(``interpret_gallery``) helps to write; an `Exporter` puts them, and whatever else it likes, into a folder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import UInt8

from interpret.images.dataset import Images
from interpret.network.network import Network
from interpret.plugin.interfaces import Plugin, Probe, result_of
from interpret.results import Result

__all__ = ["Exporter", "Page", "PageContext", "Photo", "Sheet", "page_input"]

R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Photo:
    """A photograph of the gallery, as the network saw it.

    Attributes:
        url: Where it is, seen from the page; empty where it cannot be read.
        size: Height and width in pixels of the network's input.
        name: Its id in the dataset.
        category: The name of its category; empty where none is known.
    """

    url: str
    size: tuple[int, int]
    name: str
    category: str = ""

    @property
    def alt(self) -> str:
        """What it is, for those who cannot see it."""
        return f"Photograph {self.name}" + (f", {self.category}" if self.category else "")


@dataclass(frozen=True)
class Sheet:
    """One HTML page of a gallery.

    Attributes:
        title: What it shows, as text.
        body: HTML below the title. Every text of a user or a file in it has to be escaped: the templates of
            ``interpret_gallery`` do so.
        name: What its file is called after; empty: the first page of its step.
        summary: One sentence for those who choose between pages, as text.
        layer: The layer it is about: the page of the network leads to it.
        units: The units of that layer that it shows, each at ``#unit``.
        image: The place in the dataset of the image it is about.
        cover: The address of a picture that stands for it, seen from the page.
        scripts: Addresses of the step's own data, as ``interpret_gallery.write_data`` writes them.
    """

    title: str
    body: str
    name: str = ""
    summary: str = ""
    layer: str = ""
    units: Sequence[int] = ()
    image: int | None = None
    cover: str = ""
    scripts: tuple[str, ...] = ()


class PageContext(ABC):
    """What a page knows of the step it shows, and where its files go.

    Attributes:
        run: The name of its run folder.
        step: The name of the step.
        model: The name of its model in the pipeline.
        dataset: The name of its dataset.
        probe: Its probe, with its parameters.
        inputs: The results of earlier steps that it took, by parameter.
        folder: The folder of the step's pages: pictures and data of theirs belong there.
        one_page: Whether all sheets stand on one page, photograph by photograph, which needs no overview.
    """

    run: str
    step: str
    model: str
    dataset: str
    probe: Probe
    inputs: Mapping[str, Result]
    folder: Path
    one_page: bool = False

    @property
    @abstractmethod
    def images(self) -> Images:
        """The whole dataset of the step; raises DatasetError where it cannot be opened."""

    @property
    @abstractmethod
    def network(self) -> Network:
        """The model of the step, loaded when it is first asked for; raises ModelError where it cannot be."""

    @abstractmethod
    def photo(self, index: int, result: Result) -> Photo:
        """The photograph at that place of the dataset, stored once for all pages.

        Args:
            index: Its place in the dataset.
            result: What it is shown for: it has the ``ids`` of its images by place and, if known, ``input``.
        """

    @abstractmethod
    def pixels(self, index: int, result: Result) -> UInt8[np.ndarray, "h w 3"] | None:
        """The same photograph as pixels, to draw on or to cut from; None where it cannot be read."""

    @abstractmethod
    def sheet_url(self, name: str) -> str:
        """The address of the sheet of this step that has the name, whether it is written already or not."""

    @abstractmethod
    def later_page(self, layer: str) -> str:
        """The address of the page about a layer that a step has which took this one's result.

        What is shown there, with more beside it, need not be shown here; empty where there is none.
        """

    @abstractmethod
    def site_url(self, path: Path) -> str:
        """The address of a file in ``folder``, seen from the gallery's first page."""

    @abstractmethod
    def url(self, path: Path) -> str:
        """The address of a file in ``folder``, seen from the pages of the step."""


class Page(Plugin, Generic[R]):
    """Turns a result into pages of a gallery; the annotation of ``result`` says which results."""

    @abstractmethod
    def compose(self, result: R, context: PageContext) -> Iterable[Sheet]:
        """The pages of one step, the first one first; pictures and data are written into its folder."""

    def compare(self, results: Sequence[tuple[R, PageContext]]) -> Iterable[Sheet]:  # noqa: ARG002 - most have none
        """Pages that show the results of several steps, or of the same step of several runs, side by side."""
        return ()


class Exporter(Plugin):
    """Turns runs into files for people who have neither the run nor this software."""

    @abstractmethod
    def export(self, runs: Sequence[Path], folder: Path) -> Path:
        """Write into ``folder``, which is empty, and return the file that a person opens first.

        Args:
            runs: Run folders; read them with ``interpret.run.open_run``.
            folder: Where the files go. The same runs give the same bytes.
        """


def page_input(page: type[Page[Any]]) -> type[Result]:
    """The type of result a page shows."""
    return result_of(page, page.compose)
