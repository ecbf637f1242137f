"""``LayerActivation``: Captum's own, since a hook and a forward pass leave nothing to gain."""

from __future__ import annotations

import captum.attr


class LayerActivation(captum.attr.LayerActivation):  # type: ignore[misc]  # Captum has no types
    """The activation of one layer or several (captum ``LayerActivation``, unchanged).

    Of a module that is called several times it is the last call's; ``interpret.wrap(model).record`` has all.

    Example:
        >>> LayerActivation(model, model.layer4).attribute(x)
    """
