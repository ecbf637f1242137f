"""Krizhevsky's network against ZFNet on the same photographs: the paper's Figure 6 in numbers.

    python tests/benchmarks/diagnosis.py --alexnet FILE --zfnet FILE --images FOLDER

``--unclipped FILE`` is a ZFNet that was trained without RMS clipping: the paper's first claim is about such a
network, and cannot be judged without it. Widths are read from the weights; ``--input-size`` and ``--resize``
say what the files do not.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

import interpret
from interpret.network import Network
from interpret.weights import read_weights
from interpret_diagnosis import Diagnosis, NetworkDiagnosis, diagnose
from interpret_diagnosis.renderers import DiagnosisFigure, DiagnosisReport
from interpret_diagnosis.renderers.numbers import numbers

CLEAR = 1.1
"""So many times more counts as more; anything less is called no difference."""


class Claim(NamedTuple):
    """What the paper says of a network, and a number that should be larger there than in ZFNet."""

    network: str
    text: str
    measure: str
    number: Callable[[NetworkDiagnosis], float | None]


def _dead(found: NetworkDiagnosis) -> float:
    """Share of dead and nearly dead units, and of filters as good as missing, in the first layer."""
    layer = found.activity[found.layers[0]]
    bad = layer.images < found.thresholds.nearly_dead
    if found.first is not None:
        bad = bad | (found.first.relative <= found.thresholds.faint)
    return float(bad.float().mean())


CLAIMS = (
    Claim(
        "unclipped",
        "without RMS clipping a few filters dominate (Figure 6 a)",
        "largest RMS over the median",
        lambda found: None if found.first is None else float(found.first.relative.max()),
    ),
    Claim(
        "alexnet",
        "11 x 11 at stride 4 mixes extremely high and low frequencies and hardly covers the mid ones (6 b)",
        "share outside the mid frequencies",
        lambda found: None if found.first is None or found.first.bands is None else 1 - found.first.bands[1],
    ),
    Claim(
        "alexnet",
        "7 x 7 at stride 2 has fewer dead features (6 b, c)",
        "share of first-layer units that are dead, nearly dead or faint",
        _dead,
    ),
    Claim(
        "alexnet",
        "stride 4 shows as aliasing in the second layer (6 d, e)",
        "energy at the first stride's frequencies beyond what is expected",
        lambda found: None if found.aliasing is None else found.aliasing.excess,
    ),
)


def load(name: str, file: Path, **options: Any) -> Network:
    """A network of five convolutional layers with the widths of its weights."""
    tensors = read_weights(file).tensors
    widths = {
        int(key.split(".")[0].removeprefix("layer")): len(tensor)
        for key, tensor in tensors.items()
        if key.startswith("layer") and key.endswith(".weight")
    }
    known = {
        "widths": widths,
        "categories": len(tensors["classifier.weight"]),
        "mean_image": "mean.mean" in tensors,
    }
    return interpret.load_model(name, weights=str(file), **known, **options)


def judge(one: float | None, other: float | None) -> str:
    """Whether the paper's network has clearly more than ZFNet, as the paper says."""
    if one is None or other is None:
        return "cannot be told"
    low, high = sorted((max(one, 0.0), max(other, 0.0)))
    if high <= CLEAR * low or high == 0:
        return "no difference"
    return "reproduced" if one > other else "the opposite"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--alexnet", type=Path, required=True, help="weights of alexnet (11 x 11, stride 4)")
    parser.add_argument("--zfnet", type=Path, required=True, help="weights of zfnet (7 x 7, stride 2)")
    parser.add_argument("--unclipped", type=Path, help="weights of zfnet trained without RMS clipping")
    parser.add_argument("--images", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--input-size", type=int, help="pixels, where the weights do not say")
    parser.add_argument(
        "--resize", type=int, help="shorter side before the crop, where the weights do not say"
    )
    parser.add_argument("--limit", type=int, help="so many photographs, evenly spaced")
    parser.add_argument("--out", type=Path, help="where to write the figure and the report")
    arguments = parser.parse_args()
    options = {
        key: getattr(arguments, key)
        for key in ("input_size", "resize")
        if getattr(arguments, key) is not None
    }
    images = interpret.load_dataset("folder", path=str(arguments.images))
    if arguments.limit and arguments.limit < len(images):
        images = images.subset([i * len(images) // arguments.limit for i in range(arguments.limit)])
    files = {"alexnet": arguments.alexnet, "zfnet": arguments.zfnet, "unclipped": arguments.unclipped}
    found = {
        name: diagnose(load("zfnet" if name == "unclipped" else name, file, **options), images, label=name)
        for name, file in files.items()
        if file
    }
    show(found)
    if arguments.out:
        for renderer in (DiagnosisFigure(), DiagnosisReport()):
            renderer.render(Diagnosis(tuple(found.values())), images, arguments.out)


def show(found: Mapping[str, NetworkDiagnosis]) -> None:
    """All numbers, what becomes of the paper's claims, and every finding."""
    table = Table("number", *found)
    for line in numbers(Diagnosis(tuple(found.values()))):
        table.add_row(line.title, *(line.text(value) for value in line.values))
    claims = Table("the paper's claim", "measured by", "there", "zfnet", "")
    for claim in CLAIMS:
        network = found.get(claim.network)
        values = [None if network is None else claim.number(network), claim.number(found["zfnet"])]
        shown = ["-" if value is None else f"{value:.3g}" for value in values]
        missing = f"needs --{claim.network}" if network is None else judge(*values)
        claims.add_row(claim.text, claim.measure, *shown, missing)
    console = Console(width=140)
    console.print(table, claims)
    for name, network in found.items():
        for finding in network.findings:
            console.print(f"{name}: {finding.name}, {finding.layer}: {finding.evidence}", markup=False)


if __name__ == "__main__":
    main()
