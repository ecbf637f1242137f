"""Results show themselves: in a notebook, in a folder, in a browser.

- ``drawing``: `show`, which draws a result with the renderer that fits; ``choosing`` finds it.
- ``shown``: `Shown`, what it returns.
- ``pages``: pictures and tables as HTML.
"""

from interpret.showing.drawing import show
from interpret.showing.shown import Shown

__all__ = ["Shown", "show"]
