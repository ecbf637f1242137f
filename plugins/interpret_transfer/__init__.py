"""What each layer is worth on another data set (Zeiler & Fergus 2014, section 5.2, Tables 4 to 7)."""

from typing import Any

from interpret.plugin import Page, Probe, Renderer, hookimpl
from interpret_transfer.features import Features, extract
from interpret_transfer.folds import Fold, draw_folds
from interpret_transfer.gram import gram
from interpret_transfer.judging import Method
from interpret_transfer.probe import Scratch, TransferLayers
from interpret_transfer.results import LayerTransfer, NetworkTransfer, Transfer
from interpret_transfer.scores import average_precision, category_accuracy
from interpret_transfer.scratch import from_scratch
from interpret_transfer.svm import decide, fit_svm
from interpret_transfer.transferring import transfer, transfer_split

__all__ = [
    "Features",
    "Fold",
    "LayerTransfer",
    "Method",
    "NetworkTransfer",
    "Scratch",
    "Transfer",
    "TransferLayers",
    "average_precision",
    "category_accuracy",
    "decide",
    "draw_folds",
    "extract",
    "fit_svm",
    "from_scratch",
    "gram",
    "register_probes",
    "transfer",
    "transfer_split",
]


@hookimpl
def register_probes() -> list[type[Probe]]:
    """The probes that judge layers by what a linear classifier makes of them."""
    return [TransferLayers, Scratch]


@hookimpl
def register_renderers() -> list[type[Renderer[Any]]]:
    """What draws the results of ``transfer`` and ``scratch``."""
    from interpret_transfer.renderers import TransferCategories, TransferCurve, TransferLayers, TransferTable  # noqa: PLC0415 - matplotlib takes time

    return [TransferLayers, TransferCurve, TransferTable, TransferCategories]


@hookimpl
def register_pages() -> list[type[Page[Any]]]:
    """The page of a gallery about ``transfer`` and ``scratch``."""
    from interpret_transfer.pages import TransferPage  # noqa: PLC0415 - as above

    return [TransferPage]
