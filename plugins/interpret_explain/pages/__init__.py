"""What shows predictions and the strongest units of single images in a gallery."""

from interpret_explain.pages.predictions import PredictionPage
from interpret_explain.pages.strongest import StrongestPage

__all__ = ["PredictionPage", "StrongestPage"]
