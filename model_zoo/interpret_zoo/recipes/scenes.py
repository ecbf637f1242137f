"""What made the weights ``scenes`` is now ``interpret_training.bundled.scenes``."""

from interpret_zoo.recipes import moved

moved(__name__, "scenes")
