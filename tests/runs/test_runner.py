"""Steps are computed once, kept while nothing changes, and fail without taking others with them."""

import json
import threading
from pathlib import Path

import pytest
import torch

from interpret.errors import DatasetError, InterpretError, StepError, UnknownNameError
from interpret.plugin import hookimpl
from interpret.run import Run, run_pipeline


def statuses(run: Run) -> dict[str, str]:
    return {name: step.status for name, step in run.steps.items()}


def computed(tiny) -> set[str]:
    """What was computed or drawn since the last look, without hooks."""
    kinds = {entry[0] for entry in tiny.seen} - {"before", "after", "error"}
    tiny.seen.clear()
    return kinds


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/result.*")}


def test_results_are_those_of_the_probe(known, tiny, write, tmp_path):
    run = run_pipeline(write(), tmp_path / "out", registry=known)
    assert set(statuses(run).values()) == {"done"}
    peaks, images, network = run["peaks"], tiny.Noise(count=1000).open(), tiny.Tiny().load("cpu")
    assert peaks.ids == tuple(images.ids)
    x = torch.stack([images[index].image for index in range(256)])
    offset = peaks.values[:256] - network(x).amax((2, 3))
    assert offset.std() < 1e-5
    assert torch.equal(run["jitter"].best, peaks.values.amax(0))
    assert run["lonely"].best.tolist() == [5.0, 3.0]
    page = tmp_path / "out" / "peaks" / "pages" / "peaks.txt"
    assert run.steps["peaks"].files == (page,)
    assert page.read_text().startswith("peaks of 1000\n")
    with pytest.raises(UnknownNameError, match="Did you mean 'peaks'"):
        run["peak"]


def test_nothing_is_left_but_results(known, write, tmp_path):
    out = tmp_path / "out"
    run_pipeline(write(), out, registry=known)
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    own = {
        f"{step}/{name}" for step in ("peaks", "jitter", "lonely") for name in ("result.json", "step.json")
    }
    tensors = {f"{step}/result.safetensors" for step in ("peaks", "jitter", "lonely")}
    figures = {"peaks/figures.json", "peaks/pages/peaks.txt"}
    assert found == own | tensors | figures | {".lock", "manifest.json"}


def test_unchanged_steps_are_kept(known, tiny, write, tmp_path):
    path, out = write(), tmp_path / "out"
    run_pipeline(path, out, registry=known)
    assert computed(tiny) == {"shard", "jitter", "lonely", "page"}
    before = stored(out)
    again = run_pipeline(path, out, registry=known)
    assert set(statuses(again).values()) == {"kept"}
    assert tiny.seen == []
    assert stored(out) == before
    assert again.steps["peaks"].files == (out / "peaks/pages/peaks.txt",)


@pytest.mark.parametrize(
    "trial",
    [
        (("probe: peaks,", "probe: peaks, scale: 2.0,"), {"shard", "jitter", "page"}),
        (("name: tiny", "name: tiny, width: 5"), {"shard", "jitter", "page", "lonely"}),
        (("count: 1000", "count: 999"), {"shard", "jitter", "page", "lonely"}),
        (("version: 1", "version: 1\nseed: 1"), {"shard", "jitter", "page", "lonely"}),
        (("[5, 3]", "[3, 5]"), {"lonely"}),
        (("name: page", "name: page, title: other"), {"page"}),
        ((", render: [{name: page}]", ""), set()),
    ],
)
def test_a_change_runs_again_what_depends_on_it(known, tiny, write, tmp_path, trial):
    change, again = trial
    out = tmp_path / "out"
    run_pipeline(write(), out, registry=known)
    tiny.seen.clear()
    run_pipeline(write(change), out, registry=known)
    assert computed(tiny) == again


def test_figures_that_are_no_longer_wanted_go(known, write, tmp_path):
    out = tmp_path / "out"
    run_pipeline(write(), out, registry=known)
    run = run_pipeline(write(("name: page", "name: page, title: other")), out, registry=known)
    assert run.steps["peaks"].status == "drawn"
    assert [path.name for path in (out / "peaks/pages").iterdir()] == ["other.txt"]


def test_a_renderer_that_comes_twice_gets_a_folder(known, write, tmp_path):
    twice = write(("[{name: page}]", "[{name: page}, {name: page}]"))
    run = run_pipeline(twice, tmp_path / "out", registry=known)
    inside = [path.relative_to(tmp_path / "out/peaks").as_posix() for path in run.steps["peaks"].files]
    assert inside == ["pages/peaks.txt", "page-2/pages/peaks.txt"]


@pytest.mark.parametrize("name", ["result.json", "result.safetensors", "step.json"])
@pytest.mark.parametrize("harm", ["cut", "remove"])
def test_half_a_result_is_never_taken_for_a_whole_one(known, write, tmp_path, name, harm):
    path, out = write(), tmp_path / "out"
    run_pipeline(path, out, registry=known)
    before = stored(out)
    victim = out / "peaks" / name
    if harm == "cut":
        victim.write_bytes(victim.read_bytes()[:-20])
    else:
        victim.unlink()
    run = run_pipeline(path, out, registry=known)
    assert run.steps["peaks"].status == "done"
    assert stored(out) == before


