"""Every mistake of a pipeline file is found, with its place and a way out."""

from pathlib import Path

import pytest
import yaml

from interpret.errors import PipelineError
from interpret.pipeline import pipeline_schema, read_pipeline


def problems(path: Path, registry) -> list[str]:
    with pytest.raises(PipelineError) as error:
        read_pipeline(path, registry)
    assert all(problem.file == str(path) for problem in error.value.problems)
    return [str(problem).removeprefix(f"{path}:").removeprefix(" ") for problem in error.value.problems]


def test_a_right_pipeline_is_read(known, write, tiny):
    pipeline = read_pipeline(write(), known)
    assert set(pipeline.steps) == {"peaks", "jitter", "lonely"}
    assert pipeline.steps["jitter"].inputs == {"peaks": "peaks"}
    assert pipeline.steps["lonely"].images == (5, 3)
    assert pipeline.steps["peaks"].renderers == (tiny.Page(),)
    assert (pipeline.steps["peaks"].model, pipeline.steps["peaks"].dataset) == ("net", "val")
    assert pipeline.models["net"].device == "auto"


def test_steps_keep_their_order_but_come_after_their_inputs(known, write):
    text = "jitter: {probe: jitter, inputs: {peaks: peaks}}\n"
    first = "  one: {probe: lonely}\n  two: {probe: cyclic, inputs: {jitter: jitter}}\n"
    moved = write((f"  {text}", ""), ("steps:\n", f"steps:\n{first}  {text}"))
    assert list(read_pipeline(moved, known).steps) == ["one", "peaks", "jitter", "two", "lonely"]


def test_the_resolved_pipeline_reads_as_the_same(known, write, tmp_path):
    pipeline = read_pipeline(write(), known)
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(yaml.safe_dump(pipeline.resolved()))
    again = read_pipeline(resolved, known)
    assert again.resolved() == pipeline.resolved()
    assert pipeline.resolved()["steps"]["peaks"]["scale"] == 1.0


JITTER = "  jitter: {probe: jitter, inputs: {peaks: peaks}}"
LONELY = "  lonely: {probe: lonely, images: [5, 3]}"

MISTAKES = [
    ("version: 1", "version: ▸2", "version must be 1. Got 2."),
    ("version: 1\n", "▸", "'version' is missing. Write: version: 1"),
    ("version: 1", "version: 1\nseed: ▸x", "seed must be a whole number from 0. Got 'x'."),
    ("version: 1", "version: 1\n▸stps: {}", "There is no section 'stps'. Did you mean 'steps'?"),
    ("version: 1", "version: 1\n▸version: 1", "'version' is written twice, first on line 1."),
    ("version: 1", "version: ▸!!python/name:os.system", "The tag"),
    ("{name: tiny}", "{name: ▸tinny}", "There is no model 'tinny'. Did you mean 'tiny'?"),
    ("{name: tiny}", "{name: tiny, ▸widht: 3}", "tiny has no parameter 'widht'. Did you mean 'width' or"),
    ("{name: tiny}", "{name: tiny, width: ▸0}", "tiny: 'width' must be greater than or equal to 1. Got 0."),
    ("{name: tiny}", "{name: tiny, device: ▸gpu}", "device must be one of auto, cpu, cuda, mps. Got 'gpu'."),
    ("{name: tiny}", "▸[tiny]", "models.net must be a mapping (key: value). Got ['tiny']."),
    ("{name: tiny}", "▸tina", "There is no model 'tina'. Did you mean 'tiny'?"),
    ("net: {name: tiny}", "▸net: {width: 3}", "'name' must say which model."),
    ("models: {net: {name: tiny}}", "▸models: {}", "'models' is missing or empty"),
    ("count: 1000", "count: ▸many", "noise: 'count' must be a valid integer"),
    (LONELY, LONELY.replace("lonely:", "▸lone.ly:"), "'lone.ly' is no name: use letters, digits, - and _"),
    (LONELY, LONELY.replace("probe: l", "probe: ▸ll"), "There is no probe 'llonely'. Did you mean 'lonely'?"),
    (LONELY, LONELY.replace("[5, 3]", "▸[5, 5]"), "images must be a list of different places"),
    (LONELY, LONELY.replace("[5, 3]", "▸all"), "images must be a list of different places"),
    (LONELY, LONELY.replace("[5, 3]", "▸&a [*a]"), "This refers to itself."),
    (LONELY, LONELY.replace("]}", "], model: ▸nett}"), "There is no model 'nett'. Did you mean 'net'?"),
    (
        LONELY,
        LONELY.replace("]}", "], render: [{name: ▸page}]}"),
        "page draws Peaks, but lonely gives Jitter.",
    ),
    (JITTER, JITTER.replace("inputs", "▸input"), "jitter has no parameter 'input'. Did you mean 'inputs'?"),
    (
        JITTER,
        "  ▸jitter: {probe: jitter}",
        "jitter needs the input 'peaks' (Peaks). Write inputs: {peaks: peaks}.",
    ),
    (JITTER, JITTER.replace("{pea", "{▸pee"), "jitter takes no input 'peeks'. Did you mean 'peaks'?"),
    (JITTER, JITTER.replace(": peaks}", ": ▸peeks}"), "There is no step 'peeks'. Did you mean 'peaks'?"),
    (
        JITTER,
        JITTER.replace(": peaks}", ": ▸lonely}"),
        "peaks must be Peaks, but step 'lonely' gives Jitter.",
    ),
    ("{name: page}", "{name: ▸pag}", "There is no renderer 'pag'. Did you mean 'page'?"),
    ("[{name: page}]", "▸page", "render must be a list of renderers. Got 'page'."),
    ("probe: peaks,", "probe: peaks, ▸probe: peaks,", "'probe' is written twice, first on line 5."),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[2][:40])
