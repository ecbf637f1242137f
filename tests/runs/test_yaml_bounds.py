"""A pipeline file may be a stranger's: reading it ends within seconds, whatever it holds."""

import os
from pathlib import Path

import pytest
import yaml

from interpret.errors import PipelineError
from interpret.pipeline import read_pipeline, read_yaml, yamltext
from interpret.pipeline.yamltext import MAX_YAML_BYTES
from interpret.run import run_pipeline

EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.yaml"))


def problems(path, registry=None):
    with pytest.raises(PipelineError) as error:
        read_pipeline(path, registry) if registry else read_yaml(path)
    return [str(problem) for problem in error.value.problems]


def write(folder: Path, text: str) -> Path:
    (folder / "my.yaml").write_text(text)
    return folder / "my.yaml"


@pytest.mark.parametrize(
    "text",
    ["x: [" + "1," * 2**20 + "1]", "# no\n" * (50 * 2**20 // 5), "x: " + "y" * MAX_YAML_BYTES],
    ids=["long list", "comments", "long word"],
)
def test_a_file_of_megabytes_is_not_even_read(tmp_path, text):
    assert "larger than 1,048,576 bytes" in problems(write(tmp_path, text))[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: [" + "1," * 10_000 + "1]", "More than 10,000 values"),
        ("x: {" + "? ," * 10_000 + "}", "More than 10,000 values"),
        ("x: " + "[" * 101 + "]" * 101, "nested too deeply"),
        ("- " * 120 + "x", "nested too deeply"),
        (
            "a0: &a0 [1]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(300)),
            "nested too deeply",
        ),
        ("x: " + "1" * 500, "is too long for a number"),
        ("x: 9223372036854775808", "must be a number of at most 63 bits. Got '9223372036854775808'"),
        ("x: -1e999", "must be a finite number. Got '-1e999'"),
        ("x: .nan", "must be a finite number"),
        ("x: " + "y" * 10_001, "must be text of at most 10,000 characters"),
        ('"a\\0": 1', "A key must be text without null characters"),
        ('x: "\\ud800"', "invalid Unicode character escape code"),
        ('x: "\\UFFFFFFFF"', "invalid Unicode character escape code"),
        ("x: !!bool 3", "'3' is no bool"),
        ("x: !!int ''", "'' is no int"),
        ("x: !!int [1]", "The tag 'tag:yaml.org,2002:int' is not allowed"),
        ("x: !!str {=: 1}", "The tag 'tag:yaml.org,2002:str' is not allowed"),
        ("x: \0", "the character '\\x00' is not allowed"),
    ],
    ids=lambda part: part[:20],
)
def test_what_no_pipeline_needs_is_refused(tmp_path, monkeypatch, text, message):
    monkeypatch.setattr(yamltext, "MAX_NODES", 10_000)
    path = write(tmp_path, text)
    try:
        found = [str(problem) for problem in read_yaml(path).problems]
    except PipelineError as error:
        found = [str(problem) for problem in error.problems]
    assert message in found[0]
    assert found[0].startswith(f"{path}:")


def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "It is a named pipe, not a file" in problems(tmp_path / "pipe")[0]
    assert "It is a device, not a file" in problems(Path("/dev/zero"))[0]
    assert "It is a folder, not a file" in problems(tmp_path)[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_byte_order_mark_is_passed_over(tmp_path, encoding):
    (tmp_path / "my.yaml").write_text("a: 1\n", encoding=encoding)
    assert read_yaml(tmp_path / "my.yaml").value == {"a": 1}
    (tmp_path / "my.yaml").write_text("a: 1\n", encoding="utf-16")
    assert "it is not UTF-8 text" in problems(tmp_path / "my.yaml")[0]


def test_merges_cost_what_they_bring(tmp_path):
    """Each merge copied all that had been read: 20,000 keys and 7,000 merges took 23 s."""
    keys = "".join(f"k{i}: 0\n" for i in range(2_000))
    path = write(tmp_path, "base: &b {one: 1}\n" + keys + "<<: *b\n" * 700)
    found = read_yaml(path)
    assert not found.problems
    assert found.value["one"] == 1
    assert len(found.value) == 2_002


def test_what_is_written_beside_a_merge_wins_and_the_first_merge_over_later_ones(tmp_path):
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: 3}\nd: {<<: *b, <<: *a}\n"
    found = read_yaml(write(tmp_path, text))
    assert found.value["c"] == {"x": 1, "y": 3, "z": 2}
    assert found.value["d"] == {"x": 2, "y": 1, "z": 2}
    assert found.marks["c", "y"] == (3, 19, 3, 22)
    assert found.marks["c", "z"][0] == 2, "what comes from elsewhere is reported there"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_both_parsers_of_pyyaml_put_every_value_in_the_same_place(path):
    text = path.read_text(encoding="utf-8")

    def places(loader):
        return [
            (type(event), event.start_mark.line, event.start_mark.column, getattr(event, "value", None))
            for event in yaml.parse(text, loader)
        ]

    assert places(yaml.CSafeLoader) == places(yaml.SafeLoader)


def test_no_more_than_a_hundred_problems_are_listed(known, tmp_path):
    found = problems(write(tmp_path, "".join(f"k{i}: 0\n" for i in range(5_000))), known)
    assert len(found) == 101
    assert found[-1].endswith("There are more than 100 problems; the others are not listed.")


def test_a_section_has_a_thousand_entries_at_most(known, tmp_path, tiny):
    entries = "".join(f"  s{i}: {{probe: lonely}}\n" for i in range(1_001))
    path = write(tmp_path, tiny.PIPELINE.replace("steps:\n", "steps:\n" + entries))
    assert any("'steps' has 1,004 entries; 1,000 are the most." in line for line in problems(path, known))


def test_a_long_chain_of_steps_is_put_in_order(known, tmp_path, tiny):
    links = [f"  c{i}: {{probe: cyclic, inputs: {{jitter: c{i + 1}}}}}\n" for i in range(900)]
    chain = "".join(links) + "  c900: {probe: jitter, inputs: {peaks: peaks}}\n"
    path = write(tmp_path, tiny.PIPELINE.replace("steps:\n", "steps:\n" + chain))
    order = list(read_pipeline(path, known).steps)
    assert order[:3] == ["peaks", "c900", "c899"]
    assert order.index("c0") == 901


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../../x", "'../../x' is no name"),
        (".", "'.' is no name"),
        ('"a\\nb"', "is no name"),
        ("x" * 101, "is no name: use letters, digits, - and _, at most 100"),
        ("CON", "'CON' names a device on some systems"),
        ("Peaks", "'Peaks' and 'peaks' are one folder on some systems"),
    ],
)
def test_names_of_steps_do_as_folders_everywhere(known, tmp_path, tiny, name, message):
    text = tiny.PIPELINE + f"  {name}: {{probe: lonely}}\n"
    assert any(message in line for line in problems(write(tmp_path, text), known))


