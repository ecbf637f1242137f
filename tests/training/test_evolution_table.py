"""The table of an evolution: its numbers by loops over the units."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from evolution_cases import EPOCHS, evolution, layer

from interpret.plugin.interfaces import renderer_input
from interpret.testing import check_renderer
from interpret_training.evolution.renderers.table import MISSING, EvolutionTable, document
from interpret_training.evolution.results import Evolution


def number(text: str) -> float:
    return float(text) if text else np.nan


def test_units_of_layers_without_a_relu_are_not_called_dead() -> None:
    said = document(evolution(conv=layer())).markdown()
    assert "| dead at the end |" in said
    assert "Dead units (never positive) are left out." in said
    said = document(evolution(conv=replace(layer(), signed=True), other=layer(seed=1))).markdown()
    assert "| never positive at the end |" in said
    assert "Units that are never positive are left out; in conv, without a ReLU, they are not dead." in said


def test_csv_holds_every_number() -> None:
    image = [[0, 0, 0], [1, 1, 2], [0, 0, 0], [3, 4, 4], [5, 5, 5]]
    result = evolution(conv=layer([3, 1, 4], image=image, dead=[(4, 1), (2, 2)]), other=layer(seed=1))
    lines = list(csv.DictReader(StringIO(document(result).csv())))
    assert [(line["layer"], int(line["epoch"])) for line in lines] == [
        (name, epoch) for name in ("conv", "other") for epoch in EPOCHS
    ]
    for line in lines:
        found, column = result[line["layer"]], EPOCHS.index(int(line["epoch"]))
        assert int(line["units"]) == 5
        assert int(line["dead"]) == sum(bool(flag) for flag in found.dead[:, column])
        living = [unit for unit in range(5) if found.settled[unit] >= 0]
        settled = [int(found.settled[unit]) <= EPOCHS[column] for unit in living]
        np.testing.assert_allclose(number(line["settled"]), np.mean(settled))
        kept = np.percentile(found.overlap[living, column].numpy(), [25, 50, 75])
        np.testing.assert_allclose(
            [number(line[f"overlap{end}"]) for end in ("_q1", "", "_q3")], kept, rtol=1e-6
        )
        if column == 0:
            assert {line["turnover"], line["jumps"], line["similarity"]} == {""}
            continue
        new = np.nanpercentile(found.turnover[:, column].numpy(), [25, 50, 75])
        np.testing.assert_allclose(
            [number(line[f"turnover{end}"]) for end in ("_q1", "", "_q3")], new, rtol=1e-6
        )
        both = [
            unit for unit in range(5) if not found.dead[unit, column] and not found.dead[unit, column - 1]
        ]
        moved = [int(found.image[unit, column, 0] != found.image[unit, column - 1, 0]) for unit in both]
        np.testing.assert_allclose(number(line["jumps"]), np.mean(moved))
        rows = [row for row, unit in enumerate(found.unit.tolist()) if unit in both]
        assert int(line["projected"]) == len(rows)
        np.testing.assert_allclose(
            number(line["similarity"]), np.median(found.similarity[rows, column]), rtol=1e-6
        )
        same = [row for row in rows if not moved[both.index(int(found.unit[row]))]]
        assert int(line["same_neuron"]) == len(same)


def test_markdown_says_when_units_settle() -> None:
    found = layer()
    found.settled[:] = torch.tensor([0, 1, 1, 5, -1])
    text = document(evolution(conv=found)).markdown()
    assert f"| conv | 5 | 1 | 1 (1{MISSING}1) | 0.25 |" in text
    assert "12 images; two random sets of 4 share 33.33%." in text
    assert "settled at 5 means not before" in text
    tables = [line for line in text.splitlines() if line.startswith("| conv")]
    assert len(tables) == 5
    assert all(line.count("|") == 5 for line in tables[1:])


def test_a_name_with_a_bar_stays_in_its_cell() -> None:
    assert r"| a\|b |" in document(evolution(**{"a|b": layer()})).markdown()


def test_poor_results_are_written(tmp_path: Path) -> None:
    dead = [(unit, column) for unit in range(5) for column in range(3)]
    for result in (evolution(epochs=(7,), conv=layer([], epochs=(7,))), evolution(conv=layer(dead=dead))):
        assert MISSING in document(result).markdown()
        assert len(document(result).csv().splitlines()) == 1 + len(result.epochs)


def test_it_keeps_its_promises(made: SimpleNamespace) -> None:
    assert renderer_input(EvolutionTable) is Evolution
    check_renderer(EvolutionTable(), evolution(conv=layer()), made.Squares())
    check_renderer(EvolutionTable(formats=("csv",)), evolution(conv=layer()), made.Squares())
