"""Photographs in a folder, data sets of Hugging Face and published ones; what two of them share."""

from typing import TYPE_CHECKING, Any

from interpret.moved import elsewhere
from interpret.plugin import Dataset, Page, Probe, Renderer, hookimpl
from interpret_datasets.animal_pose import AnimalPose
from interpret_datasets.caltech import Caltech101, Caltech256
from interpret_datasets.files import Files
from interpret_datasets.folder import Folder
from interpret_datasets.huggingface import Hf, HuggingFaceDataset
from interpret_datasets.imagenet import Imagenet
from interpret_datasets.imagenette import Imagenette
from interpret_datasets.overlap import FindOverlap, Overlap, overlaps
from interpret_datasets.shards.parquet import Parquet
from interpret_datasets.shards.webdataset import WebDataset
from interpret_datasets.voc import Voc2007, Voc2012

__all__ = [
    "AnimalPose",
    "Caltech101",
    "Caltech256",
    "Files",
    "FindOverlap",
    "Folder",
    "Hf",
    "HuggingFaceDataset",
    "Imagenet",
    "Imagenette",
    "Overlap",
    "Parquet",
    "Voc2007",
    "Voc2012",
    "WebDataset",
    "overlaps",
    "register_datasets",
    "register_probes",
]


if not TYPE_CHECKING:  # or type checkers would believe any name
    __getattr__ = elsewhere(__name__, {"Scenes": "interpret_scenes.Scenes"})


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """A folder, files, shards, tables, data sets of Hugging Face, and the published ones."""
    published: list[type[Dataset]] = [
        AnimalPose,
        Caltech101,
        Caltech256,
        Imagenet,
        Imagenette,
        Voc2007,
        Voc2012,
    ]
    return [Folder, Files, WebDataset, Parquet, HuggingFaceDataset, Hf, *published]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``overlap``."""
    return [FindOverlap]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the result of ``overlap``."""
    from interpret_datasets.renderers import OverlapPairs  # noqa: PLC0415 - matplotlib takes time

    return [OverlapPairs]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """What shows the result of ``overlap`` in a gallery."""
    from interpret_datasets.pages import OverlapPage  # noqa: PLC0415 - matplotlib takes time

    return [OverlapPage]
