"""Bundled datasets: drawn ones, photographs in a folder, and published ones; what two of them share."""

from interpret.plugin import Dataset, Probe, hookimpl
from interpret_datasets.animal_pose import AnimalPose
from interpret_datasets.caltech import Caltech101, Caltech256
from interpret_datasets.folder import Folder
from interpret_datasets.imagenet import Imagenet
from interpret_datasets.imagenette import Imagenette
from interpret_datasets.overlap import FindOverlap, Overlap, overlaps
from interpret_datasets.scenes import Scenes
from interpret_datasets.voc import Voc2007, Voc2012

__all__ = [
    "AnimalPose",
    "Caltech101",
    "Caltech256",
    "FindOverlap",
    "Folder",
    "Imagenet",
    "Imagenette",
    "Overlap",
    "Scenes",
    "Voc2007",
    "Voc2012",
    "overlaps",
    "register_datasets",
    "register_probes",
]


@hookimpl
def register_datasets() -> list[type[Dataset]]:
    """Drawn scenes, a folder, and the published data sets."""
    return [AnimalPose, Caltech101, Caltech256, Folder, Imagenet, Imagenette, Scenes, Voc2007, Voc2012]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probe ``overlap``."""
    return [FindOverlap]
