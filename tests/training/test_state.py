"""What a stopped training goes on from: whole or not believed, and never code."""

import json
import pickle
import signal
import tempfile
from pathlib import Path

import pytest
import torch
from small_training import QUICK, Stripes, small_network

from interpret.errors import InterpretError, ModelError
from interpret.files import checksum_of, is_intact, read_sealed, write_checked
from interpret_training import train
from interpret_training.callbacks import KeepState
from interpret_training.checkpoints import read_checkpoints, write_checkpoint
from interpret_training.state import PREVIOUS, STATE, find_state, read_state, write_state

IMAGES = Stripes(32)


def trained(folder: Path):
    return train(small_network(), IMAGES, QUICK, validation=Stripes(8, seed=1), folder=folder)


def stopped(folder: Path, monkeypatch, epochs: int = 2) -> None:
    """A training that Ctrl-C ends after some epochs."""
    keep = KeepState.on_train_epoch_end

    def then_stop(self, trainer, pl_module):
        keep(self, trainer, pl_module)
        if trainer.current_epoch + 1 == epochs:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(KeepState, "on_train_epoch_end", then_stop)
        with pytest.raises(KeyboardInterrupt):
            trained(folder)


def written(folder: Path) -> dict[str, bytes]:
    files = [*folder.glob("result.*"), *folder.glob("checkpoints/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """What a training that nothing stops leaves."""
    folder = tmp_path_factory.mktemp("straight")
    trained(folder)
    return written(folder)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def test_ctrl_c_leaves_a_training_as_it_is_and_stays_audible(tmp_path, monkeypatch, straight):
    handler = signal.getsignal(signal.SIGINT)
    stopped(tmp_path, monkeypatch)
    assert signal.getsignal(signal.SIGINT) is handler
    assert is_intact(tmp_path / STATE)
    assert is_intact(tmp_path / PREVIOUS)
    trained(tmp_path)
    assert written(tmp_path) == straight
    assert not list(tmp_path.glob("state*"))


@pytest.mark.parametrize(
    ("files", "how", "epochs"),
    [
        ([STATE], damage, 2),
        ([STATE], empty, 2),
        ([STATE, PREVIOUS], cut, 3),
        (["checkpoints/epoch-0001.safetensors"], damage, 3),
        (["checkpoints/epoch-0002.safetensors"], Path.unlink, 2),
        (["training.json"], damage, 1),
    ],
)
def test_damage_costs_epochs_and_changes_nothing(  # noqa: PLR0917 - one case and four fixtures
    files, how, epochs, tmp_path, monkeypatch, straight
):
    """The number is that of the epochs that are trained again."""
    stopped(tmp_path, monkeypatch)
    for file in files:
        how(tmp_path / file)
    trained_epochs = []
    keep = KeepState.on_train_epoch_end

    def count(self, trainer, pl_module):
        trained_epochs.append(trainer.current_epoch)
        keep(self, trainer, pl_module)

    monkeypatch.setattr(KeepState, "on_train_epoch_end", count)
    trained(tmp_path)
    assert written(tmp_path) == straight
    assert len(trained_epochs) == epochs


def test_a_state_is_written_beside_its_target(tmp_path, monkeypatch):
    """The system's temporary folder may be on another disk, or full."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    stopped(tmp_path / "here", monkeypatch, epochs=1)
    assert is_intact(tmp_path / "here" / STATE)
    assert not (tmp_path / "nowhere").exists()


def test_a_state_holds_no_path(tmp_path, monkeypatch):
    stopped(tmp_path, monkeypatch, epochs=1)
    assert str(tmp_path).encode() not in (tmp_path / STATE).read_bytes()


class Shout:
    """Code that a pickle would run."""

    def __reduce__(self):
        return print, ("code was run",)


@pytest.mark.parametrize("make", [torch.save, lambda value, part: part.write_bytes(pickle.dumps(value))])
def test_a_state_runs_no_code(tmp_path, make, capsys):
    write_checked(tmp_path / STATE, lambda part: make(Shout(), part))
    assert read_state(tmp_path / STATE) is None
    assert capsys.readouterr().out == ""


def test_a_full_disk_leaves_the_state_before(tmp_path, monkeypatch):
    def fill(state, part):
        part.write(b"half")
        raise OSError(28, "No space left on device")

    write_state({"key": "k", "epoch": 0}, tmp_path / STATE)
    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(OSError, match="No space"):
        write_state({"key": "k", "epoch": 1}, tmp_path / STATE)
    assert read_state(tmp_path / STATE) == {"key": "k", "epoch": 0}
    assert not list(tmp_path.glob(".*"))


def test_a_kill_between_the_state_and_its_checksum_leaves_the_state_before(tmp_path):
    for epoch in (0, 1):
        write_state({"key": "k", "epoch": epoch}, tmp_path / STATE)
    (tmp_path / STATE).write_bytes(b"the next one")
    assert find_state(tmp_path, "k", ()) == tmp_path / PREVIOUS
    checksum_of(tmp_path / PREVIOUS).unlink()
    assert find_state(tmp_path, "k", ()) is None


def test_the_state_of_another_training_is_not_taken(tmp_path):
    write_state({"key": "other", "epoch": 0}, tmp_path / STATE)
    assert find_state(tmp_path, "k", ()) is None


def test_a_checkpoint_that_has_changed_is_refused_until_its_checksum_goes(tmp_path):
    file = write_checkpoint(small_network(), 1, tmp_path).file
    assert [one.epoch for one in read_checkpoints(tmp_path)] == [1]
    damage(file)
    with pytest.raises(ModelError, match=r"has changed since it was written.*or remove epoch-0001\S+sha256"):
        read_checkpoints(tmp_path)
    (tmp_path / "epoch-0001.safetensors.sha256").unlink()
    assert [one.file for one in read_checkpoints(tmp_path)] == [file]


def test_a_note_without_its_checksum_is_not_believed_and_what_it_names_is_not_overwritten(tmp_path):
    """A training that it says is whole is trained anew, to the same; one that is another's is left alone."""
    once, note = QUICK.model_copy(update={"epochs": 1, "checkpoints": ()}), tmp_path / "training.json"
    train(small_network(), IMAGES, once, folder=tmp_path)
    before, key = written(tmp_path), read_sealed(note)["key"]
    for text, reads in (
        (note.read_text(), False),
        (json.dumps({"key": key}), True),
        ("{", True),
        ("[1]", True),
    ):
        note.write_text(text)
        images = Stripes(32)
        train(small_network(), images, once, folder=tmp_path)
        assert (images.reads > 0) == reads
        assert written(tmp_path) == before
        assert read_sealed(note) == {"key": key}
    for other in ("another", [1]):
        note.write_text(json.dumps({"key": other}))
        with pytest.raises(InterpretError, match="holds another training"):
            train(small_network(), IMAGES, once, folder=tmp_path)
        assert written(tmp_path) == before
