"""Makes the helpers of this folder importable, in the tests and in the processes they start."""

import sys
from pathlib import Path

import pytest

from interpret.run.cache import working_in

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def own_room(tmp_path):
    """Features are kept in a folder of the test alone."""
    with working_in(tmp_path / "rooms"):
        yield tmp_path / "rooms"
