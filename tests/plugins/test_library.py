"""The doors of the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import interpret
from interpret import PluginError, UnknownNameError
from interpret.testing import small_images
from interpret_datasets import overlaps

sys.path.insert(0, str(Path(__file__).parent))
from elsewhere import load


def test_every_public_name_is_there_and_listed():
    for name in interpret.__all__:
        assert getattr(interpret, name) is not None
        assert name in dir(interpret)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lode_model'"):
        interpret.lode_model  # noqa: B018


def test_what_type_checkers_see_is_what_is_there():
    assert sorted([*" ".join(interpret._HOMES.values()).split(), "__version__"]) == sorted(interpret.__all__)


def test_import_brings_no_torch():
    code = "import interpret, interpret.errors, interpret.cli, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_dataset_by_name():
    images = interpret.load_dataset("scenes", limit=3)
    assert len(images) == 3


def test_an_unknown_plugin_shows_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no dataset 'scene'. Did you mean 'scenes'\?"):
        interpret.load_dataset("scene")


def test_wrong_parameters_are_all_named_with_what_was_found():
    with pytest.raises(PluginError) as caught:
        interpret.load_dataset("scenes", limt=3, split=7)
    message = str(caught.value)
    assert message.startswith("The dataset 'scenes' refuses its parameters:")
    assert "'limt' is no parameter of it. Did you mean 'limit'" in message
    assert "'split' must be" in message
    assert "Got 7" in message


def test_a_missing_parameter_is_explained_with_its_meaning():
    with pytest.raises(PluginError, match=r"'path' is missing \(.+\)\."):
        interpret.load_dataset("folder")


def test_a_result_is_loaded_though_its_plugin_was_not_imported(fork, tmp_path):
    overlaps(small_images(2), small_images(2)).save(tmp_path / "saved")
    process = fork(load, tmp_path, "interpret_datasets")
    process.join(60)
    assert process.exitcode == 0
    assert (tmp_path / "type").read_text() == "Overlap"
