"""What can be typed: run, view, check, list, describe, layers, schema, plugins."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from interpret.cli.folders import own_folder
from interpret.cli.imports import importing
from interpret.cli.options import ModelChoice, Option, ShardNumber, Size, model_options
from interpret.errors import InterpretError, suggest
from interpret.files.folders import user_path
from interpret.files.reading import printable, printable_lines

if TYPE_CHECKING:
    from interpret.plugin.discovery import Registry

F = TypeVar("F", bound=Callable[..., Any])
BUNDLED_PIPELINES = Path(__file__).parent / "pipelines"
PLURALS = ("models", "datasets", "probes", "renderers", "pages", "exporters", "executors")
WELCOME = """See inside convolutional networks.

  interpret run quickstart      a first run without any download; says where its pictures are
  interpret explain PHOTO --model M   one page with what a network sees in a photograph
  interpret list                the models, datasets, probes and renderers there are
  interpret describe topk       what one of them does, and its parameters
  interpret layers --model M    the layers of a network, such as torchvision:resnet18, and what works on each
  interpret check my.yaml       find the mistakes in a pipeline, with line and column
  interpret gallery RUN         make a site of what a run found, to look at in a browser
  interpret run my.yaml         run it; a run that was stopped continues

interpret --help shows all commands, interpret run --help what one of them takes."""


@dataclass
class Settings:
    """What holds for the whole command line."""

    traceback: bool = False


def _set_traceback(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Settings).traceback = True


_traceback = click.option(
    "--traceback",
    is_flag=True,
    expose_value=False,
    callback=_set_traceback,
    help="Show where an error happened.",
)
_allow = click.option(
    "--allow", multiple=True, metavar="PACKAGE", help="Let the pipeline name functions of this package."
)
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON for a program to read.")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="interpret-cnn", prog_name="interpret")
@_traceback
@click.pass_context
def interpret(context: click.Context) -> None:
    """See inside convolutional networks: Zeiler & Fergus (2014) on any CNN."""
    if context.invoked_subcommand is None:
        click.echo(WELCOME)


@interpret.command()
@click.argument("pipeline", required=False)
@click.option(
    "--out", type=click.Path(file_okay=False), help="Folder of the run, or its URL: s3://… [runs/PIPELINE]"
)
@click.option("--shard", type=ShardNumber(), help="Compute only the i-th of n shares; then --merge.")
@click.option("--merge", is_flag=True, help="Merge the shares that --shard processes have computed.")
@click.option("--executor", default="local", show_default=True, help="Who computes the shards.")
@click.option(
    "--executor-option",
    "executor_options",
    type=Option(),
    multiple=True,
    help="A parameter of the executor, such as workers=2; as often as needed.",
)
@click.option(
    "--readers",
    type=click.IntRange(1, 1024),
    help="So many processes read photographs, as beside a fast GPU. [threads]",
)
@click.option("--gallery", is_flag=True, help="Make the gallery of the run too.")
@click.option("--force", is_flag=True, help="Run every step again, also unchanged ones.")
@click.option("--take-over", is_flag=True, help="Go on with a run at a URL whose process is gone, at once.")
@_allow
@_json
@_traceback
def run(pipeline: str | None, as_json: bool, *, gallery: bool, **options: Any) -> None:
    """Run a pipeline.

    PIPELINE is a YAML file or the name of a bundled pipeline (quickstart). Steps that have not changed since
    the last run are kept, and a run that was stopped continues.
    """
    path = find_pipeline(pipeline)
    from interpret.cli.work import run_and_tell  # noqa: PLC0415 - imports torch

    if options["out"] is None:
        options["out"] = default_folder(path)
    run_and_tell(path, _registry(), as_json=as_json, gallery=gallery, **options)


@interpret.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_options
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="CATEGORY",
    help="Ask about this category too, by name or index; as often as needed.",
)
@click.option("--out", type=click.Path(file_okay=False), help="Folder of the run. [explained/PHOTO]")
@click.option("--open", "opens", is_flag=True, help="Show the page in the browser.")
@click.option("--force", is_flag=True, help="Run every step again, also unchanged ones.")
@_json
@_traceback
def explain(photos: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Explain photographs: one page with what a network sees in each.

    PHOTO is a picture, or a folder of them. The page shows the five most probable categories; what happens to
    the probability where the photograph is covered; the strongest units of some layers, projected back to
    pixels; and what the nearest of Captum's methods say. It opens from the file system.
    """
    registry = _registry()
    from interpret.cli.explained import explain_and_tell  # noqa: PLC0415 - imports torch

    explain_and_tell(photos, registry, as_json=as_json, **options)


