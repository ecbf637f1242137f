"""How the weights that come along were made: ``python -m interpret_training.bundled.NAME``."""
