"""One changed bit in any stored file of a run: the next run gives the same results, and needs no --force."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from interpret.run import run_pipeline

PIPELINE = """\
version: 1
models: {net: {name: zfnet, width: 0.0625, input_size: 64, categories: 10}}
datasets: {drawn: {name: scenes, split: val, limit: 40, size: 64}}
steps:
  learn:
    probe: train
    recipe: {epochs: 2, batch: 20, rate: 1.0e-3, init: he, checkpoints: [1]}
    validation: null
  formed: {probe: evolution, inputs: {training: learn}, layers: [layer1], units: 0, k: 2}
  judged: {probe: transfer, layers: [layer1, layer2], train: [1], test: 1, folds: 1, strengths: [1]}
"""
SAMPLE = ("learn/checkpoints/epoch-0002.safetensors", "learn/result.json", "judged/step.json")
KEPT_SAMPLE = ("checkpoints/epoch-0001.safetensors", "result.json", "00000000-00000040.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pipeline and its run folder."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "p.yaml").write_text(PIPELINE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run_pipeline(folder / "p.yaml", folder / "out")
    yield folder / "p.yaml", folder / "out"
    torch.set_num_threads(threads)


def copy(folder: Path, target: Path) -> Path:
    """A copy in which what was one file under two names is so too."""
    copied: dict[int, str] = {}

    def link_or_copy(source: str, file: str) -> None:
        inode = Path(source).stat().st_ino
        if inode in copied:
            os.link(copied[inode], file)
        else:
            shutil.copyfile(source, file)
            copied[inode] = file

    shutil.copytree(folder, target, copy_function=link_or_copy)
    return target


def flip(path: Path) -> None:
    """Change one bit in the middle, and nothing that a listing of the folder shows."""
    found, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def found_in(out: Path) -> dict[str, bytes]:
    """What must be the same; a transfer also holds how long it took."""
    trained = [out / "learn" / name for name in ("result.json", "result.safetensors")]
    files = [*trained, *(out / "learn/checkpoints").iterdir(), *(out / "formed").glob("result.*")]
    return {
        str(file.relative_to(out)): file.read_bytes() for file in [*files, out / "judged/result.safetensors"]
    }


def everything(out: Path) -> list[str]:
    logs = ("log", "tensorboard")
    files = [file.relative_to(out) for file in sorted(out.rglob("*")) if file.is_file()]
    return [str(file) for file in files if not set(file.parts) & set(logs) and file.name != ".lock"]


def assert_heals(whole, target: Path, damage: list[str], forgotten: tuple[str, ...] = ()) -> None:
    path, out = whole
    damaged = copy(out, target)
    for file in damage:
        flip(damaged / file)
    for step in forgotten:
        (damaged / step / "step.json").unlink()
    run_pipeline(path, damaged)
    assert found_in(damaged) == found_in(out)


def test_damaged_results_are_made_again(whole, tmp_path):
    for number, file in enumerate(SAMPLE):
        assert_heals(whole, tmp_path / str(number), [file])


def test_damaged_rooms_are_not_believed(whole, tmp_path):
    """All steps look into their rooms again, where one file of each kind is damaged."""
    files = everything(whole[1])
    damage = [file for file in files if file.startswith(".work") and file.endswith(KEPT_SAMPLE)]
    assert {file.partition("/")[2].partition("/")[2] for file in damage} == set(KEPT_SAMPLE)
    assert_heals(whole, tmp_path / "copy", damage, ("learn", "formed", "judged"))


@pytest.mark.slow
def test_any_damaged_file_costs_time_only(whole, tmp_path):
    for number, file in enumerate(everything(whole[1])):
        forgotten = ("learn", "formed", "judged") if file.startswith(".work") else ()
        assert_heals(whole, tmp_path / str(number), [file], forgotten)


@pytest.mark.slow
def test_emptied_files_cost_time_only(whole, tmp_path):
    path, out = whole
    for number, file in enumerate(everything(out)):
        damaged = copy(out, tmp_path / str(number))
        (damaged / file).write_bytes(b"")
        run_pipeline(path, damaged)
        assert found_in(damaged) == found_in(out)
