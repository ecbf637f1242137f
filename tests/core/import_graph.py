"""Who imports whom, read from the source of the core, the plugins and the zoo."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT, ROOT / "plugins", ROOT / "model_zoo")


@cache
def imported(path):
    """The modules a file imports by name, in full."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports {node.module} from where it stands: write the whole name"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def modules(folders):
    """Every module of the packages ``interpret…`` in some folders, by its name."""
    found = {}
    for folder in folders:
        for path in sorted(folder.glob("interpret*/**/*.py")):
            name = path.relative_to(folder).with_suffix("").parts
            found[".".join(name).removesuffix(".__init__")] = path
    return found


def arrows(known):
    """Of each module those it imports from, and the name it takes there; none where it takes the module."""
    found = {module: set() for module in known}
    for module, path in known.items():
        for name in imported(path):
            owner, _, taken = (name, "", "") if name in known else name.rpartition(".")
            if owner in known and owner != module:
                found[module].add((owner, taken))
    return found


def package(module):
    return module.partition(".")[0]


@cache
def offered(path):
    """What a module lists in ``__all__``."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and [getattr(name, "id", "") for name in node.targets] == ["__all__"]:
            return ast.literal_eval(node.value)
    return []


def between_packages(known):
    """The packages that each package imports from."""
    found = {package(module): set() for module in known}
    for module, taken in arrows(known).items():
        found[package(module)] |= {package(owner) for owner, _ in taken} - {package(module)}
    return found