def test_a_shard_that_was_harmed_is_computed_again(known, tiny, write, tmp_path):
    path, out = write(), tmp_path / "out"
    for part in (1, 2):
        run_pipeline(path, out, registry=known, shard=(part, 2))
    victim = sorted(out.glob("peaks/shards/*/*/result.safetensors"))[1]
    victim.write_bytes(victim.read_bytes()[:-1])
    tiny.seen.clear()
    run_pipeline(path, out, registry=known)
    assert [entry[1] for entry in tiny.seen if entry[0] == "shard"] == ["256"]


def test_force_runs_everything_again(known, tiny, write, tmp_path):
    path, out = write(), tmp_path / "out"
    run_pipeline(path, out, registry=known)
    before = stored(out)
    tiny.seen.clear()
    run = run_pipeline(path, out, registry=known, force=True)
    assert set(statuses(run).values()) == {"done"}
    assert computed(tiny) == {"shard", "jitter", "lonely", "page"}
    assert stored(out) == before


def test_a_failing_step_blocks_only_what_needs_it(known, tiny, write, tmp_path):
    more = ("lonely: {", "after: {probe: cyclic, inputs: {jitter: jitter}}\n  lonely: {")
    path, out = write(("probe: jitter,", "probe: jitter, fail: true,"), more), tmp_path / "out"
    with pytest.raises(StepError) as error:
        run_pipeline(path, out, registry=known)
    assert str(error.value) == "Step 'jitter' (jitter, tests[tiny]) failed: ZeroDivisionError: on purpose"
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    steps = json.loads((out / "manifest.json").read_text())["steps"]
    found = {name: step["status"] for name, step in steps.items()}
    assert found == {"peaks": "done", "jitter": "failed", "after": "blocked", "lonely": "done"}
    assert ("error", "jitter", "ZeroDivisionError") in tiny.seen
    assert not (out / "jitter" / "result.json").exists()


def test_a_failing_renderer_leaves_the_result_and_no_half_figure(known, tiny, write, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StepError, match=r"renderer page \(tests\[tiny\]\) failed.*The result is kept"):
        run_pipeline(write(("name: page", "name: page, fail: true")), out, registry=known)
    assert not list(out.rglob("*.txt"))
    assert not list(out.glob(".*.drawing"))
    assert (out / "jitter" / "result.json").exists()
    tiny.seen.clear()
    run = run_pipeline(write(), out, registry=known)
    assert statuses(run) == {"peaks": "drawn", "jitter": "kept", "lonely": "kept"}
    assert computed(tiny) == {"page"}


def test_hooks_are_told(known, tiny, write, tmp_path):
    run_pipeline(write(), tmp_path / "out", registry=known)
    told = [entry for entry in tiny.seen if entry[0] in {"before", "after"}]
    pairs = [("peaks", "Peaks"), ("jitter", "Jitter"), ("lonely", "Jitter")]
    by_step = {step: [entry for entry in told if entry[1] == step] for step, _ in pairs}
    assert by_step == {step: [("before", step, step), ("after", step, kind)] for step, kind in pairs}


def test_a_hook_that_fails_stops_nothing(known, write, tmp_path, caplog):
    class Broken:
        @hookimpl
        def before_step(self, step, folder):
            raise ConnectionError("the tracker is away")

    known.manager.register(Broken())
    run = run_pipeline(write(), tmp_path / "out", registry=known)
    assert set(statuses(run).values()) == {"done"}
    assert "before_step failed for step peaks" in caplog.text


