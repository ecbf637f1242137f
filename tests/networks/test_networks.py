"""Every classifier of torchvision and a member of each family of timm: what the page says of them is so."""

import pytest
from page import PAGE, read, write
from specimens import ALL, FAMILIES
from trials import attempt

SAMPLE = (
    "torchvision:squeezenet1_1",
    "timm:mobilenetv3_small_050",
    "timm:convnext_atto",
    "timm:vit_tiny_patch16_224",
)
"""One of each kind: ReLUs; gates and other activations; channels last; tokens and attention."""


@pytest.mark.parametrize("name", SAMPLE)
def test_a_network_does_what_its_row_says(name):
    assert attempt(ALL[name]) == read()[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ALL) - set(SAMPLE)))
def test_any_network_does_what_its_row_says(name):
    assert attempt(ALL[name]) == read()[name]


def test_the_yardstick_is_all_of_torchvision_and_sixty_families_of_timm():
    assert sum(name.startswith("torchvision") for name in ALL) == 80
    assert len({specimen.family for specimen in ALL.values() if specimen.source == "timm"}) >= 60


def test_the_page_is_about_these_networks_in_their_order():
    assert list(read()) == [name for name in ALL if name in read()]


@pytest.mark.slow
def test_the_page_has_a_row_for_every_network():
    assert list(read()) == list(ALL)


def test_the_page_is_what_the_command_writes(tmp_path):
    write(read(), FAMILIES, tmp_path / "networks.md")
    assert (tmp_path / "networks.md").read_text() == PAGE.read_text()