def test_a_mistake_is_found_in_its_place(known, write, mistake):
    old, new, message = mistake
    path = write((old, new))
    before, _, after = path.read_text().partition("▸")
    path.write_text(before + after)
    place = f"{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2]) + 1}"
    found = problems(path, known)
    assert any(line.startswith(f"{place}: {message}") for line in found), (place, found)


def test_all_mistakes_are_found_at_once_in_order(known, write):
    changes = [("version: 1", "version: 3"), ("name: tiny", "name: tony"), ("count:", "cuont:")]
    changes += [("batch_size: 8", "batch_size: 0"), ("{peaks: peaks}", "{peaks: peeks}"), ("[5, 3]", "[-1]")]
    found = problems(write(*changes), known)
    assert [int(line.partition(":")[0]) for line in found] == [1, 2, 3, 5, 6, 7]


def test_steps_that_wait_for_each_other(known, write):
    circle = "  a: {probe: cyclic, inputs: {jitter: b}}\n  b: {probe: cyclic, inputs: {jitter: a}}\n"
    (found,) = problems(write(("steps:\n", f"steps:\n{circle}")), known)
    assert "These steps wait for each other: " in found
    assert "a -> b" in found


def test_several_models_need_a_choice(known, write):
    (first, *others) = problems(
        write(("{net: {name: tiny}}", "{net: {name: tiny}, big: {name: tiny}}")), known
    )
    assert first == "5:3: 'model' is missing: there are several (net, big), name one."
    assert len(others) == 2


@pytest.mark.parametrize(
    "trial",
    [
        ("1e-3", 1e-3),
        ("1E3", 1e3),
        (".5", 0.5),
        ("2", 2.0),
        ("-.inf", None),
        ("true", 1.0),
        ("0x10", 16.0),
    ],
    ids=str,
)
def test_numbers_are_those_of_yaml_1_2(known, write, trial):
    written, value = trial
    path = write(("probe: peaks,", f"probe: peaks, scale: {written},"))
    if value is None:
        assert "must be a finite number" in problems(path, known)[0]
    else:
        assert read_pipeline(path, known).steps["peaks"].probe.scale == value


def test_words_stay_words(known, write):
    path = write(("[{name: page}]", "[{name: page, title: no}, {name: page, title: 2024-01-01}]"))
    assert [page.title for page in read_pipeline(path, known).steps["peaks"].renderers] == [
        "no",
        "2024-01-01",
    ]


def test_anchors_and_merges_work(known, write):
    merged = ("lonely: {", "more: {<<: *shared, scale: 2.0}\n  lonely: {")
    path = write(("peaks: {probe", "peaks: &shared {probe"), merged)
    steps = read_pipeline(path, known).steps
    assert (steps["more"].probe.batch_size, steps["more"].probe.scale) == (8, 2.0)


@pytest.mark.parametrize(
    "trial",
    [
        ("", "A pipeline must be a mapping"),
        ("- 1\n", "A pipeline must be a mapping"),
        ("a: [1\nb: 2\n", "2:2: This is not valid YAML"),
        ("a: \x07\n", "This is not valid YAML"),
        ("--- 1\n--- 2\n", "This is not valid YAML"),
        ("[" * 1000, "nested too deeply"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{f'*a{i}, ' * 9}]\n" for i in range(9)),
            "More than 100,000 values",
        ),
    ],
    ids=["empty", "list", "open bracket", "control character", "two documents", "deep", "bomb"],
)
def test_a_file_that_is_no_pipeline_is_refused(known, tmp_path, trial):
    text, expected = trial
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert expected in problems(path, known)[0]


def test_a_file_that_cannot_be_read_is_refused(known, tmp_path):
    assert "There is no such file" in problems(tmp_path / "none.yaml", known)[0]
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    assert "cannot be read" in problems(tmp_path / "bytes.yaml", known)[0]
    assert "cannot be read" in problems(tmp_path, known)[0]


def references(schema) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"]} if "$ref" in schema else set()
        return own.union(*map(references, schema.values()))
    return set().union(*map(references, schema)) if isinstance(schema, list) else set()


def test_the_schema_knows_every_plugin_and_refers_to_nothing_else(known):
    schema = pipeline_schema(known)
    names = {f"#/$defs/{name}" for name in schema["$defs"]}
    assert references(schema) <= names
    step = schema["$defs"]["probe.peaks"]
    assert step["additionalProperties"] is False
    assert step["properties"]["probe"] == {"const": "peaks"}
    assert step["properties"]["render"]["items"]["anyOf"] == [{"$ref": "#/$defs/renderer.page"}]
    assert schema["$defs"]["probe.jitter"]["properties"]["inputs"]["properties"] == {
        "peaks": {"type": "string"}
    }
    assert schema["$defs"]["model.tiny"]["properties"]["width"]["minimum"] == 1
