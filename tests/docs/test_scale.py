"""What is projected to large datasets is arithmetic on what was measured."""

import scale
from costs import Costs, Network
from merging import Merge, merge

MERGE = Merge(100, 4000, 25_600, 1.0, 0.5, 3_000_000, 0.01, 100.0)
MEMORY = {"folder": 200.0, "hashes of files": 250.0, "webdataset": 50.0}
COSTS = Costs(
    photograph=0.004, thumbnail=0.002, networks={"alexnet": Network(0.01, 0.02)}, merge=MERGE, hashed=1e9,
    looked_at=6e-6, remembered=1e-6, listed=1e-5, indexed=5e-5, reopened=4e-6, memory=MEMORY,
)  # fmt: skip
IMAGENET, _, LAION = scale.DATA


def test_what_saturates_first_is_what_lets_the_fewest_images_pass():
    found = scale.rates(COSTS, IMAGENET, "VGG-16", 8)
    assert found["network"] == 8 * 2905 / 2
    assert found["decode"] == 8 * 8 / 0.004
    assert found["requests"] == 8 * 16 / 0.03
    assert scale.slowest(found, scale.LOCAL) == ("network", found["network"])
    assert scale.slowest(found, scale.REMOTE) == ("requests", found["requests"])
    assert scale.rates(COSTS, LAION, "VGG-16", 8)["decode"] == 2 * found["decode"], (
        "small ones are decoded faster"
    )
    assert scale.rates(COSTS, IMAGENET, "VGG-16", 64)["disk"] == 8 * found["disk"], "eight machines"


def test_a_merge_has_ten_thousand_shards_at_most():
    assert round(scale.once(COSTS, IMAGENET)["merge"]) == 50
    assert 90 < scale.once(COSTS, LAION)["merge"] <= 100


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    lines = list(scale.tables(COSTS))
    tables = "\n".join(lines).split("\n\n")[1:]
    assert len(tables) == 6
    for table in tables:
        assert len({line.count("|") for line in table.strip().splitlines()}) == 1, table


def test_times_and_sizes_have_the_unit_that_reads_best():
    times = {1.4: "1 s", 100: "100 s", 150: "2.5 min", 7000: "117 min", 8000: "2.2 h", 10**6: "12 days"}
    assert {seconds: scale._time(seconds) for seconds in times} == times
    assert [scale._bytes(size) for size in (5e7, 1.2e9, 2e10)] == ["50 MB", "1.2 GB", "20 GB"]


def test_every_shard_of_the_simulation_is_merged():
    took = merge(shards=40, units=7)
    assert (took.shards, took.images) == (40, 40 * 256)
    assert took.stored > 1000
    assert 0 < took.read <= took.seconds
