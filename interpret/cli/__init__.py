"""The command line. Nothing here imports torch before a command needs it."""

from interpret.cli.shell import main as main
