"""The examples that train, as they stand: what is shown must have learned something, or it shows noise."""

import re
from pathlib import Path

import pytest

from interpret.run import run_pipeline
from interpret_training import Ablation, Training

ROOT = Path(__file__).parents[2]
GUESSING = 0.9


def examples() -> dict[str, str]:
    """The pipelines that train on drawn scenes, by name: files, and blocks of pages."""
    found = {
        name: (ROOT / "docs" / "examples" / f"{name}.yaml").read_text()
        for name in ("evolution", "diagnosis", "ablation")
    }
    for page in ("README.md", "docs/plugins/training.md", "docs/ablation.md"):
        blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
        (found[page],) = (block for block in blocks if "scenes-zfnet" in block)
    return found


def errors(found: object) -> list[float]:
    """Top-1 errors of everything a step has trained."""
    if isinstance(found, Training):
        return [scores.error for scores in found.scores.values()]
    return found.validation.flatten().tolist() if isinstance(found, Ablation) else []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text"), examples().items(), ids=examples())
def test_what_an_example_trains_has_learned(name, text, tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text)
    run = run_pipeline(path, tmp_path / "run")
    trained = [error for step in run.steps for error in errors(run[step])]
    assert trained
    assert max(trained) < 0.8 * GUESSING, name
