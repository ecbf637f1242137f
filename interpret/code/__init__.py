"""Source of Python modules, read before anything runs.

- ``sources``: the files of modules, found and read without an import.
- ``references``, ``dependencies``: what a class or function runs with; its hash is part of a step's key.
- ``imports``: classes by import path, as a stranger's pipeline names them, judged before an import.
- ``functions``: functions by import path, of packages that the user allows.
"""

from interpret.code.dependencies import classes_of, code_version
from interpret.code.functions import check_function_path, import_function
from interpret.code.imports import FORM, ImportPath, check_import_path, import_target, signature

__all__ = [
    "FORM",
    "ImportPath",
    "check_function_path",
    "check_import_path",
    "classes_of",
    "code_version",
    "import_function",
    "import_target",
    "signature",
]
