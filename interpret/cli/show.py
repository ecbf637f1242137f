"""What is installed, as plain data for ``--json`` and as text for people."""

from __future__ import annotations

import json as _json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from inspect import getdoc
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from interpret.errors import UnknownNameError
from interpret.files.reading import printable_lines
from interpret.network.summary import Summary
from interpret.plugin.discovery import Registry
from interpret.plugin.flaws import KINDS, Kind
from interpret.plugin.interfaces import Plugin, Probe, Renderer, probe_inputs, probe_output, renderer_input
from interpret.plugin.pages import Page, page_input
from interpret.plugin.parameters import describe

IN_YAML = {
    "model": "models: {{net: {{name: {name}{given}}}}}",
    "dataset": "datasets: {{val: {{name: {name}{given}}}}}",
    "probe": "steps:\n  my_{step}: {{probe: {name}{given}}}",
    "renderer": "render: [{{name: {name}{given}}}]",
    "page": "interpret gallery RUN",
    "exporter": "interpret gallery RUN",
    "executor": "interpret run my.yaml --executor {name}{given}",
}


def console() -> Console:
    """Where tables go: as wide as the terminal, and never cut for a program that reads them."""
    out = Console(markup=False, highlight=False)
    return out if out.is_terminal else Console(markup=False, highlight=False, width=160)


def json(value: Any) -> None:
    """Write a value for a program to read."""
    click.echo(_json.dumps(value, indent=2, default=str))


def offers(registry: Registry, kinds: Iterable[str]) -> list[dict[str, Any]]:
    """One row for every class of the kinds (``"models"``, ``"probes"``, …)."""
    chosen = set(kinds)
    return [
        {"kind": kind, "name": name, "summary": cls.summary(), **asdict(registry.origins[cls])}
        for kind in KINDS
        if f"{kind}s" in chosen
        for name, cls in sorted(registry.of(kind).items())
    ]


def details(registry: Registry, name: str) -> list[dict[str, Any]]:
    """Everything known of what is called ``name``; one entry for each kind that has it.

    Raises:
        UnknownNameError: If nothing is called so.
    """
    kinds = [kind for kind in KINDS if name in registry.of(kind)]
    if not kinds:
        raise UnknownNameError("plugin", name, {key for kind in KINDS for key in registry.of(kind)})
    return [_detail(registry, kind, registry.of(kind)[name]) for kind in kinds]


def plugins(registry: Registry) -> dict[str, list[dict[str, Any]]]:
    """The plugins that were loaded with what they offer, and the problems."""
    loaded = []
    for origin in registry.plugins:
        offered = {
            kind: sorted(n for n, cls in registry.of(kind).items() if registry.origins[cls] == origin)
            for kind in KINDS
        }
        plugin = registry.manager.get_plugin(str(origin))
        hooks = [hook.name for hook in registry.manager.get_hookcallers(plugin) or () if hook.has_spec()]
        shown = {kind: names for kind, names in offered.items() if names}
        loaded.append({**asdict(origin), "offers": shown, "hooks": sorted(hooks)})
    problems = [{**asdict(problem.origin), "message": problem.message} for problem in registry.problems]
    return {"plugins": loaded, "problems": problems}


def offer_tables(rows: Sequence[dict[str, Any]]) -> None:
    """Print one table of names and summaries for each kind."""
    out = console()
    if not rows:
        out.print("Nothing of that kind is installed.")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        table = Table(
            "name", "what it does", "from", title=f"{kind}s", title_justify="left", box=None, pad_edge=False
        )
        for row in rows:
            if row["kind"] == kind:
                table.add_row(row["name"], row["summary"], f"{row['distribution']}[{row['entry']}]")
        out.print(table)
        out.print()


def detail_pages(pages: Sequence[dict[str, Any]]) -> None:
    """Print what a plugin does, its parameters, what it takes and gives, and how it is written in YAML."""
    out = console()
    for page in pages:
        out.print(
            Text(f"{page['kind']} {page['name']}", style="bold"),
            f"from {page['distribution']} {page['version']}",
        )
        out.print(f"\n{page['documentation']}\n")
        if page["parameters"]:
            out.print(_parameter_table(page["parameters"]))
        for key, value in page["wiring"].items():
            out.print(f"{key}: {value}")
        out.print(f"\n{page['yaml']}\n")