@interpret.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=click.Path(file_okay=False), help="Folder of the gallery. [RUN/gallery]")
@click.option("--title", default="", help="What stands above. [the name of the run]")
@click.option("--force", is_flag=True, help="Write it again, even if nothing has changed.")
@_allow
@_json
@_traceback
def gallery(runs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Make a gallery of a run: a site that opens from the file system.

    RUN is the folder of a run, or its URL; of several, pages show them side by side.
    """
    from interpret.cli.exporting import export_and_tell  # noqa: PLC0415 - imports torch

    export_and_tell(runs, _registry(), as_json=as_json, **options)


@interpret.command()
@click.argument("run", metavar="RUN")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to serve it. [any free one]")
@_allow
@_traceback
def view(run: str, port: int, allow: tuple[str, ...], *, no_browser: bool) -> None:
    """Look at the gallery of a run.

    RUN is the folder or URL of a run, or of a gallery. A gallery that is missing, or older than its run, is
    made first. Its pages, and nothing else, are served to browsers on this machine until Ctrl-C.
    """
    from interpret.cli.viewing import find_site, view_site  # noqa: PLC0415 - may import torch

    view_site(find_site(run, _registry, allow), port, browser=not no_browser)


@interpret.command()
@click.argument("pipeline", required=False)
@_allow
@_json
@_traceback
@click.pass_context
def check(context: click.Context, pipeline: str | None, allow: tuple[str, ...], as_json: bool) -> None:
    """Find all mistakes in PIPELINE.

    Nothing is loaded or computed, and no class it names is imported: they are listed.
    """
    path = find_pipeline(pipeline)
    from interpret.cli.work import check_pipeline  # noqa: PLC0415 - imports torch
    from interpret.code.imports import allowing  # noqa: PLC0415 - imports torch

    with allowing(allow):
        context.exit(check_pipeline(path, _registry(), as_json=as_json))


@interpret.command(name="list")
@click.argument("kinds", nargs=-1, type=click.Choice(PLURALS), metavar="[KIND]...")
@_json
@_traceback
def list_(kinds: tuple[str, ...], as_json: bool) -> None:
    """List models, datasets, probes and renderers.

    KIND is models, datasets, probes, renderers, pages, exporters or executors; without it, all are listed.
    """
    from interpret.cli import show  # noqa: PLC0415 - imports torch

    rows = show.offers(_registry(), kinds or PLURALS)
    show.json(rows) if as_json else show.offer_tables(rows)


@interpret.command()
@click.argument("name")
@_json
@_traceback
def describe(name: str, as_json: bool) -> None:
    """Show what NAME does, and its parameters.

    NAME is a model, dataset, probe, renderer, page, exporter or executor: interpret list shows them.
    """
    from interpret.cli import show  # noqa: PLC0415 - imports torch

    details = show.details(_registry(), name)
    show.json(details) if as_json else show.detail_pages(details)


@interpret.command()
@model_options
@click.option("--input-size", type=Size(), help="Of the images, in place of the model's own: 96 or 96x128.")
@click.option(
    "--depth",
    type=click.IntRange(0),
    help="How deep: 1 for the network's own children, 0 for all. [as deep as a screen shows]",
)
@click.option("--all", "every", is_flag=True, help="All layers: --depth 0.")
@click.option("--measure", is_flag=True, help="Measure what operations without a rule read; takes longer.")
@_json
@_traceback
def layers(  # noqa: PLR0917 - click names them
    model: ModelChoice,
    input_size: tuple[int, int] | None,
    depth: int | None,
    every: bool,
    measure: bool,
    as_json: bool,
) -> None:
    """List the layers of a network, and what works on each.

    Each with units, size, receptive field, parameters and multiply-adds; whether the strongest neurons of its
    units can be mined, how they are projected, and how what an occluder changes is carried to it.
    """
    from interpret.cli import show  # noqa: PLC0415 - imports torch

    if every and depth:
        raise click.UsageError(f"--all and --depth {depth} say different things. Leave one out.")
    if input_size:
        model = replace(model, parameters={**model.parameters, "input_size": input_size})
    summary = model.load().summary(0 if every else depth, measure=measure)
    show.json(asdict(summary)) if as_json else show.layer_table(summary)


@interpret.command()
@_traceback
def schema() -> None:
    """Write the JSON Schema of pipelines.

    With it editors check and complete YAML.
    """
    from interpret.pipeline.schema import pipeline_schema  # noqa: PLC0415 - imports torch

    click.echo(json.dumps(pipeline_schema(_registry()), indent=2))


@interpret.command()
@_json
@_traceback
def plugins(as_json: bool) -> None:
    """Show plugins, and what is wrong with them."""
    from interpret.cli import show  # noqa: PLC0415 - imports torch
    from interpret.plugin.discovery import registry  # noqa: PLC0415 - imports torch

    table = show.plugins(registry())
    show.json(table) if as_json else show.plugin_table(table)


def default_folder(pipeline: Path) -> Path:
    """``runs/PIPELINE``: inside the folder the command is started in, or where the user's links lead.

    Raises:
        InterpretError: If a link leads to a folder with other files than a run's: who received a pipeline in
            a folder has not chosen where the links in it lead.
    """
    stem = pipeline.stem if pipeline.stem.strip(".") else "pipeline"
    return own_folder(Path("runs") / stem)


def find_pipeline(name: str | None) -> Path:
    """The file of a pipeline.

    Args:
        name: A path, or the name of a bundled pipeline.

    Raises:
        InterpretError: If there is none; the message says which there are.
    """
    bundled = {path.stem: path for path in sorted(BUNDLED_PIPELINES.glob("*.yaml"))}
    if name is None:
        here = ", ".join(sorted(printable(path.name) for path in Path().glob("*.y*ml"))[:5])
        found = f"In this folder: {here}. " if here else ""
        raise click.UsageError(f"Which pipeline? {found}Bundled: {', '.join(bundled)}.")
    path = user_path(name)
    try:
        if path.exists() and not path.is_dir():
            return path
        if name in bundled:
            return bundled[name]
        if path.is_dir():
            raise InterpretError(f"{name} is a folder: give a pipeline, a YAML file.")
    except OSError as error:
        raise InterpretError(f"The pipeline {name[:200]!r} cannot be read: {error.strerror}.") from None
    near = [item.name for item in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    raise InterpretError(f"There is no pipeline {name!r}. {suggest(path.name, [*near, *bundled])}")


def _registry() -> Registry:
    """What is installed; problems with plugins are mentioned on stderr."""
    with importing():
        from interpret.plugin.discovery import registry  # noqa: PLC0415 - imports torch

        found = registry()
    for problem in found.problems:
        click.echo(f"{click.style('plugin:', fg='yellow')} {printable_lines(str(problem))}", err=True)
    return found