def test_terminals_get_no_control_characters(known, tmp_path, tiny):
    text = tiny.PIPELINE.replace("{name: tiny}", '{name: tiny, "\\e[31m\\n": 1}')
    (found,) = problems(write(tmp_path, text), known)
    assert "\x1b" not in found
    assert "\n" not in found


def test_a_mapping_does_as_well_as_a_file(known, tiny, tmp_path):
    values = yaml.safe_load(tiny.PIPELINE)
    assert list(read_pipeline(values, known).steps) == ["peaks", "jitter", "lonely"]
    values["models"]["net"]["width"] = 0
    values["steps"]["lonely"]["probe"] = object()
    assert problems(values, known) == [
        "steps.lonely.probe: must be a plain value. Got object.",
        "models.net.width: tiny: 'width' must be greater than or equal to 1. Got 0.",
        "steps.lonely.probe: 'probe' must say which probe. Got nothing.",
    ]
    assert values["steps"]["lonely"]["probe"] is not None, "the caller's values stay as they are"
    with pytest.raises(PipelineError, match=r"the path of a YAML file, or a mapping\. Got list"):
        run_pipeline([], tmp_path, registry=known)
    (tmp_path / "loop").mkdir()
    values["steps"] = values
    with pytest.raises(PipelineError, match="nested too deeply"):
        read_pipeline(values, known)
