"""The command line. Nothing here imports torch before a command needs it.

- ``shell``: runs a command; every error ends in one block; ``pipes``: whether somebody still reads.
- ``commands``: what can be typed; ``options``: what options take, ``--model`` among them.
- ``photographs``, ``explaining``, ``explained``: photographs -> a pipeline, its run, one page;
  ``explanation``: what was found; ``telling``: what is said of it; ``written``: the pipeline as a file.
- ``exporting``: galleries; ``viewing``: the same in the reader's browser; ``serving``: what gives them to it.
- ``work``: running and checking pipelines; ``show``: what is installed.
- ``folders``: where a run goes; ``imports``: much is imported at once.
- ``progress``: how far a run is; ``remarks``: what the core has to say meanwhile.
"""

from interpret.cli.shell import main as main
