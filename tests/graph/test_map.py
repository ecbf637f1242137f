"""The docstring of `interpret.graph` is its map: every module is on it, and imports only those above it."""

import ast
import re
from pathlib import Path

import interpret.graph

ROOT = Path(interpret.graph.__file__).parent
MODULES = re.findall(r"^  ([a-z_.]+)  ", interpret.graph.__doc__, re.MULTILINE)
ENGINES = MODULES[MODULES.index("receptive") :]
STRUCTURE = {"input", "parameter", "constant", "detach"}
"""What is no operation of a row, and where a signal ends."""


def path(module):
    return ROOT / f"{module.replace('.', '/')}.py"


def imported(module):
    """The modules of the engine that one of them imports from."""
    for node in ast.walk(ast.parse(path(module).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("interpret.graph."):
            owner = node.module.removeprefix("interpret.graph.")
            yield from [owner] if owner in MODULES else (f"{owner}.{alias.name}" for alias in node.names)


def test_every_module_is_on_the_map():
    files = (file.relative_to(ROOT) for file in ROOT.rglob("*.py") if file.name != "__init__.py")
    assert sorted(".".join(file.with_suffix("").parts) for file in files) == sorted(MODULES)


def test_a_module_imports_only_modules_above_it():
    for number, module in enumerate(MODULES):
        assert set(imported(module)) <= set(MODULES[:number]), module


def test_engines_name_no_operation():
    """No ``node.op == "conv2d"`` but for what is no operation."""
    for module in ENGINES:
        for node in ast.walk(ast.parse(path(module).read_text())):
            if isinstance(node, ast.Compare) and getattr(node.left, "attr", "") == "op":
                named = {leaf.value for leaf in ast.walk(node) if isinstance(getattr(leaf, "value", 0), str)}
                assert named <= STRUCTURE, f"{module} names {named}"


def test_no_file_is_long_and_no_public_name_stands_twice():
    owners = {}
    for module in MODULES:
        text = path(module).read_text()
        assert text.count("\n") <= 350, module
        for node in ast.parse(text).body:
            named = [getattr(target, "id", "") for target in getattr(node, "targets", [])]
            for name in [*named, *([node.name] if isinstance(node, ast.ClassDef) else [])]:
                if name not in ("aten", "OPERATIONS"):
                    assert owners.setdefault(name, module) == module, f"{name}: {owners[name]} and {module}"
