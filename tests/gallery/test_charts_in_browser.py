"""Charts, tables, sliders and tabs in a real browser: pages of each analysis, with keyboard and pointer."""

import pytest
from ablation_cases import ablation
from damaged_net import damaged
from evolution_cases import evolution, layer
from hand_context import check_reading, written
from invariance_cases import invariances
from test_training_pages import evaluated, training
from transfer_cases import network, transfer

from interpret_diagnosis import Diagnosis
from interpret_diagnosis.pages import DiagnosisPage
from interpret_gallery.data import script_text
from interpret_invariance.pages import InvariancePage
from interpret_training.pages import AblationPage, EvaluationPage, EvolutionPage, TrainingPage
from interpret_transfer.pages import TransferPage

MADE = {
    "training": lambda: (TrainingPage(), training(12)),
    "evaluation": lambda: (
        EvaluationPage(),
        evaluated([0, 0, 1, 2], [0, 1, 1, 0], 3, ["cat", "dog", "bird"]),
    ),
    "evolution": lambda: (EvolutionPage(), evolution(conv1=layer(dead=[(1, 0)]), fc=layer((0, 4), seed=1))),
    "ablation": lambda: (AblationPage(), ablation()),
    "transfer": lambda: (TransferPage(), transfer(network("a"), network("b", seed=1))),
    "invariance": lambda: (InvariancePage(), invariances()),
    "diagnosis": lambda: (DiagnosisPage(), Diagnosis(tuple(map(damaged, ("one", "other"))))),
}


@pytest.fixture(scope="module", params=list(MADE))
def site(request, tmp_path_factory):
    return written(tmp_path_factory.mktemp(request.param), *MADE[request.param]())


def test_pages_fit_a_phone_and_axe_finds_nothing_serious_in_either_theme(visit, site):
    folder, places = site
    check_reading(visit, folder, places)


@pytest.fixture(scope="module")
def layer_page(tmp_path_factory):
    return written(tmp_path_factory.mktemp("slider"), *MADE["evolution"]())


def shown(page):
    return page.locator(".frame:visible").get_attribute("data-name")


def test_the_slider_moves_by_keys(visit, layer_page):
    folder, places = layer_page
    page = visit(folder, places[1])
    slider = page.locator("[data-slider] input")
    assert shown(page) == "epoch 5"
    slider.press("ArrowLeft")
    assert (shown(page), page.locator("[data-slider] output").inner_text()) == ("epoch 1", "epoch 1")
    slider.press("Home")
    assert shown(page) == "epoch 0"
    assert page.locator(".frame:visible .piece").count() == 2  # the other unit is dead
    drawn = page.locator(".frame:visible .piece").first.bounding_box()
    assert drawn["width"] > 60


def test_an_address_with_a_unit_leads_to_its_row(visit, layer_page):
    folder, places = layer_page
    page = visit(folder, f"{places[1]}#1", size=(1000, 300))
    assert page.evaluate("document.querySelector('tr[id=\"1\"]').getBoundingClientRect().top") < 300


def test_a_chart_tells_its_values_by_keys_and_at_the_pointer(visit, layer_page):
    folder, places = layer_page
    page = visit(folder, places[0])
    chart = page.locator("[data-chart] > svg").first
    chart.focus()
    chart.press("ArrowRight")
    tip = page.locator(".tip:visible")
    assert tip.inner_text().startswith("0\nconv1: ")
    chart.press("ArrowRight")
    assert tip.inner_text().startswith("1\nconv1: ")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 70 / 560 * box["width"], box["y"] + box["height"] / 2)
    assert tip.inner_text().startswith("0\n")


def test_tabs_and_sorted_tables(visit, tmp_path):
    folder, places = written(tmp_path, *MADE["transfer"]())
    page = visit(folder, places[0])
    page.get_by_role("button", name="b, softmax").click()
    panel = page.locator(".panel:visible")
    panel.get_by_role("button", name="layer3").click()
    column = panel.locator("tbody tr td:nth-child(4)").all_inner_texts()
    values = [float(text) for text in column]
    assert values == sorted(values, reverse=True)
    assert panel.locator("thead th").nth(3).get_attribute("aria-sort") == "descending"


def test_a_result_in_print_shows_every_frame(visit, layer_page):
    folder, places = layer_page
    page = visit(folder, places[1])
    page.emulate_media(media="print")
    assert page.locator(".frame:visible").count() == 3
    assert page.locator(".frame:visible h3").all_inner_texts() == ["epoch 0", "epoch 1", "epoch 5"]


def test_findings_lead_to_the_units_they_name(visit, tmp_path):
    diagnosis = damaged("net")
    folder, (place,) = written(tmp_path, DiagnosisPage(), Diagnosis((diagnosis,)))
    known = {
        "step": "features",
        "title": "relu2",
        "url": "steps/f/relu2.html",
        "layer": "relu2",
        "image": None,
    }
    other = {**known, "model": "another", "units": [0, 2]}
    shown = script_text("pages", [{**known, "model": "net", "units": [2, 4, 5]}, other])
    (folder / "assets" / "pages.js").write_text(shown)
    page = visit(folder, place)
    (finding,) = [one for one in diagnosis.findings if one.name == "dead units"]
    assert finding.units == (0, 2, 4, 6)
    links = page.locator(".findings li", has_text="dead units").get_by_role("link")
    urls = links.evaluate_all(
        "nodes => nodes.map(node => node.getAttribute('href').replace(/^(..\\/)+/, ''))"
    )
    assert urls == ["steps/f/relu2.html", "steps/f/relu2.html#2", "steps/f/relu2.html#4"]
    assert page.locator(".findings a").count() == 3 * sum(one.layer == "relu2" for one in diagnosis.findings)