def plugin_table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print the plugins, then the problems."""
    out = console()
    table = Table("plugin", "version", "offers", box=None, pad_edge=False)
    for item in found["plugins"]:
        offered = [f"{kind}s {', '.join(names)}" for kind, names in item["offers"].items()]
        listens = [name for name in item["hooks"] if not name.startswith("register_")]
        text = "; ".join([*offered, *listens]) or "nothing"
        table.add_row(f"{item['distribution']}[{item['entry']}]", item["version"], text)
    out.print(table)
    for problem in found["problems"]:
        place = f"{problem['distribution']}[{problem['entry']}]"
        out.print(Text.assemble("\n", ("problem ", "bold red"), f"{place}: {problem['message']}"))


def layer_table(summary: Summary) -> None:
    """Print the layers of a network, as wide as the terminal."""
    click.echo(printable_lines(summary.text(console().width)))


def _detail(registry: Registry, kind: Kind, cls: type[Plugin]) -> dict[str, Any]:
    parameters = [asdict(item) for item in describe(cls)]
    form = " --executor-option {}=…" if kind == "executor" else ", {}: …"
    given = "".join(form.format(item["name"]) for item in parameters if item["required"])
    return {
        "kind": kind,
        "name": cls.name,
        **asdict(registry.origins[cls]),
        "documentation": getdoc(cls) or "",
        "parameters": parameters,
        "wiring": _wiring(registry, cls),
        "yaml": IN_YAML[kind].format(
            name=cls.name,
            step=cls.name.replace(".", "_"),  # the name of a step has no dot
            given=given + _inputs(cls),
        ),
        "schema": cls.model_json_schema(),
    }


def _inputs(cls: type[Plugin]) -> str:
    if not issubclass(cls, Probe):
        return ""
    needed = [f"{key}: …" for key, item in probe_inputs(cls).items() if item.required]
    return f", inputs: {{{', '.join(needed)}}}" if needed else ""


def _wiring(registry: Registry, cls: type[Plugin]) -> dict[str, str]:
    """What a probe takes and gives and who draws it; what a renderer draws."""
    if issubclass(cls, Renderer):
        drawn = renderer_input(cls)
        return {
            "draws": _named(
                drawn, (n for n, p in registry.probes.items() if issubclass(probe_output(p), drawn))
            )
        }
    if issubclass(cls, Page):
        shown = page_input(cls)
        return {
            "shows": _named(
                shown, (n for n, p in registry.probes.items() if issubclass(probe_output(p), shown))
            )
        }
    if not issubclass(cls, Probe):
        return {}
    given = probe_output(cls)
    drawers = [name for name, r in registry.renderers.items() if issubclass(given, renderer_input(r))]
    inputs = {
        f"takes {key}": _named(
            item.type, (n for n, p in registry.probes.items() if issubclass(probe_output(p), item.type))
        )
        + ("" if item.required else ", optional")
        for key, item in probe_inputs(cls).items()
    }
    return {**inputs, "gives": given.__name__, "drawn by": ", ".join(drawers) or "nothing installed"}


def _named(result: type, probes: Iterable[str]) -> str:
    return f"{result.__name__} (given by {', '.join(probes) or 'nothing installed'})"


def _parameter_table(parameters: Sequence[dict[str, Any]]) -> Table:
    table = Table("parameter", "type", "default", "meaning", box=None, pad_edge=False)
    for item in parameters:
        default = Text("required", style="bold") if item["required"] else Text(_plain(item["default"]))
        table.add_row(item["name"], item["type"], default, item["description"])
    return table


def _plain(value: Any) -> str:
    """A default as it is written in YAML."""
    try:
        return value if isinstance(value, str) and value else _json.dumps(value)
    except TypeError:
        return str(value)
