"""What ImageNet's own files say: the names of its classes (WordNet synsets), and the class of every picture.

Four files name the classes: the devkit's ``meta.mat``, torchvision's ``meta.bin``, Kaggle's
``LOC_synset_mapping.txt``, and a ``classes.json`` of the form ``{"wnid": […], "name": […]}``. Two say what
the validation pictures show: Kaggle's ``LOC_val_solution.csv`` and the devkit's
``ILSVRC2012_validation_ground_truth.txt``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from interpret.errors import DatasetError, clause
from interpret_datasets.annotated import read_lines

T = TypeVar("T")

_DEVKIT = Path("ILSVRC2012_devkit_t12", "data")
_META = _DEVKIT / "meta.mat"
_TRUTH = _DEVKIT / "ILSVRC2012_validation_ground_truth.txt"


def read_names(folder: Path) -> dict[str, str]:
    """Short names by WordNet id, in order of the ids, which is that of networks' outputs.

    The first file that is there counts; empty where there is none.

    Raises:
        DatasetError: If the file cannot be understood.
    """
    readers = {
        _META: lambda path: dict(_read_meta(path).values()),
        Path("meta.bin"): _read_torchvision,
        Path("LOC_synset_mapping.txt"): _read_mapping,
        Path("classes.json"): _read_json,
    }
    for file, reader in readers.items():
        if (folder / file).is_file():
            return short_names(_read(folder / file, reader))
    return {}


def short_names(words: Mapping[str, str]) -> dict[str, str]:
    """The first of each synset's words, in order of the ids; all words, then the id, where it is shared.

    ImageNet has two cranes, a bird and a machine, and two maillots.
    """
    first = {wnid: text.partition(", ")[0] for wnid, text in words.items()}
    shared, same = Counter(first.values()), Counter(words.values())
    return {
        wnid: first[wnid]
        if shared[first[wnid]] == 1
        else words[wnid]
        if same[words[wnid]] == 1
        else f"{words[wnid]} ({wnid})"
        for wnid in sorted(words)
    }


def read_truth(folder: Path) -> tuple[Path, dict[str, str]]:
    """The file that says what validation pictures show, and the WordNet id of each by its name.

    Raises:
        DatasetError: If there is no such file, or it cannot be understood.
    """
    solution, truth = folder / "LOC_val_solution.csv", folder / _TRUTH
    if solution.is_file():
        return solution, _read(solution, _read_solution)
    if not truth.is_file() or not (folder / _META).is_file():
        raise DatasetError(
            "Where validation pictures lie in no class folders, LOC_val_solution.csv or the devkit says what "
            f"they show. In {folder} is neither {solution.name} nor {_TRUTH} and {_META.name}."
        )
    synsets = _read(folder / _META, _read_meta)
    return truth, _read(truth, lambda path: _read_ground_truth(path, synsets))


def labelled(files: Sequence[str], folder: Path) -> list[str]:
    """The WordNet id of every validation picture, from the file in ``folder`` that says what they show.

    Raises:
        DatasetError: If there is no such file, it cannot be understood, names a picture that is missing, or
            has no line for one that is there.
    """
    source, truth = read_truth(folder)
    stems = [Path(file).stem for file in files]
    counts = f"It has {len(truth)} lines, and there are {len(files)} pictures."
    missing = sorted(truth.keys() - set(stems))
    if missing:
        raise DatasetError(
            f"{source} names the picture {missing[0]}, which is missing. {counts} Unpack the pictures again."
        )
    extra = [stem for stem in stems if stem not in truth]
    if extra:
        raise DatasetError(
            f"{source} has no line for the picture {extra[0]}. {counts} Remove it or unpack the file again."
        )
    return [truth[stem] for stem in stems]


def _read(path: Path, reader: Callable[[Path], T]) -> T:
    try:
        return reader(path)
    except DatasetError:
        raise
    except Exception as error:  # scipy, torch and JSON complain in many ways about a file that is another
        raise DatasetError(
            f"{path} cannot be understood: {type(error).__name__}: {clause(error)}. Unpack it again, or "
            "remove it."
        ) from error


def _read_meta(path: Path) -> dict[int, tuple[str, str]]:
    """WordNet id and words by the devkit's own numbers; only the classes, not what lies above them."""
    from scipy.io import loadmat  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - slow

    synsets: Any = loadmat(path, squeeze_me=True)["synsets"].reshape(-1)
    return {
        int(row["ILSVRC2012_ID"]): (str(row["WNID"]), str(row["words"]))
        for row in synsets
        if int(row["num_children"]) == 0
    }


def _read_torchvision(path: Path) -> dict[str, str]:
    words, _ = torch.load(path, weights_only=True)
    return {str(wnid): ", ".join(names) for wnid, names in words.items()}


def _read_mapping(path: Path) -> dict[str, str]:
    """Lines of the form ``n01440764 tench, Tinca tinca``."""
    pairs = (line.split(maxsplit=1) for line in read_lines(path).splitlines() if line.strip())
    return {wnid: words.strip() for wnid, words in pairs}


def _read_json(path: Path) -> dict[str, str]:
    content = json.loads(read_lines(path))
    return dict(zip(map(str, content["wnid"]), map(str, content["name"]), strict=True))


def _read_solution(path: Path) -> dict[str, str]:
    """Lines of the form ``ILSVRC2012_val_00000001,n01751748 111 108 441 193``, after a heading."""
    lines = (line.split(",") for line in read_lines(path).splitlines()[1:] if line.strip())
    return {picture: boxes.split()[0] for picture, boxes in lines}


def _read_ground_truth(path: Path, synsets: Mapping[int, tuple[str, str]]) -> dict[str, str]:
    """One number of a synset for each of the pictures 1, 2, …."""
    truth = {}
    for line, text in enumerate(read_lines(path).split(), start=1):
        if int(text) not in synsets:
            raise DatasetError(f"{path}:{line}: there is no class {text} in meta.mat.")
        truth[f"ILSVRC2012_val_{line:08d}"] = synsets[int(text)][0]
    return truth
