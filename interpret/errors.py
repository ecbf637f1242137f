"""The family of errors a user can meet: each says what was found, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


class InterpretError(Exception):
    """Something the user can understand and mend; the root of the family."""

    def __reduce__(self) -> tuple[Any, ...]:
        """It goes from one process to another as it is, whatever its class takes when it is made."""
        return _as_it_was, (type(self), self.args), self.__dict__


def _as_it_was(kind: type[InterpretError], args: tuple[object, ...]) -> InterpretError:
    return kind.__new__(kind, *args)


class PluginError(InterpretError):
    """A plugin cannot be imported, declares something wrong, or takes a name that is taken."""


class ModelError(InterpretError):
    """A model cannot be built, loaded or traced."""


class DatasetError(InterpretError):
    """A dataset cannot be opened, or one of its images cannot be read."""


class StepError(InterpretError):
    """A step of a pipeline failed while it ran."""


class UnknownNameError(InterpretError):
    """A name that nothing has; the message shows the nearest names that exist.

    Args:
        kind: What was looked for, in the user's words (``"layer"``, ``"probe"``).
        name: The name that was given.
        known: Every valid name.
        hint: What else helps, in a sentence.
        instead: What to write instead, where it is known, in a sentence; else the nearest names are shown.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], hint: str = "", *, instead: str = ""
    ) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        self.advice = instead or suggest(name, self.known)
        super().__init__(f"There is no {kind} {name!r}. {self.advice} {hint}".rstrip())


@dataclass(frozen=True)
class Problem:
    """One mistake in a pipeline file; ``line`` and ``column`` count from 1."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        location = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{location}: {self.message}" if location else self.message


class PipelineError(InterpretError):
    """A pipeline has mistakes; ``problems`` lists all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The names most like ``name``, best first; where none is as it is written, without regard to case."""
    names = list(dict.fromkeys(known))
    folded = {item.casefold(): item for item in names}
    found = get_close_matches(str(name).casefold(), folded, n=count, cutoff=0.5)
    return get_close_matches(str(name), names, n=count, cutoff=0.5) or [folded[item] for item in found]


def suggest(name: str, known: Sequence[str]) -> str:
    """One sentence that helps to find the right name among ``known``."""
    close = nearest(name, known)
    if close:
        return f"Did you mean {' or '.join(repr(item) for item in close)}?"
    if not known:
        return "Nothing of that kind is available here."
    names = sorted(set(known))
    return f"Known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."


def clause(error: object) -> str:
    """What an error says, as part of a sentence: without its full stop; its type if it says nothing."""
    return str(error).strip().removesuffix(".") or type(error).__name__
