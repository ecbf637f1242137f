"""What benchmarks count, record and complain of; they themselves are run by ``make bench``."""

import counts
import history
import pytest
import report
import torch
from history import Machine, Record
from table import Row, in_turn
from torch import nn

from interpret.images import as_images
from interpret.network import wrap
from interpret_deconv import Deconv
from interpret_topk import mine

HERE = Machine("processor", 2, 2)
OTHER = Machine("another", 8, 8)


def row(ratio, work="work", target=">= 5", **more):
    return Row(work, "peer", 1.0, ratio, ratio, target, **more)


def record(ratio, work="work", to_reach=">= 5", machine=HERE, version="1.0"):
    return Record(version, "2026-01-01", "abc", *machine, work, ratio, to_reach, "", "", 1.0, ratio)


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr(history, "machine", lambda: HERE)


@pytest.mark.parametrize(
    ("target", "before", "now", "expected"),
    [
        (">= 5", 10.0, 8.01, False),
        (">= 5", 10.0, 7.99, True),
        (">= 5", 3.0, 2.9, False),  # that a row does not reach its target is no fall
        ("<= 1", 1.0, 1.24, False),
        ("<= 1", 1.0, 1.26, True),
        ("<= 1", 1.0, 0.1, False),
    ],
)
def test_a_ratio_that_loses_more_than_a_fifth_has_fallen(target, before, now, expected):
    assert history.fallen(row(now, target=target), record(before, to_reach=target)) is expected


def test_a_row_that_is_new_has_not_fallen():
    assert not history.fallen(row(1.0), history.last([record(9.0, "another row")], row(1.0), HERE))


def test_the_last_record_of_such_a_machine_counts_and_else_the_last_of_any():
    known = [record(1.0), record(2.0, version="1.1"), record(9.0, machine=OTHER, version="1.2")]
    assert history.last(known, row(1.0), HERE).ratio == 2.0
    assert history.last(known, row(1.0), Machine("third", 1, 1)).ratio == 9.0


def test_recording_a_release_again_replaces_its_rows_and_keeps_all_others(tmp_path):
    known = [record(1.0, version="0.9"), record(2.0), record(3.0, "another row"), record(4.0, machine=OTHER)]
    found = history.recorded(known, [row(5.0, multiply_adds=(10, 40), rate=100.0)], "1.0", "today", "def")
    history.write(found, tmp_path / "new" / "history.csv")
    assert history.read(tmp_path / "new" / "history.csv") == found
    assert [one.ratio for one in found] == [1.0, 3.0, 4.0, 5.0]
    assert (found[-1].allowed, found[-1].share, found[-1].commit) == ("4.00", "0.10", "def")
    lines = (tmp_path / "new" / "history.csv").read_text().splitlines()
    assert len(lines) == 5, "a line for each row of a release, and their heads"


def test_no_history_is_none(tmp_path):
    assert history.read(tmp_path / "missing.csv") == []


def test_what_is_recorded_in_the_documentation_can_be_read():
    for one in history.read():
        assert one.ratio > 0
        assert one.to_reach.split()[0] in {">=", "<="}
        assert one.gain > 0


def test_the_page_shows_what_was_recorded_last():
    page = report.PAGE.read_text()
    assert report.with_table(page, history.read()) == page, "make bench-record writes it"
    shown = report.markdown([record(3.0, version="0.9"), record(2.0), record(4.0, "another row")])
    assert "| another row | 4.00 | >= 5 |" in shown
    assert "3.00" not in shown, "of an earlier release"
    assert shown in report.with_table(page, [record(2.0), record(4.0, "another row")])


@pytest.mark.parametrize(
    ("ratios", "best", "times"),
    [([9.0], 9.0, 1), ([1.0, 9.0], 9.0, 2), ([1.0, 3.0, 2.0], 3.0, 3), ([1.0, 2.0, 3.0, 9.0], 3.0, 3)],
)
def test_a_row_that_has_fallen_is_measured_again_twice_at_most_and_the_best_counts(ratios, best, times):
    turns = iter(ratios)
    (found,) = history.settled(lambda: [row(next(turns))], lambda row: row.ratio < 5)
    assert (found[0].ratio, found[1]) == (best, times)


def test_each_row_of_a_case_keeps_its_own_best():
    turns = iter([(1.0, 0.5), (9.0, 2.0)])

    def measure():
        one, other = next(turns)
        return [row(one), row(other, "other", "<= 1")]

    found = dict(history.settled(measure, lambda row: row.ratio < 5 and row.work == "work"))
    assert {row.work: row.ratio for row in found} == {"work": 9.0, "other": 0.5}


def test_what_has_fallen_is_named_with_both_numbers_and_noise_fails_nothing():
    known = [record(10.0), record(10.0, "steady"), record(10.0, "page")]
    rows = [row(5.0), row(9.0, "steady"), row(5.0, "page", noisy=True), row(1.0, "new")]
    (fallen, failure), (noise, told) = report.failures(rows, known).items()
    assert failure
    assert not told
    assert all(word in fallen for word in ("work: 5.00", "10.00", "1.0", "abc"))
    assert "page" in noise
    assert "another machine (another" in history.complaint(row(5.0), record(10.0, machine=OTHER), HERE)


def test_a_line_has_the_ratio_what_operations_allow_and_the_share_of_the_matrix_rate():
    line = report.line(row(4.0, multiply_adds=(10, 60), rate=20.0), record(4.5))
    assert "4.00, to reach >= 5, last 4.50; operations allow 6.00, 50% of the rate" in line
    assert "last -; multiply-adds are not counted" in report.line(row(4.0), None)


def test_operations_allow_a_small_ratio_where_it_is_to_be_small():
    assert row(1.0, target="<= 1", multiply_adds=(30, 60)).allowed == 0.5
    assert row(1.0, target=">= 1", multiply_adds=(30, 60)).allowed == 2.0


def test_what_takes_long_is_repeated_less(monkeypatch):
    times = iter(range(1000))
    monkeypatch.setattr("table.time.perf_counter", lambda: 20.0 * next(times))
    calls = []
    in_turn([lambda: calls.append(1), lambda: None], 9)
    assert len(calls) == 3, "a turn that warms up, and two"


def small():
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
    return wrap(nn.Sequential(*layers, nn.Flatten(), nn.Linear(5 * 64, 2)), input_size=8)


def test_multiply_adds_of_a_forward_pass_are_those_of_its_layers():
    first, second, last = 4 * 64 * 3 * 9, 5 * 64 * 4 * 9, 5 * 64 * 2
    assert counts.forward(small()) == first + second + last
    assert counts.forward(small(), ["2"]) == first + second
    assert counts.forward(small(), ["0"]) == first


def test_multiply_adds_of_projections_are_those_of_windows_and_of_one_filter():
    network = small()
    images = as_images(list(torch.randn(3, 3, 8, 8)))
    found = Deconv(layers=["2"]).run(network, images, mine(network, images, ["2"], k=2))["2"]
    ours, peer = counts.projections(network, "2", found, 32)
    neurons = len(found.unit)
    assert ours == neurons * (4 * 9 + 4 * 3 * 9 * 9), "one filter, and a window of 3 x 3 of the first layer"
    assert peer == neurons * (counts.forward(network) + counts.forward(network, ["2"]))


def test_a_matrix_product_has_a_rate():
    assert 1e7 < counts.matrix_rate() < 1e15
