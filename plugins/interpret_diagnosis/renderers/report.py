"""A diagnosis in words and numbers: the findings, the numbers side by side, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from interpret.images import Images
from interpret.plugin import Renderer
from interpret_diagnosis.renderers.numbers import Number, numbers
from interpret_diagnosis.results import Diagnosis, Finding, NetworkDiagnosis, Thresholds
from interpret_figures.escaping import MISSING, in_markdown, markdown_code
from interpret_figures.tables import Block, Document, Markdown, Paragraph, Table

LIMITS = {
    "dominant": "a filter dominates from this multiple of the median RMS on",
    "faint": "a filter is as good as missing up to this part of the median RMS",
    "noise": "filters look like noise from this likeness to white noise on",
    "duplicate": "two filters count as one from this similarity on",
    "mid": "the mid frequencies are hardly covered below this share of the average filter",
    "nearly_dead": "a unit is nearly dead below this share of the images",
    "aliasing": "the grid of the first stride shows from this part of the energy on, beyond the expected",
    "shift": "a map does not move along from this error on",
}
"""What each threshold means."""


class DiagnosisReport(Renderer[Diagnosis]):
    """What a diagnosis found, what helps, and all numbers side by side, as Markdown and CSV."""

    name: ClassVar[str] = "diagnosis_report"

    formats: tuple[Literal["markdown", "csv"], ...] = Field(
        ("markdown", "csv"), min_length=1, description="Kinds of files: markdown, csv."
    )

    def render(self, result: Diagnosis, images: Images, folder: Path) -> Sequence[Path]:  # noqa: ARG002
        """Write ``diagnosis.md`` and ``diagnosis.csv``; no image is read."""
        return document(result).save(folder / "diagnosis", self.formats)


def document(result: Diagnosis) -> Document:
    """The whole report; its bare numbers have all their digits, and nothing where one does not apply."""
    lines, labels = numbers(result), [network.label for network in result.networks]
    records = [
        [line.name, *("" if value is None else repr(value) for value in line.values)] for line in lines
    ]
    return Document(_blocks(result, lines, labels), ["number", *labels], records)


def _blocks(result: Diagnosis, lines: Sequence[Number], labels: Sequence[str]) -> list[Block]:
    """Findings, differences, numbers, thresholds, and why numbers are missing."""
    rows = [[line.title, *(line.text(value) for value in line.values)] for line in lines]
    texts = ["# Diagnosis", *(_findings(network) for network in result.networks)]
    texts += [_differences(result, lines)] if len(result) > 1 else []
    ends = [_limits(result), *filter(None, (_missing(network) for network in result.networks))]
    return [
        *map(Markdown, [*texts, "## Numbers"]),
        Table(["", *labels], rows),
        Paragraph(f"{MISSING}: does not apply; the reasons are at the end."),
        *map(Markdown, ends),
    ]


def _findings(network: NetworkDiagnosis) -> str:
    """What was found about one network, and what usually helps."""
    count = f"{network.count:,} image{'s' if network.count != 1 else ''}"
    findings = "1 finding" if len(network.findings) == 1 else f"{len(network.findings)} findings"
    title = f"## {in_markdown(network.label)}"
    head = f"{title}\n\n{findings} on {count}."
    if not network.findings:
        return f"{title}\n\nNothing is beyond its threshold on {count}."
    items = [_item(finding) for finding in network.findings]
    helps = dict.fromkeys((finding.name, finding.helps) for finding in network.findings)
    return "\n".join([head, "", *items, "", "What usually helps:", "", *(f"- {a}: {b}" for a, b in helps)])


def _item(finding: Finding) -> str:
    limit = f"threshold {finding.threshold:g}" if finding.threshold else "threshold: any"
    layer, evidence = markdown_code(finding.layer), in_markdown(finding.evidence)
    return f"- **{finding.name}**, {layer}: {evidence} ({finding.value:.3g}; {limit})"


def _differences(result: Diagnosis, lines: Sequence[Number]) -> str:
    """The numbers in which the last network differs from the first."""
    first, last = result.networks[0].label, result.networks[-1].label
    found = [_difference(line) for line in lines]
    items = [item for item in found if item]
    title = f"## {in_markdown(last)} against {in_markdown(first)}"
    return "\n".join([title, "", *(items or ["No number differs by a tenth."])])


def _difference(line: Number) -> str:
    """One number in words, where it differs."""
    word = line.change()
    if not word:
        return ""
    one, other = line.text(line.values[0]), line.text(line.values[-1])
    return f"- {in_markdown(line.title)}: {one} \N{RIGHTWARDS ARROW} {other} ({word})"


def _limits(result: Diagnosis) -> str:
    """The thresholds of all networks; they are ours."""
    rows = ["## Thresholds", "", "They are ours: the paper judges by eye.", ""]
    for item in fields(Thresholds):
        values = dict.fromkeys(f"{getattr(network.thresholds, item.name):g}" for network in result.networks)
        rows.append(f"- `{item.name}: {' / '.join(values)}`: {LIMITS[item.name]}")
    return "\n".join(rows)


def _missing(network: NetworkDiagnosis) -> str:
    """Why numbers of a network are missing."""
    items = [
        f"- {in_markdown(about)}{f', {markdown_code(layer)}' if layer else ''}: {in_markdown(reason)}"
        for about, layer, reason in missing(network)
    ]
    return "\n".join([f"## Missing: {in_markdown(network.label)}", "", *items]) if items else ""


def missing(network: NetworkDiagnosis) -> list[tuple[str, str, str]]:
    """What is missing, of which layer (or empty), and why."""
    found = [(about, "", reason) for about, reason in network.notes.items()]
    found += [("shift", layer, one.reason) for layer, one in network.shifts.items() if one.reason]
    if network.skipped:
        said = f"{len(network.skipped)} cannot be read; the first: {network.skipped[0][0]}"
        found.append(("images", "", said))
    return found
