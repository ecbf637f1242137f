"""The page of a gallery about transformed images.

- ``invariance``: the curves of every transformation; ``strip``: what the network saw.
"""

from interpret_invariance.pages.invariance import InvariancePage

__all__ = ["InvariancePage"]
