"""The pages of a gallery about trainings, and what forms meanwhile.

- ``training``: how it went; ``evaluation``: how well networks classify, and what they mistake (``mistakes``).
- ``evolution``: how features form, by checkpoint, with the pictures of ``formed``.
- ``ablation``: variants side by side.
"""

from interpret_training.pages.ablation import AblationPage
from interpret_training.pages.evaluation import EvaluationPage
from interpret_training.pages.evolution import EvolutionPage
from interpret_training.pages.training import TrainingPage

__all__ = ["AblationPage", "EvaluationPage", "EvolutionPage", "TrainingPage"]
