"""What the pages of one step are given: the run, the photographs, and a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import numpy as np
from jaxtyping import UInt8

from interpret.errors import DatasetError, InterpretError
from interpret.images import Images, InputSpec
from interpret.network import Network
from interpret.plugin import Dataset, PageContext, Photo, Probe
from interpret.results import Result
from interpret.run import OpenedStep
from interpret_figures.photographs import Photographs
from interpret_gallery.data import picture_bytes
from interpret_gallery.names import anchor, file_name, sheet_file

__all__ = ["Context", "Photos", "own_names", "photographs", "relative_url", "step_names"]


def relative_url(path: Path, start: Path) -> str:
    """The address of a file, seen from a folder."""
    return quote(Path(os.path.relpath(path, start)).as_posix())


@dataclass
class Photos:
    """The photographs of a gallery, each written once as a network sees it.

    Attributes:
        folder: Where they go.
        refused: Why photographs of a dataset cannot be shown, by its name.
    """

    folder: Path
    refused: dict[str, str] = field(default_factory=dict)
    _folders: list[tuple[Dataset, InputSpec, Path]] = field(default_factory=list)
    _readers: dict[tuple[int, InputSpec], tuple[Result, Photographs]] = field(default_factory=dict)
    _written: dict[Path, Path | None] = field(default_factory=dict)

    def write(self, context: Context, index: int, result: Result, spec: InputSpec) -> Path | None:
        """The file of a photograph; None where it cannot be read."""
        place = self._folder(context, spec) / f"{index}.webp"
        if place not in self._written:
            try:
                self._written[place] = self._write(context, index, result, spec, place)
            except (DatasetError, OSError) as error:
                self.refused.setdefault(context.dataset, str(error))
                self._written[place] = None
        return self._written[place]

    def _folder(self, context: Context, spec: InputSpec) -> Path:
        """Where the photographs of a dataset are; runs may have others of the same name."""
        data = context.opened.run.pipeline.datasets[context.dataset]
        for other, size, path in self._folders:
            if (other, size) == (data, spec):
                return path
        height, width = spec.size
        base = f"{file_name(context.dataset)}-{width}x{height}"
        count = sum(path.name.startswith(base) for *_, path in self._folders)
        self._folders.append((data, spec, self.folder / (f"{base}-{count + 1}" if count else base)))
        return self._folders[-1][-1]

    def read(
        self, context: Context, index: int, result: Result, spec: InputSpec
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels of a photograph; raises DatasetError or OSError where it cannot be read."""
        pixels: UInt8[np.ndarray, "h w 3"] = (
            self.reader(context, result, spec).read(index, spec.displayed).numpy()
        )
        return pixels

    def reader(self, context: Context, result: Result, spec: InputSpec) -> Photographs:
        """Reads the photographs of a result, each once while its pages are made."""
        key = (id(result), spec)  # the result is kept with it: another one never has its id
        if key not in self._readers:
            ids: Mapping[str, str] = getattr(result, "ids", {})
            self._readers[key] = result, Photographs(context.images, ids, spec)
        for other, (_, reader) in self._readers.items():
            if other != key:
                reader.forget()  # those of one result at a time: photographs take memory
        return self._readers[key][1]

    def _write(self, context: Context, index: int, result: Result, spec: InputSpec, place: Path) -> Path:
        blob, ending = picture_bytes(self.read(context, index, result, spec))
        path = place.with_suffix(f".{ending}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob)
        return path


@dataclass
class Context(PageContext):
    """One step of one run in a gallery; see `PageContext`.

    Attributes:
        opened: The step.
        folder: Where its pages go.
        base: The folder from which addresses count: that of the pages.
        photos: The photographs of the gallery.
        later: Pages of steps that took this one's result, by layer: what need not be shown twice.
        run_name: What its run is called; empty: as its folder.
    """

    opened: OpenedStep
    folder: Path
    base: Path
    photos: Photos
    later: Mapping[str, str] = field(default_factory=dict)
    run_name: str = ""

    @property
    def run(self) -> str:  # type: ignore[override]
        """The name of its run."""
        return self.run_name or self.opened.run.folder.resolve().name

    @property
    def step(self) -> str:  # type: ignore[override]
        """The name of the step."""
        return self.opened.name

    @property
    def model(self) -> str:  # type: ignore[override]
        """The name of its model in the pipeline."""
        return self.opened.asked.model

    @property
    def dataset(self) -> str:  # type: ignore[override]
        """The name of its dataset."""
        return self.opened.asked.dataset

    @property
    def probe(self) -> Probe:  # type: ignore[override]
        """Its probe, with its parameters."""
        return self.opened.asked.probe

    @cached_property
    def inputs(self) -> Mapping[str, Result]:  # type: ignore[override]
        """The results of earlier steps that it took, by parameter."""
        steps = self.opened.run.steps
        return {name: steps[step].result() for name, step in self.opened.asked.inputs.items()}

    @property
    def one_page(self) -> bool:  # type: ignore[override]
        """Whether all sheets stand on one page."""
        return self.base != self.folder

    @property
    def images(self) -> Images:
        """The whole dataset of the step."""
        return self.opened.images()

    @cached_property
    def network(self) -> Network:
        """The model of the step."""
        return self.opened.network()

    def photo(self, index: int, result: Result) -> Photo:
        """The photograph at that place of the dataset, stored once for all pages."""
        spec = self._spec(result)
        path = self.photos.write(self, index, result, spec)
        ids: Mapping[str, str] = getattr(result, "ids", {})
        return Photo(
            "" if path is None else relative_url(path, self.base),
            spec.size,
            ids.get(str(index), str(index)),
            self._category(index),
        )

    def pixels(self, index: int, result: Result) -> UInt8[np.ndarray, "h w 3"] | None:
        """The same photograph as pixels; None where it cannot be read."""
        spec = self._spec(result)
        if self.photos.write(self, index, result, spec) is None:
            return None
        return self.photos.read(self, index, result, spec)

    def photographs(self, result: Result) -> Photographs:
        """What reads the photographs of a result, shared with `photo`."""
        return self.photos.reader(self, result, self._spec(result))

    def _spec(self, result: Result) -> InputSpec:
        found: InputSpec = getattr(result, "input", None) or self.network.input
        return found

    def _category(self, index: int) -> str:
        labels, names = self._labels
        label = labels[index] if index < len(labels) else None
        if label is None:
            return ""
        return names[label] if label < len(names) else f"class {label}"

    @cached_property
    def _labels(self) -> tuple[list[int | None], tuple[str, ...]]:
        try:
            return list(self.images.labels), self.images.categories
        except (InterpretError, OSError):
            return [], ()

    def sheet_url(self, name: str) -> str:
        """The address of another sheet of the step: a file, or its place where all are on one page."""
        if self.one_page:
            return f"#{anchor(self.folder.name, name)}"
        return self.url(self.folder / sheet_file(name))

    def later_page(self, layer: str) -> str:
        """The page about a layer of a step that took this one's result; empty where there is none."""
        return self.later.get(layer, "")

    def site_url(self, path: Path) -> str:
        """The address of a file, seen from the gallery's first page."""
        return relative_url(path, self.photos.folder.parent)

    def url(self, path: Path) -> str:
        """The address of a file, seen from the pages of the step."""
        return relative_url(path, self.base)


def photographs(context: PageContext, result: Result) -> Photographs:
    """What reads the photographs of a result as the network saw them, each once for all of its pages.

    Args:
        context: The step.
        result: It has the ids of its images by place in the dataset, and ``input`` if it knows it.
    """
    if isinstance(context, Context):
        return context.photographs(result)
    spec = getattr(result, "input", None) or context.network.input
    return Photographs(context.images, getattr(result, "ids", {}), spec)


def step_names(contexts: Sequence[PageContext]) -> list[str]:
    """What steps are called where several are shown: each by a name of its own.

    With their networks where these differ, and with their runs where that is not enough.

    Args:
        contexts: The steps.
    """
    models = {context.model for context in contexts}
    told = [f"{one.step} ({one.model})" if len(models) > 1 else one.step for one in contexts]
    longer = [
        f"{context.run}: {name}" if told.count(name) > 1 else name
        for context, name in zip(contexts, told, strict=True)
    ]
    return own_names(longer)


def own_names(names: Sequence[str]) -> list[str]:
    """The names, those that are given more than once with a number."""
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, 1)]
