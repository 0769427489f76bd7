"""The floors of the house: what stands on one imports from there and from below, and nothing in a circle."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    {"kerasface", "moved", "arrays", "files", "images", "terminal", "losses", "evaluation"},
    {"models"},
    {"runs", "plotting", "gallery"},
    {"faces"},
    {"data"},
    {"tasks", "inspection", "population", "unlock", "environment", "password", "course"},
    {"reports"},
    {"train"},
    {"cli", "__main__", "pages", "app", "service"},
)
FLOOR_OF = {unit: floor for floor, units in enumerate(FLOORS) for unit in units}
# Package -> places that may import it, as path prefixes relative to the repository.
CONFINED = {
    "streamlit": ("app.py", "pages/"),
    "click": ("kerasface/cli/", "kerasface/train/__main__.py"),
    "sqlite3": ("kerasface/gallery/",),
    **dict.fromkeys(("fastapi", "uvicorn", "prometheus_client", "httpx"), ("kerasface/service/",)),
    "psycopg": ("kerasface/gallery/",),
}


def source_files():
    """Paths of all product sources, relative to the repository root, as POSIX strings."""
    files = [ROOT / "app.py", *(ROOT / "kerasface").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    return sorted(file.relative_to(ROOT).as_posix() for file in files if file.is_file())


def unit_of(path):
    """Unit that a source file belongs to: `kerasface/faces/detection.py` -> `faces`, `pages/home.py` -> `pages`."""
    parts = Path(path).with_suffix("").parts
    if parts[0] != "kerasface":
        return parts[0]
    return "kerasface" if parts[1] == "__init__" else parts[1]


@cache
def imported_names(source, package):
    """Full dotted names that a source imports, anywhere in it; relative imports are resolved against `package`."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


def imported_units(source, package):
    """Units of this project that a source imports: `from kerasface.faces import detection` -> `faces`."""
    units = set()
    for name in imported_names(source, package):
        parts = name.split(".")
        if parts[0] in ("app", "pages"):
            units.add(parts[0])
        elif parts[0] == "kerasface":
            units.add(parts[1] if len(parts) > 1 and not parts[1].startswith("__version") else "kerasface")
    return units


def violations(path, source):
    """Sentences about imports of `source`, the text of file `path`, that lead up a floor."""
    unit = unit_of(path)
    found = []
    for other in sorted(imported_units(source, ".".join(Path(path).parts[:-1])) | {unit}):
        if other not in FLOOR_OF:
            found.append(f"{path}: {other!r} stands on no floor; add it to FLOORS.")
        elif FLOOR_OF[other] > FLOOR_OF.get(unit, len(FLOORS)):
            found.append(f"{path}: {unit!r} (floor {FLOOR_OF[unit]}) imports {other!r} (floor {FLOOR_OF[other]}).")
    return found


def module_of(path):
    """`kerasface/faces/__init__.py` -> `kerasface.faces`."""
    parts = Path(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Imports(ast.NodeVisitor):
    """The modules that a source imports when it runs: what is there for type checkers alone does not count."""

    def __init__(self, modules):
        self.modules, self.found = modules, set()

    def visit_If(self, node):
        if ast.unparse(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_Import(self, node):
        self.found |= {alias.name for alias in node.names} & self.modules

    def visit_ImportFrom(self, node):
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            self.found |= {name if name in self.modules else node.module} & self.modules


def circle(imports):
    """A list of modules that import each other in a circle, or nothing; `imports` is what each one imports."""
    try:
        tuple(TopologicalSorter(imports).static_order())
    except CycleError as error:
        return error.args[1]
    return []


def imports_of(sources):
    modules = {module_of(path): source for path, source in sources.items()}
    found = {}
    for name, source in modules.items():
        visitor = Imports(set(modules))
        visitor.visit(ast.parse(source))
        found[name] = visitor.found - {name}
    return found


@pytest.mark.parametrize("path", source_files())
def test_imports_lead_to_no_higher_floor(path):
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(imports_of({path: (ROOT / path).read_text(encoding="utf-8") for path in source_files()})) == []


def test_a_circle_is_seen_also_through_functions_and_not_in_types():
    first = "def f():\n    from kerasface.b import g"
    assert circle(imports_of({"kerasface/a.py": first, "kerasface/b.py": "import kerasface.a"}))
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kerasface.a import f"
    assert not circle(imports_of({"kerasface/a.py": first, "kerasface/b.py": typed}))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("kerasface/images/decoding.py", "from kerasface.models import zoo"),
        ("kerasface/images/decoding.py", "def f():\n    import kerasface.cli"),
        ("kerasface/faces/detection.py", "from ..data.pairs import read_pairs"),
        ("kerasface/tasks/verification.py", "from kerasface import reports"),
        ("kerasface/novelty.py", ""),
    ],
)
def test_a_wrong_import_is_seen(path, source):
    assert len(violations(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("kerasface/faces/detection.py", "from .alignment import align\nfrom ..images import decoding"),
        ("kerasface/cli/__init__.py", "from kerasface import __version__, tasks"),
        ("pages/home.py", "from kerasface.environment import report\nfrom pages import photos"),
    ],
)
def test_a_right_import_passes(path, source):
    assert violations(path, source) == []


@pytest.mark.parametrize("package", sorted(CONFINED))
def test_confined_packages_stay_in_their_place(package):
    offenders = [
        path
        for path in source_files()
        if not path.startswith(CONFINED[package])
        and any(
            name.split(".")[0] == package
            for name in imported_names((ROOT / path).read_text(encoding="utf-8"), ".".join(Path(path).parts[:-1]))
        )
    ]
    assert offenders == []


@pytest.mark.parametrize("module", ["kerasface", "kerasface.cli", "kerasface.plotting"])
def test_import_is_light(module):
    code = (
        f"import sys, {module}; print([name for name in ('tensorflow', 'keras', 'streamlit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "pages").glob("[a-z]*.py")))
def test_a_page_starts_over_through_the_app_before_it_imports_anything_else(page):
    """Streamlit runs a page alone for whoever asks a new server for it: with no sign of the wait, and a wrong menu."""
    _, first, second, *_ = ast.parse((ROOT / "pages" / page).read_text(encoding="utf-8")).body
    assert ast.unparse(first) == "from pages.parts.server.navigation import enter_through_app"
    assert ast.unparse(second) == "enter_through_app()"


def test_what_starts_over_is_imported_at_once():
    heavy = "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    code = f"import sys, pages.parts.server.navigation; {heavy}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_scripts_of_pages_are_short():
    """A page asks, calls and shows; what it shows is in `pages/parts`."""
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in (ROOT / "pages").glob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 60} == {}
