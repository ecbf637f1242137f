"""From numbers to findings: each with its threshold, its evidence and what usually helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from interpret_diagnosis.activity import Activity
from interpret_diagnosis.results import Aliasing, Finding, FirstLayer, Thresholds
from interpret_diagnosis.shifts import ShiftError

FEW = 5
"""So many units are named in a sentence."""

HELPS = {
    "dominant filter": "Limit the RMS of every filter while training (the paper's radius is 0.1), or a lower "
    "learning rate.",
    "faint filters": "Limit the RMS of every filter, so that the others leave room; a lower learning rate; "
    "or fewer filters.",
    "filters look like noise": "Train, or train longer; check that the weights were loaded.",
    "near-duplicate filters": "Fewer filters; another initialisation; more varied augmentation.",
    "little mid-frequency": "Smaller filters in the first layer (the paper goes from 11 to 7 pixels) and a "
    "smaller stride.",
    "dead units": "A lower learning rate, RMS clipping, biases that start at zero or above, a leaky ReLU; "
    "for dead filters of the first layer also smaller filters and a smaller stride.",
    "nearly dead units": "Look at what drives them (topk, deconv): a rare feature is fine. Else as for dead "
    "units.",
    "never positive units": "Most activations pass on little of what is below zero: as for dead units.",
    "rarely positive units": "Look at what drives them (topk, deconv): a rare feature is fine. Else as for "
    "dead units.",
    "aliasing": "A smaller stride in the first layer (the paper goes from 4 to 2), or a blur before it.",
    "not equivariant to shifts": "A smaller stride, in the first layer first; or a blur before each stride "
    "and pool.",
}
"""What usually helps, by the name of the finding. Filter size, stride and RMS clipping are the paper's."""


WORDS = {
    False: ("active", "dead units", "nearly dead units"),
    True: ("above zero", "never positive units", "rarely positive units"),
}
"""What units that are rarely above zero are called, by whether values of the layer go below zero and on."""


def find(
    first: FirstLayer | None,
    activity: Mapping[str, Activity],
    shifts: Mapping[str, ShiftError],
    aliasing: Aliasing | None,
    thresholds: Thresholds,
) -> tuple[Finding, ...]:
    """Everything that is beyond its threshold, the first layer first."""
    found: list[Finding] = []
    if first is not None:
        found += [*_sizes(first, thresholds), *_shapes(first, thresholds)]
    for layer, counted in activity.items():
        found += _rarely_active(layer, counted, thresholds)
    if aliasing is not None:
        found += _aliasing(aliasing, thresholds)
    return (*found, *_shifts(shifts, thresholds))


def _sizes(first: FirstLayer, limits: Thresholds) -> Iterator[Finding]:
    """Filters that are far stronger or far weaker than the others."""
    relative, count = first.relative, len(first.relative)
    order = relative.argsort(descending=True, stable=True)
    strong = order[relative[order] >= limits.dominant].tolist()
    if strong:
        value = float(relative[strong[0]])
        evidence = (
            f"{len(strong)} of {count} filters have at least {limits.dominant:g} times the median RMS of "
            f"{float(first.rms.median()):.3g}, up to {value:.3g} times: {_named(strong)}."
        )
        yield _finding("dominant filter", first.layer, (value, limits.dominant), evidence, strong)
    weak = order.flip(0)[relative[order.flip(0)] <= limits.faint].tolist()
    if weak:
        value = float(relative[weak[0]])
        evidence = (
            f"{len(weak)} of {count} filters have at most {limits.faint:g} of the median RMS: {_named(weak)}."
        )
        yield _finding("faint filters", first.layer, (value, limits.faint), evidence, weak)


