"""What the figures of occlusion say in words."""

from __future__ import annotations

from collections.abc import Sequence

from interpret.images import Fill
from interpret_figures.display import channel_note
from interpret_figures.page import TIMES
from interpret_figures.text import category, chance, numbers
from interpret_occlusion.results import OcclusionMaps, Sweep


def percent(share: float) -> str:
    """A share of places; a little is not nothing."""
    return "< 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def outcome(maps: Sweep) -> str:
    """What the occluder did to the target's probability in one image, or to its output."""
    without, least = maps.unoccluded_value, float(maps.value.min())
    if not maps.has_probability:
        uncovered, lowest = numbers(without, least)
        return f"output {uncovered} uncovered, {lowest} at the lowest"
    return f"probability {chance(without)} uncovered, {chance(least)} at the lowest"


def asked(maps: Sweep, categories: Sequence[str]) -> str:
    """The target by its name; an only output without one is just that."""
    return "output" if maps.logits.shape[-1] == 1 and not categories else category(maps.target, categories)


def kind_note(maps: Sweep) -> str:
    """What to say where probabilities are no softmax of the outputs."""
    notes = {
        "probabilities": " The network gives probabilities itself: no softmax is taken of them.",
        "log_probabilities": " The network gives logarithms of probabilities: no softmax is taken of them.",
    }
    if not maps.has_probability:
        return " The network's outputs are values and have no probability."
    return notes.get(maps.output_kind, "")


def shown(fill: Fill) -> str:
    """What an occluder shows, in a word or two."""
    if isinstance(fill, str):
        return {"mean": "the image's mean colour", "blur": "a blur"}.get(fill, fill)
    return f"grey {fill:g}" if isinstance(fill, int | float) else f"colour ({', '.join(map(str, fill))})"


def occluder(maps: Sweep) -> str:
    """The occluder's size and steps; where there is one place along an axis, it makes no step there."""
    steps = [str(int(starts[1] - starts[0])) if len(starts) > 1 else "" for starts in maps.offsets]
    window = f"occluder {maps.window[0]} {TIMES} {maps.window[1]} pixels, {shown(maps.fill)}"
    if not any(steps):
        return f"{window}, in one place"
    down, across = steps
    if down and across and down != across:
        return f"{window}, every {down} pixels down and {across} across"
    step = down or across
    return f"{window}, every {'pixel' if step == '1' else f'{step} pixels'}"


def facts(result: OcclusionMaps) -> tuple[str, ...]:
    """What is on the pages, and how to read it."""
    count, maps = len(result.maps), result.maps[0]
    ours, full = maps.multiply_adds
    saved = f", {full / ours:.1f} times fewer multiply-adds than full passes" if ours and full > ours else ""
    engine = maps.engine  # what is gone is still in results stored before, and not exact
    engine += ", which interpolated some of the places" if engine == "approximate" else ""
    return (
        f"{count} image{'s' if count > 1 else ''}  ·  {occluder(maps)}  ·  engine {engine}{saved}",
        "An occluder covers one place of the image after another. A cell of a map lies where its centre was; "
        "pale: it was nowhere there. The line across a colour bar is the value of the uncovered image."
        f"{channel_note(result.input, maps.channels)}{kind_note(maps)}",
    )