def test_ctrl_c_leaves_a_run_that_continues(known, tiny, write, tmp_path, monkeypatch):
    path, out = write(), tmp_path / "out"
    whole = tiny.PeaksProbe.run_shard

    def interrupted(self, network, images):
        if images.indices[0] == 512:
            raise KeyboardInterrupt
        return whole(self, network, images)

    monkeypatch.setattr(tiny.PeaksProbe, "run_shard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(path, out, registry=known)
    steps = json.loads((out / "manifest.json").read_text())["steps"]
    assert steps["peaks"]["status"] == "interrupted"
    monkeypatch.setattr(tiny.PeaksProbe, "run_shard", whole)
    tiny.seen.clear()
    run_pipeline(path, out, registry=known)
    assert [entry[1] for entry in tiny.seen if entry[0] == "shard"] == ["512", "768"]
    run_pipeline(path, tmp_path / "straight", registry=known)
    assert stored(out) == stored(tmp_path / "straight")


def test_shards_then_merge(known, tiny, write, tmp_path):
    path, out = write(), tmp_path / "out"
    first = run_pipeline(path, out, registry=known, shard=(1, 2))
    assert statuses(first) == {"peaks": "sharded", "jitter": "waiting", "lonely": "waiting"}
    assert [entry[1] for entry in tiny.seen if entry[0] == "shard"] == ["0", "512"]
    with pytest.raises(StepError, match=r"2 of 4 shards are missing, the first from image 256"):
        run_pipeline(path, out, registry=known, merge=True)
    run_pipeline(path, out, registry=known, shard=(2, 2))
    tiny.seen.clear()
    merged = run_pipeline(path, out, registry=known, merge=True)
    assert statuses(merged) == {"peaks": "done", "jitter": "done", "lonely": "kept"}
    assert "shard" not in computed(tiny)
    run_pipeline(path, tmp_path / "straight", registry=known)
    assert stored(out) == stored(tmp_path / "straight")
    assert statuses(run_pipeline(path, out, registry=known, shard=(1, 2)))["peaks"] == "kept"


@pytest.mark.parametrize(("shard", "merge"), [((0, 3), False), ((4, 3), False), ((1, 3), True)])
def test_a_shard_that_does_not_exist_is_refused(known, write, tmp_path, shard, merge):
    with pytest.raises(InterpretError, match=f"Shard {shard[0]}/3 cannot be computed"):
        run_pipeline(write(), tmp_path / "out", registry=known, shard=shard, merge=merge)


def test_progress_counts_images_that_are_missing(known, tiny, write, tmp_path):
    told = []

    class Counter:
        def started(self, step, images):
            told.append(("started", step, images))

        def advanced(self, step, images):
            told.append(("advanced", step, images))

        def finished(self, step, status):
            told.append(("finished", step, status))

    path, out = write(), tmp_path / "out"
    run_pipeline(path, out, registry=known, shard=(1, 4))
    run_pipeline(path, out, registry=known, progress=Counter())
    peaks = [entry for entry in told if entry[1] == "peaks"]
    assert peaks[0] == ("started", "peaks", 744)
    assert [entry[2] for entry in peaks if entry[0] == "advanced"] == [256, 256, 232]
    assert peaks[-1] == ("finished", "peaks", "done")
    assert ("started", "lonely", 0) in told


def test_the_caller_keeps_his_random_numbers(known, write, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_pipeline(write(), tmp_path / "out", registry=known)
    assert torch.equal(torch.rand(3), expected)


def test_a_mistake_in_a_dataset_shows_before_anything_runs(known, tiny, write, tmp_path):
    with pytest.raises(DatasetError, match="no images") as error:
        run_pipeline(write(("count: 1000", "count: 0")), tmp_path / "out", registry=known)
    assert "'val'" in error.value.__notes__[0]
    assert tiny.seen == []


def test_an_image_that_is_not_there_shows_before_anything_runs(known, tiny, write, tmp_path):
    with pytest.raises(DatasetError, match="There is no image 1000") as error:
        run_pipeline(write(("[5, 3]", "[5, 1000]")), tmp_path / "out", registry=known)
    assert "'lonely'" in error.value.__notes__[0]
    assert tiny.seen == []


def test_force_never_throws_away_the_shards_of_others(known, tiny, write, tmp_path):
    path, out = write(), tmp_path / "out"
    for part in (1, 2):
        run_pipeline(path, out, registry=known, shard=(part, 2))
    tiny.seen.clear()
    run_pipeline(path, out, registry=known, shard=(1, 2), force=True)
    assert [entry[1] for entry in tiny.seen if entry[0] == "shard"] == ["0", "512"]
    merged = run_pipeline(path, out, registry=known, merge=True, force=True)
    assert set(statuses(merged).values()) == {"done"}


def test_the_manifest_says_where_everything_comes_from(known, tiny, write, tmp_path):
    out = tmp_path / "out"
    run_pipeline(write(("version: 1", "version: 1\nseed: 3")), out, registry=known)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["pipeline"]["seed"] == 3
    assert manifest["models"]["net"]["weights"] == tiny.Tiny().load("cpu", seed=3).fingerprint()
    assert manifest["datasets"]["val"]["fingerprint"] == tiny.Noise(count=1000).open().fingerprint()
    assert manifest["plugins"]["peaks"] == {"origin": "tests[tiny]", "version": "1"}
    assert manifest["versions"]["torch"]
    assert {step["status"] for step in manifest["steps"].values()} == {"done"}


def test_two_runs_at_once_in_one_process_share_no_random_number(tiny, known, write, tmp_path):
    """Networks without weights are made of random numbers, and torch has one generator for all threads."""
    path = write(("probe: peaks,", "probe: peaks, pause: 0.01,"))
    run_pipeline(path, tmp_path / "alone", registry=known)
    threads = [
        threading.Thread(target=run_pipeline, args=(path, tmp_path / name), kwargs={"registry": known})
        for name in "abcdef"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "abcdef":
        for stored in (tmp_path / "alone").glob("*/result.*"):
            assert (
                stored.read_bytes() == (tmp_path / name / stored.relative_to(tmp_path / "alone")).read_bytes()
            )