def _shapes(first: FirstLayer, limits: Thresholds) -> Iterator[Finding]:
    """Filters without structure, filters that are alike, frequencies that are missing."""
    if first.noise is not None and first.noise >= limits.noise:
        evidence = (
            f"Their spectra are {first.noise:.2f} times as flat as those of white noise of "
            f"{first.kernel[0]} x {first.kernel[1]} pixels; trained filters are far from flat."
        )
        yield _finding("filters look like noise", first.layer, (first.noise, limits.noise), evidence)
    pairs = first.duplicates.units.tolist()
    if pairs:
        value = float(first.duplicates.similarity[0])
        units = sorted({unit for pair in pairs for unit in pair})
        shown = ", ".join(f"{one} and {other}" for one, other in pairs[:FEW])
        more = f", and {len(pairs) - FEW} more" if len(pairs) > FEW else ""
        count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
        evidence = (
            f"{count} of filters differ in strength only (similarity up to {value:.3f}): {shown}{more}."
        )
        yield _finding("near-duplicate filters", first.layer, (value, limits.duplicate), evidence, units)
    if first.bands is not None and first.bands[1] < limits.mid:
        low, mid, high = first.bands
        evidence = f"The average filter has {low:.0%} low, {mid:.0%} mid and {high:.0%} high frequencies."
        yield _finding("little mid-frequency", first.layer, (mid, limits.mid), evidence)


def _rarely_active(layer: str, counted: Activity, limits: Thresholds) -> Iterator[Finding]:
    """Units that are never, or hardly ever, active; of a layer without a ReLU: above zero."""
    count, images = len(counted.images), f"{counted.count} image{'s' if counted.count > 1 else ''}"
    dead = counted.dead.nonzero()[:, 0].tolist()
    word, never, rarely = WORDS[counted.signed]
    if dead:
        evidence = f"{len(dead)} of {count} units are {word} in none of {images}: {_named(dead)}."
        if len(dead) == count:
            nothing = "" if counted.signed else ": nothing passes this layer"
            evidence = f"All {count} units are {word} in none of {images}{nothing}."
        yield _finding(never, layer, (len(dead) / count, 0.0), evidence, dead)
    nearly = counted.nearly_dead(limits.nearly_dead).nonzero()[:, 0].tolist()
    if nearly:
        evidence = (
            f"{len(nearly)} of {count} units are {word} in fewer than {100 * limits.nearly_dead:.3g} % of "
            f"{images}: {_named(nearly)}."
        )
        value = float(counted.images[nearly].min())
        yield _finding(rarely, layer, (value, limits.nearly_dead), evidence, nearly)


def _aliasing(found: Aliasing, limits: Thresholds) -> Iterator[Finding]:
    """The grid of the first stride in the projections of the second layer."""
    if found.excess >= limits.aliasing:
        evidence = (
            f"{found.share:.1%} of the energy of {len(found.energy.share)} projections is at the frequencies "
            f"of the first stride ({_by(found.stride)} pixels), where {found.expected:.1%} is expected."
        )
        yield _finding("aliasing", found.layer, (found.excess, limits.aliasing), evidence)


def _shifts(shifts: Mapping[str, ShiftError], limits: Thresholds) -> Iterator[Finding]:
    """The layers whose maps do not move along: one finding, named after the first of them."""
    errors = {layer: one.error for layer, one in shifts.items() if one.error is not None}
    bad = {layer: error for layer, error in errors.items() if error >= limits.shift}
    if bad:
        layer, value = next(iter(bad)), max(bad.values())
        shown = ", ".join(f"{name} ({error:.2f})" for name, error in list(bad.items())[:FEW])
        more = f" and {len(bad) - FEW} more" if len(bad) > FEW else ""
        evidence = f"The maps of {len(bad)} of {len(errors)} layers do not move along with the image: "
        evidence += f"{shown}{more}."
        yield _finding("not equivariant to shifts", layer, (value, limits.shift), evidence)


def _finding(
    name: str, layer: str, beyond: tuple[float, float], evidence: str, units: Sequence[int] = ()
) -> Finding:
    """A finding; ``beyond`` is what was measured and its threshold."""
    return Finding(name, layer, *beyond, evidence, HELPS[name], tuple(units))


def _named(units: Sequence[int]) -> str:
    """A few of them, and how many more."""
    more = f" and {len(units) - FEW} more" if len(units) > FEW else ""
    return ", ".join(map(str, units[:FEW])) + more


def _by(stride: tuple[int, int]) -> str:
    return str(stride[0]) if stride[0] == stride[1] else f"{stride[0]} x {stride[1]}"
