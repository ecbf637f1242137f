"""What of a run folder is found damaged: manifests, galleries, and results of images that changed."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

from interpret.errors import InterpretError, StepError
from interpret.files.folders import temporary_folder
from interpret.plugin import Exporter
from interpret.progress import Progress
from interpret.run import open_run, run_pipeline
from interpret.run.exporting import export_runs

NET = {"name": "zfnet", "width": 0.0625, "input_size": 64, "categories": 10}
MINED = {"probe": "topk", "layers": ["layer1"], "k": 2, "batch_size": 8}
PROJECTED = {"probe": "deconv", "inputs": {"exemplars": "mined"}}


class Notes(Exporter):
    """Writes two files."""

    name: ClassVar[str] = "notes"

    def export(self, runs: Sequence[Path], folder: Path) -> Path:
        (folder / "more").mkdir()
        (folder / "more/second.txt").write_text("second")
        (folder / "first.txt").write_text("first")
        return folder / "first.txt"


def pipeline(dataset: dict[str, Any], **steps: dict[str, Any]) -> dict[str, Any]:
    drawn = {"name": "scenes", "split": "val", "limit": 8, "size": 64}
    data = {"mine": dataset, "drawn": drawn}
    return {"version": 1, "models": {"net": NET}, "datasets": data, "steps": steps}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a small run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run_pipeline(pipeline({"name": "scenes", "limit": 8}, mined={**MINED, "dataset": "drawn"}), folder)
    return folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_manifest_that_changed_is_not_believed(run):
    path = run / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"k": 2', '"k": 3'))
    with pytest.raises(
        InterpretError, match=rf"{re.escape(str(path))} has changed since .* remove its line sha256"
    ):
        open_run(run)
    path.write_text(re.sub(r' "sha256": ".*",\n', "", path.read_text(), count=1))
    assert open_run(run).steps["mined"].asked.probe.k == 3
    path.write_text("{")
    with pytest.raises(
        InterpretError, match=r"has changed since it was written\. Run the same command again"
    ):
        open_run(run)
    path.unlink()
    with pytest.raises(InterpretError, match=r"has no manifest\.json\. Give the folder"):
        open_run(run)


def spoil(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", ["first.txt", "more/second.txt"])
@pytest.mark.parametrize("damage", [spoil, Path.unlink])
def test_what_was_exported_is_kept_while_it_is_whole(run, name, damage):
    made = export_runs([run], Notes())
    assert export_runs([run], Notes()).kept
    damage(made.folder / name)
    assert not export_runs([run], Notes()).kept
    assert (made.folder / "more/second.txt").read_text() == "second"
    assert export_runs([run], Notes()).kept


def test_a_damaged_note_of_an_exporter_is_named(run):
    folder = export_runs([run], Notes()).folder
    spoil(folder / "exported.json")
    with pytest.raises(InterpretError, match=r"exported\.json has changed .* Remove that folder"):
        export_runs([run], Notes())
    shutil.rmtree(folder)
    assert not export_runs([run], Notes()).kept


def test_what_killed_exporters_left_goes_and_what_others_write_stays(run):
    left = run / ".interpret-0123456789abcdef.part"
    (left / "half").mkdir(parents=True)
    with temporary_folder(run) as held:
        export_runs([run], Notes())
        assert held.is_dir()
    assert not left.exists()
    left.mkdir()
    assert export_runs([run], Notes()).kept
    assert not left.exists()
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == ["mined", "notes"]


def photographs(folder: Path, shade: int) -> Path:
    folder.mkdir(exist_ok=True)
    for index in range(24):
        gradient = Image.linear_gradient("L").rotate(15 * index).resize((64, 64))
        gradient.point(lambda value: min(value + shade, 255)).convert("RGB").save(folder / f"{index:02d}.png")
    return folder


class Once(Progress):
    """Does something when work is told of for the first time."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.then: Callable[[], object] | None = then

    def advanced(self, step: str, parts: int) -> None:
        if self.then and step == "mined":
            then, self.then = self.then, None
            then()


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_what_was_computed_of_images_that_changed_is_forgotten(tmp_path, on_error):
    photos = photographs(tmp_path / "photos", 0)
    text = pipeline(
        {"name": "folder", "path": str(photos)},
        mined={**MINED, "dataset": "mine", "on_error": on_error},
        projected={**PROJECTED, "dataset": "mine"},
        other={**MINED, "dataset": "drawn"},
    )
    run_pipeline(text, tmp_path / "straight")

    def change() -> None:
        photographs(photos, 90)
        if on_error == "skip":
            (photos / "20.png").unlink()

    with pytest.raises(StepError, match=r"dataset 'mine' changed while they were read.*run the same command"):
        run_pipeline(text, tmp_path / "out", progress=Once(change))
    shutil.rmtree(photos)
    photographs(photos, 0)
    steps = run_pipeline(text, tmp_path / "out").steps
    assert {name: step.status for name, step in steps.items()} == {
        "mined": "done",
        "projected": "done",
        "other": "kept",
    }
    for file in ("mined/result.safetensors", "projected/result.safetensors"):
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "straight" / file).read_bytes()
