"""What another process writes for the test of pages."""

from __future__ import annotations

import sys
from pathlib import Path


def save_without_pyplot(folder: Path) -> None:
    """Write the page of ``test_page`` in all formats; pyplot, which keeps global state, is not imported."""
    sys.modules.pop("matplotlib.pyplot", None)  # torchmetrics has imported it
    import numpy as np  # noqa: PLC0415

    from interpret_figures.page import Label, Page, save_page  # noqa: PLC0415

    canvas = np.random.default_rng(0).integers(0, 256, (91, 123, 3), dtype=np.uint8)
    page = Page(canvas, (Label(9, 30, "layer1", 11, bold=True), Label(9, 60, "a $b$ 7")), 100)
    save_page(page, folder / "page", ("png", "svg", "pdf"))
    if "matplotlib.pyplot" in sys.modules:
        sys.exit(2)
