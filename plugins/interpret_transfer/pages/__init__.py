"""The page of a gallery about a transfer.

- ``transfer``: what each layer is worth, with few images too, and for every category; ``charts``: how it is
  drawn; ``published``: which of the paper's numbers belong beside a result.
"""

from interpret_transfer.pages.transfer import TransferPage

__all__ = ["TransferPage"]
