"""HTML from templates: every value that is put in is escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from interpret_figures.text import number

__all__ = ["render"]

OWN, ASSETS = Path(__file__).parent / "templates", Path(__file__).parent / "assets"


def render(package: str, template: str, /, **values: Any) -> Markup:
    """Fill a template that lies in a package's folder ``pages``.

    Values are escaped; the parts of the gallery are there as ``{% import "gallery/parts.html" as parts %}``.
    The page allows neither inline scripts nor inline styles: use its classes.

    Args:
        package: The import name of the package, such as ``"interpret_topk"``.
        template: The name of the file.
        **values: What it shows.

    Example:
        >>> render("interpret_gallery", "facts.html", facts={"units": "<96>"})  # doctest: +ELLIPSIS
        Markup('<dl class="facts">...&lt;96&gt;...')
    """
    return Markup(environment(package).get_template(template).render(values))  # noqa: S704 - autoescaped


@cache
def environment(package: str) -> Environment:
    """The templates of a package, beside those of the gallery."""
    found = Environment(
        loader=ChoiceLoader(
            [
                PrefixLoader({"gallery": FileSystemLoader(OWN)}),
                FileSystemLoader(OWN if package == "interpret_gallery" else str(files(package) / "pages")),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["number"] = number
    return found
