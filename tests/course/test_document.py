"""docs/course.md is what docs/course.py writes."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_it_is_up_to_date():
    spec = importlib.util.spec_from_file_location("docs_course", DOCS / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "course.md").read_text(encoding="utf-8") == module.generated(), "Run: python docs/course.py"
