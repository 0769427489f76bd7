"""Some of the mutants of benchmarks/fuzz.py; a whole run tries 50,000."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COUNTS = {"images": 150, "cards": 150, "recipes": 100, "tables": 150, "zips": 60, "onnx": 20, "galleries": 25}


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", ROOT / "benchmarks" / "fuzz.py")
    module = sys.modules["fuzz"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fuzz"]


def test_every_kind_of_file_is_tried(fuzz):
    assert fuzz.KINDS.keys() == COUNTS.keys()
    assert sum(kind.count for kind in fuzz.KINDS.values()) == 50_000


def test_a_mutant_comes_again_by_its_number(fuzz):
    first, again, other = (fuzz.mutant("cards", number, 0) for number in (7, 7, 8))
    assert first == again != other


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_whatever_was_done_to_a_file_it_is_read_or_refused_in_a_sentence(fuzz, kind, monkeypatch):
    monkeypatch.setattr(fuzz, "CPU_SECONDS", 20.0)  # of a machine that does other things; the benchmark measures
    counts, _, failures = fuzz.fuzz(kind, COUNTS[kind], seed=1)
    assert failures == []
    assert sum(counts.values()) == COUNTS[kind]
    assert counts["refused"] > 0
    assert counts["read"] > 0
