"""Recipes of trainings that come along, as YAML: what ``recipe`` names in the probe ``train``."""

import sys
from typing import NoReturn


def moved(module: str, name: str) -> NoReturn:
    """Say where a program is now: on the screen with exit code 2 if it is run, else as an ImportError.

    Args:
        module: Its ``__name__``.
        name: What it is called.
    """
    now = f"interpret_training.bundled.{name}"
    if module == "__main__":
        print(f"This program has moved. Run: python -m {now}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(f"{module} has moved. Import {now}.")
