"""The report on the machine: what is there, what is missing, and what to do about it."""

import json
from dataclasses import replace

import pytest

from kerasface import __version__, environment
from kerasface.models.pretrained import LEDGER


def test_the_report_of_a_complete_installation():
    report = environment.report()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["versions"]["kerasface"] == __version__
    assert report["missing"] == []
    assert report["precision"] in ("float32", "bfloat16")
    assert report["device"].startswith("GPU" if report["gpus"] else "CPU")
    assert 0 < report["embedding_seconds"] < 10
    assert [line["name"] for line in report["pretrained"]] == [entry.name for entry in LEDGER]


def test_missing_weights_are_said_with_the_remedy_and_nothing_is_run(monkeypatch):
    absent = replace(LEDGER[0], package="package-that-is-not-there")
    monkeypatch.setattr(environment, "LEDGER", (absent, *LEDGER[1:]))
    monkeypatch.setattr(environment, "_embedding_seconds", lambda: pytest.fail("the embedder was run"))
    report = environment.report()
    (sentence,) = report["missing"]
    assert absent.package in sentence
    assert absent.remedy in sentence
    assert report["embedding_seconds"] is None


def hide(monkeypatch, *hidden):
    """Makes some packages look as if they were not installed, and every other one as version 9."""

    def version(package):
        if package in hidden:
            raise environment.importlib.metadata.PackageNotFoundError(package)
        return "9"

    monkeypatch.setattr(environment.importlib.metadata, "version", version)


def test_a_missing_package_is_said_with_the_remedy(monkeypatch):
    hide(monkeypatch, "plotly")
    monkeypatch.setattr(environment, "_embedding_seconds", lambda: 0.01)
    assert environment.report()["missing"] == ["plotly is not installed. Run: pip install plotly"]


@pytest.mark.parametrize("absent", ["tensorflow", "tensorflow-cpu"])
def test_one_build_of_tensorflow_suffices(monkeypatch, absent):
    hide(monkeypatch, absent)
    assert absent not in environment.versions()
    assert None not in environment.versions().values()


def test_no_build_of_tensorflow_is_missing(monkeypatch):
    hide(monkeypatch, "tensorflow", "tensorflow-cpu")
    versions = environment.versions()
    assert versions["tensorflow"] is versions["tensorflow-cpu"] is None
