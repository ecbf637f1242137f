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
        nonlinear: ``rectify``: a nonlinearity of one signal (GELU, ReLU6, ``x * sigmoid(x)``, ...) treats the
            signal as a ReLU does, a gate scales it by its recorded value, and anything else that is nonlinear
            passes its gradient. ``gradient``: all of them pass their gradient. ``refuse``: all are refused.
            Under ``relu="gradient"`` all pass their gradient.
    """

    relu: Literal["deconvnet", "gradient", "guided"] = "deconvnet"
    unpool: Literal["sum", "overwrite"] = "sum"
    lrn: Literal["identity", "scale", "gradient"] | None = None
    nonlinear: Literal["rectify", "gradient", "refuse"] = "rectify"

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
        return self.nonlinear != "refuse" or self.relu == "gradient"

    @property
    def rectifies(self) -> bool:
        """Whether a nonlinearity without a rule of its own treats the signal as a ReLU does."""
        return self.nonlinear == "rectify" and self.relu != "gradient"
