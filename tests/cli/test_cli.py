"""The command line as a person or a program meets it: in this process, and as a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

import interpret_local
from interpret import Card, Dataset, Images, Model, Probe, Result, ShardedProbe, hookimpl
from interpret.cli.shell import call
from interpret.plugin import discovery as plugins
from interpret.plugin.discovery import Loaded, Origin, classify, load_registry
from interpret.results import load
from interpret.testing import small_images, small_network
from interpret_local import Local

PIPELINE = """\
version: 1
models: {net: {name: tiny, device: cpu}}
datasets: {val: {name: noise}}
steps:
  first: {probe: echo, text: hello}
"""


@dataclass(frozen=True)
class Said(Result):
    pass


class Tiny(Model):
    """A tiny network."""

    name: ClassVar[str] = "tiny"

    def build(self) -> Any:
        return small_network().module

    def card(self) -> Card:
        return Card(small_network().input)


class Noise(Dataset):
    """Noise."""

    name: ClassVar[str] = "noise"
    count: int = Field(2, description="How many images.")

    def open(self) -> Images:
        return small_images(self.count)


class Echo(Probe):
    """Says nothing, or fails."""

    name: ClassVar[str] = "echo"
    text: str = Field(description="What to say.")
    times: int = Field(1, ge=1, description="How often.")

    def run(self, network: Any, images: Any, *args: Any, **inputs: Any) -> Said:
        if self.text == "stop":
            raise KeyboardInterrupt
        if self.text != "hello":
            raise RuntimeError(f"cannot say {self.text}")
        return Said()


@dataclass(frozen=True)
class Total(Result):
    images: int


class Count(ShardedProbe):
    """Counts the images."""

    name: ClassVar[str] = "count"

    def run_shard(self, network: Any, images: Images, *args: Any, **inputs: Any) -> Total:
        return Total(len(images))

    def merge(self, partials: Any) -> Total:
        return Total(sum(partial.images for partial in partials))


class Ours:
    """A plugin of this test."""

    @hookimpl
    def register_models(self):
        return [Tiny]

    @hookimpl
    def register_datasets(self):
        return [Noise]

    @hookimpl
    def register_probes(self):
        return [Echo, Count]


def install(monkeypatch: pytest.MonkeyPatch, *given: object) -> None:
    """Let these be the only plugins, beside the executor."""
    loaded = [Loaded(Origin("given", "", type(plugin).__name__), plugin) for plugin in given]
    registry = classify([Loaded(Origin("interpret-cnn", "1", "local"), interpret_local), *loaded])
    monkeypatch.setattr(plugins, "registry", lambda: registry)


@pytest.fixture(autouse=True)
def _ours(monkeypatch, tmp_path):
    install(monkeypatch, Ours())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pipeline(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(PIPELINE)
    return path


def test_alone_it_says_what_to_do_next(capsys):
    assert call([]) == 0
    out = capsys.readouterr().out
    for command in ("run quickstart", "list", "describe topk", "check my.yaml", "--help"):
        assert f"interpret {command}" in out


@pytest.mark.parametrize("command", ["run", "check", "list", "describe", "schema", "plugins"])
def test_every_command_has_help(command, capsys):
    assert call([command, "--help"]) == 0
    assert f"Usage: interpret {command}" in capsys.readouterr().out


def test_the_help_of_all_commands_is_not_cut(capsys):
    call(["--help"])
    assert "..." not in capsys.readouterr().out.replace("[ARGS]...", "")


def test_run_then_run_again_keeps_the_steps(pipeline, capsys):
    assert call(["run", "my.yaml"]) == 0
    assert Path("runs/my/first/result.json").is_file()
    first = capsys.readouterr()
    assert "done" in first.out
    assert "runs/my" in first.out
    assert first.err == "", "no bar where stderr is no terminal"
    assert call(["run", "my.yaml", "--out", "runs/my"]) == 0
    assert "kept: nothing has changed" in capsys.readouterr().out
    assert call(["run", "my.yaml", "--force"]) == 0
    assert "kept" not in capsys.readouterr().out


def test_run_as_json(pipeline, capsys):
    assert call(["run", "my.yaml", "--out", "there", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folder"] == "there"
    assert found["steps"]["first"]["status"] == "done"


def test_three_shares_then_merge(pipeline, capsys):
    pipeline.write_text(
        PIPELINE.replace("noise}", "noise, count: 600}").replace("echo, text: hello", "count, batch_size: 1")
    )
    assert call(["run", "my.yaml", "--shard", "3/3"]) == 0
    assert "this share is stored" in (out := capsys.readouterr().out)
    assert "run the same command with --merge" in out
    assert call(["run", "my.yaml", "--merge"]) == 1
    assert "2 of 3 shards are missing" in capsys.readouterr().err
    assert call(["run", "my.yaml", "--shard", "1/3"]) == 0
    assert call(["run", "my.yaml", "--shard", "2/3"]) == 0
    assert call(["run", "my.yaml", "--merge"]) == 0
    assert load(Path("runs/my/first")) == Total(600)


def test_a_step_that_fails_is_exit_code_1(pipeline, capsys):
    pipeline.write_text(PIPELINE.replace("hello", "goodbye"))
    assert call(["run", "my.yaml"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: Step 'first' (echo, ")
    assert "cannot say goodbye" in error
    assert "Traceback" not in error


def test_a_wrong_pipeline_is_exit_code_2_with_every_place(pipeline, capsys):
    pipeline.write_text(
        PIPELINE.replace("text: hello", "tekst: hello, times: 0").replace("name: noise", "name: nois")
    )
    for command in (["run", "my.yaml"], ["check", "my.yaml"]):
        assert call(command) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: 4 problems in the pipeline\n")
        assert "my.yaml:3:24: There is no dataset 'nois'. Did you mean 'noise'?" in error
        assert "my.yaml:5:24: echo has no parameter 'tekst'. Did you mean 'text'" in error
    assert not Path("runs").exists(), "nothing was begun"


def test_check_a_right_pipeline(pipeline, capsys):
    assert call(["check", "my.yaml"]) == 0
    assert "my.yaml has no mistakes. Its steps: first." in capsys.readouterr().out
    assert call(["check", "my.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "my.yaml", "problems": [], "steps": ["first"]}


def test_check_as_json_lists_the_problems(pipeline, capsys):
    pipeline.write_text(PIPELINE + "  second: {probe: ekko}\n")
    assert call(["check", "my.yaml", "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["line"] == 6
    assert "Did you mean 'echo'?" in problem["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Which pipeline? In this folder: my.yaml. Bundled: quickstart."),
        (["check"], "Which pipeline? In this folder: my.yaml. Bundled: quickstart."),
        (["run", "mi.yaml"], "There is no pipeline 'mi.yaml'. Did you mean 'my.yaml'?"),
        (["run", "nowhere/my.yaml"], "There is no pipeline 'nowhere/my.yaml'."),
        (["run", "quikstart"], "Did you mean 'quickstart'?"),
        (["run", "."], ". is a folder: give a pipeline, a YAML file."),
        (["check", "/dev/null"], "/dev/null: The file cannot be read: It is a device, not a file."),
        (["run", "my.yaml", "--shard", "4/3"], "'4/3' is no share. Write 1/3, 2/3 and 3/3"),
        (["run", "my.yaml", "--shard", "0/3"], "'0/3' is no share"),
        (["run", "my.yaml", "--shard", "1/3", "--merge"], "--shard and --merge exclude each other"),
        (
            ["run", "my.yaml", "--executor-option", "workers=0"],
            "'workers' must be greater than or equal to 1",
        ),
        (["run", "my.yaml", "--executor-option", "worker=2"], "Did you mean 'workers'?"),
        (["run", "my.yaml", "--executor-option", "workers"], "Write NAME=VALUE, such as workers=2."),
        (["run", "my.yaml", "--executor-option", "workers=[1"], "is no value as YAML has it"),
        (["run", "my.yaml", "--executor", "lokal"], "There is no executor 'lokal'. Did you mean 'local'?"),
        (["run", "my.yaml", "--shard", f"1/{'9' * 5000}"], "is no share"),
        (["run", "my.yaml", "--out", ""], "An empty text is no path"),
        (["run", "my.yaml", "--out", "~nobody-has-this-name/x"], "There is no home folder for"),
        (["run", "my.yaml", "--out", "my.yaml/x"], "cannot be used: Not a directory"),
        (["run", "my.yaml", "--out", "x" * 5000], "cannot be used: File name too long"),
        (["run", "~nobody-has-this-name/x.yaml"], "There is no home folder for"),
        (["run", "x" * 5000], "cannot be read: File name too long"),
        (["run", ""], "An empty text is no path"),
        (["rnu"], "Did you mean 'run'?"),
        (["list", "probez"], "'probez' is not one of"),
        (["describe", "eccho"], "Did you mean 'echo'?"),
        (["describe"], "Missing argument 'NAME'"),
    ],
)
def test_wrong_input_is_exit_code_2_and_says_what_to_do(arguments, message, pipeline, capsys):
    assert call(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_the_parameters_of_an_executor_can_be_typed(pipeline, monkeypatch):
    given = []

    class Noting(Local):
        name: ClassVar[str] = "noting"
        hosts: list[str] = Field([], description="Machines.")

        def run(self, jobs):
            given.append((self.workers, self.hosts))
            yield from super().run(jobs)

    class Plugin:
        @hookimpl
        def register_executors(self):
            return [Noting]

    install(monkeypatch, Ours(), Plugin())
    pipeline.write_text(PIPELINE.replace("probe: echo, text: hello", "probe: count"))
    options = ["--executor-option", "workers=2", "--executor-option", "hosts=[a, b]"]
    assert call(["run", "my.yaml", "--executor", "noting", *options]) == 0
    assert given == [(2, ["a", "b"])]


def test_traceback_shows_the_rest(pipeline, capsys):
    for arguments in (["run", "no.yaml", "--traceback"], ["--traceback", "run", "no.yaml"]):
        assert call(arguments) == 2
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_something_unexpected_is_one_clean_block(monkeypatch, pipeline, capsys):
    monkeypatch.setattr("interpret.cli.work.read_pipeline", lambda *_: 1 / 0)
    assert call(["check", "my.yaml"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: unexpected ZeroDivisionError: division by zero",
        "The same command with --traceback shows where it happened.",
    ]


def test_ctrl_c_says_how_to_go_on(pipeline, capsys):
    pipeline.write_text(PIPELINE.replace("hello", "stop"))
    assert call(["run", "my.yaml"]) == 130
    assert "Stopped. The same command starts the step " in capsys.readouterr().err


def test_list_and_describe(capsys):
    assert call(["list", "probes"]) == 0
    out = capsys.readouterr().out
    assert "echo" in out
    assert "Says nothing, or fails." in out
    assert "noise" not in out
    assert call(["describe", "echo"]) == 0
    out = capsys.readouterr().out
    for text in (
        "probe echo",
        "What to say.",
        "required",
        "int ≥ 1",
        "gives: Said",
        "steps:",
        "{probe: echo, text: …}",
    ):
        assert text in out


def test_list_and_describe_as_json(capsys):
    assert call(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"kind": "probe", "name": "echo", "summary": "Says nothing, or fails."}.items() <= next(
        row for row in rows if row["name"] == "echo"
    ).items()
    assert {row["kind"] for row in rows} >= {"model", "dataset", "probe", "executor"}
    assert call(["describe", "echo", "--json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)
    assert page["parameters"][0]["name"] == "text"
    assert page["schema"]["properties"]["times"]["minimum"] == 1


def test_every_plugin_can_be_described(monkeypatch):
    registry = load_registry()
    monkeypatch.setattr(plugins, "registry", lambda: registry)
    for kind in plugins.KINDS:
        for name in registry.of(kind):
            assert call(["describe", name]) == 0
            assert call(["describe", name, "--json"]) == 0


def test_schema_is_json_that_knows_the_plugins(capsys):
    assert call(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "probe.echo" in schema["$defs"]


def test_problems_with_plugins_are_shown_and_stop_nothing(monkeypatch, pipeline, capsys):
    class Wrong:
        @hookimpl
        def register_probe(self):
            return []

    install(monkeypatch, Ours(), Wrong())
    assert call(["check", "my.yaml"]) == 0
    assert "plugin: given[Wrong]: 'register_probe' is no hook." in capsys.readouterr().err
    assert call(["plugins"]) == 0
    assert "problem given[Wrong]: 'register_probe' is no hook." in capsys.readouterr().out
    assert call(["plugins", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"][-1]["entry"] == "Wrong"
    assert next(item for item in found["plugins"] if item["entry"] == "Ours")["offers"]["probe"] == [
        "count",
        "echo",
    ]


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from interpret.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_the_program_ends_with_the_exit_code():
    done = program("run", "no.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: There is no pipeline 'no.yaml'.")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["run", "--help"]])
def test_help_imports_no_torch(arguments):
    code = (
        "import sys; from interpret.cli.shell import call; call(sys.argv[1:]);"
        "sys.exit(9 if {'torch', 'numpy', 'pydantic'} & set(sys.modules) else 0)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL, check=False
        ).returncode
        == 0
    )


def into_closed_pipe(*arguments: str, both: bool = False, few: bool = False) -> tuple[int, str]:
    """The exit code and stderr of a program whose output nobody reads."""
    read, write = os.pipe()
    os.close(read)
    code = "from interpret import plugins; plugins.registry = lambda: plugins.classify([])" if few else ""
    command = [sys.executable, "-c", f"{code}\nfrom interpret.cli import main; main()", *arguments]
    errors = write if both else subprocess.PIPE
    done = subprocess.run(command, stdout=write, stderr=errors, text=True, check=False)
    os.close(write)
    return done.returncode, done.stderr or ""


def test_a_reader_that_has_seen_enough_is_no_error_and_no_success():
    """``| head -1``: as other tools, of which shells say 141."""
    assert into_closed_pipe("--help") == (141, "")


@pytest.mark.slow
def test_the_same_for_what_rich_prints():
    assert into_closed_pipe("list", few=True) == (141, "")


def test_what_went_wrong_shows_in_the_exit_code_where_nobody_reads():
    assert into_closed_pipe("run", "no.yaml", both=True) == (2, "")
    assert into_closed_pipe("describe", both=True) == (2, "")


def test_a_plugin_that_ends_the_program_does_not_end_it_in_silence(monkeypatch, pipeline, capsys):
    monkeypatch.setattr("interpret.cli.work.read_pipeline", lambda *_, **__: sys.exit(0))
    assert call(["check", "my.yaml"]) == 1
    assert "something that was called ended the program with 0" in capsys.readouterr().err


@pytest.mark.parametrize("link", ["runs", "runs/my"])
def test_a_link_beside_a_pipeline_does_not_choose_the_folder_of_a_run(pipeline, tmp_path, capsys, link):
    """What came with the pipeline may lead from ``runs`` to the user's own files."""
    victim = tmp_path / "victim"
    theirs = victim / "my" if link == "runs" else victim
    (theirs / "first/shards").mkdir(parents=True)
    (theirs / "first/shards/data").write_text("theirs")
    Path(link).parent.mkdir(exist_ok=True)
    Path(link).symlink_to(victim)
    assert call(["run", "my.yaml"]) == 2
    assert "--out FOLDER" in capsys.readouterr().err
    assert [file.name for file in theirs.rglob("*")] == ["first", "shards", "data"]
    assert call(["run", "my.yaml", "--out", "elsewhere"]) == 0


def test_a_link_to_where_runs_belong_is_followed(pipeline, tmp_path):
    (tmp_path / "large disk").mkdir()
    Path("runs").symlink_to(tmp_path / "large disk")
    assert [call(["run", "my.yaml"]) for _ in range(2)] == [0, 0]
    assert (tmp_path / "large disk/my/first/result.json").is_file()


def test_a_pipeline_named_by_dots_has_a_folder_of_its_own(pipeline):
    pipeline.rename("...yaml")
    assert call(["run", "...yaml"]) == 0
    assert Path("runs/pipeline/first/result.json").is_file()
