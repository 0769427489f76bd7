"""Who may import whom: a unit of `kerasface` imports only units of a lower rank and its own submodules."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RANKS = (
    {"kerasface"},
    {"arrays", "errors", "streams", "words"},
    {"image_headers", "image_values", "files", "locks"},
    {"images"},
    {"replacement"},
    {"losses", "segmentation_losses", "evaluation"},
    {"plotting"},
    {"models"},
    {"faces", "gallery"},
    {"data"},
    {"runs"},
    {
        "verify",
        "recognise",
        "segment",
        "identify",
        "likeness",
        "error_report",
        "population",
        "environment",
        "inspection",
        "unlock",
        "password",
        "terminal",
        "export",
    },
    {"enroll"},
    {"cluster", "importing"},
    {"train"},
    {"cli", "__main__"},
    {"pages"},
    {"app"},
)
RANK_OF = {unit: rank for rank, units in enumerate(RANKS) for unit in units}
# Package -> places that may import it, as path prefixes relative to the repository.
CONFINED = {
    "streamlit": ("app.py", "pages/"),
    "click": ("kerasface/cli/", "kerasface/train/__main__.py"),
    "sqlite3": ("kerasface/gallery/",),
    "psycopg": ("kerasface/gallery/",),
}
# `python -m kerasface` runs the command line, so it stands on the same step and may start it.
ALLOWED_BESIDE_RANKS = {("__main__", "cli")}


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
    """Sentences about imports of `source`, the text of file `path`, that break the ranks."""
    unit = unit_of(path)
    if unit not in RANK_OF:
        return [f"{path}: unit {unit!r} has no rank; add it to RANKS."]
    found = []
    for other in sorted(imported_units(source, ".".join(Path(path).parts[:-1])) - {unit}):
        if other not in RANK_OF:
            found.append(f"{path}: imports {other!r}, which has no rank; add it to RANKS.")
        elif RANK_OF[other] >= RANK_OF[unit] and (unit, other) not in ALLOWED_BESIDE_RANKS:
            found.append(f"{path}: {unit!r} (rank {RANK_OF[unit]}) imports {other!r} (rank {RANK_OF[other]}).")
    return found


@pytest.mark.parametrize("path", source_files())
def test_imports_only_lower_ranks(path):
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("kerasface/images.py", "from kerasface.models import zoo"),
        ("kerasface/images.py", "def f():\n    import kerasface.cli"),
        ("kerasface/faces/detection.py", "from ..runs import load_run"),
        ("kerasface/verify.py", "from kerasface import recognise"),
        ("kerasface/novelty.py", ""),
    ],
)
def test_a_wrong_import_is_seen(path, source):
    assert len(violations(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("kerasface/faces/detection.py", "from .alignment import align\nfrom ..images import decode"),
        ("kerasface/cli/__init__.py", "from kerasface import __version__, verify"),
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
    assert ast.unparse(first) == "from pages._navigation import enter_through_app"
    assert ast.unparse(second) == "enter_through_app()"


def test_what_starts_over_is_imported_at_once():
    code = "import sys, pages._navigation; print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
