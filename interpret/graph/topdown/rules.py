"""What the top-down pass does where the network is not linear: the choices a user makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rules:
    """What the top-down pass does where the network is not linear.

    Attributes:
        relu: ``deconvnet`` rectifies the signal (Zeiler & Fergus 2014, section 2.1); ``gradient`` lets
            through what was active on the way up; ``guided`` does both (Springenberg et al. 2015).
        unpool: Where windows of a max pool share a switch, their signals ``sum`` (as in autograd), or the
            last window ``overwrite``s the others (as in ``max_unpool2d``).
        lrn: A local response norm is the ``identity``, divides by its forward ``scale``, or gives its true
            ``gradient``. By default identity for the deconvnet, gradient for the other two.
        nonlinear: An operation without a rule (GELU, a product of two maps, ...) is ``refuse``d, or passes
            its ``gradient``. Under ``relu="gradient"`` it always does.
    """

    relu: Literal["deconvnet", "gradient", "guided"] = "deconvnet"
    unpool: Literal["sum", "overwrite"] = "sum"
    lrn: Literal["identity", "scale", "gradient"] | None = None
    nonlinear: Literal["refuse", "gradient"] = "refuse"

    @property
    def true_gradient(self) -> bool:
        """Whether these are the rules of autograd."""
        return self.relu == self.norm == "gradient" and self.unpool == "sum"

    @property
    def norm(self) -> str:
        """What a local response norm does."""
        return self.lrn or ("identity" if self.relu == "deconvnet" else "gradient")

    @property
    def takes_gradients(self) -> bool:
        """Whether an operation without a rule of its own passes its gradient."""
        return "gradient" in (self.nonlinear, self.relu)
