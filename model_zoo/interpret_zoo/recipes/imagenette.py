"""What made the weights ``imagenette`` is now ``interpret_training.bundled.imagenette``."""

from interpret_zoo.recipes import moved

moved(__name__, "imagenette")
