"""What processes of the campaign have imported before they are forked; pieces of work are short in them."""

import importlib

from interpret.plugin import registry
from interpret.run import pieces

registry()  # all plugins

for name in ("interpret_topk.renderers", "interpret_deconv.renderers", "lightning.pytorch", "ray"):
    importlib.import_module(name)

pieces.PIECE_SECONDS = 0.03  # work of a second is stored in so many pieces as that of minutes is
