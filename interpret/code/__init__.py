"""Source of Python modules, read before anything runs.

- ``sources``: the files of modules, found and read without an import.
- ``references``, ``dependencies``: what a class or function runs with; its hash is part of a step's key.
- ``imports``: classes by import path, as a stranger's pipeline names them, judged before an import.
"""

from interpret.code.dependencies import classes_of, code_version
from interpret.code.imports import FORM, ImportPath, check_import_path, import_target, signature

__all__ = [
    "FORM",
    "ImportPath",
    "check_import_path",
    "classes_of",
    "code_version",
    "import_target",
    "signature",
]
