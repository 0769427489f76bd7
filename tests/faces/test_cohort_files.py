"""A part of a cohort as one file: what is written is read, and what is no part is told."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from kerasface.faces.rates.cohorts import CohortCard, CohortError, part_to_file, read_part

CARD = CohortCard("crew", "photos", "face", "ours", 40, 12, 1, 1, 1.3, 0, 0.8, 0.9, 1.0, "", "2026-01-02")


@pytest.fixture
def part():
    rows = np.random.default_rng(0).normal(size=(50, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def file(part, tmp_path):
    path = tmp_path / "crew.cohort.npz"
    path.write_bytes(part_to_file(part, CARD))
    return path


def contents(file):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(file, parts):
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_what_is_written_is_read_without_pickle(part, file):
    card, read = read_part(file)
    assert read == pytest.approx(part, abs=0.005)
    assert np.linalg.norm(read, axis=1) == pytest.approx(1)
    assert card == replace(CARD, size=50, scale=card.scale, sha256=card.sha256)
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["vectors"].dtype == np.int8


def test_an_altered_part_is_told(file):
    parts = contents(file)
    parts["vectors.npy"] = parts["vectors.npy"][:-1] + b"\x00"
    rewritten(file, parts)
    with pytest.raises(CohortError, match=r"crew\.cohort\.npz: It was altered"):
        read_part(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts.pop("card.json"), "is no part of a cohort"),
        (lambda parts: parts.update({"card.json": b"{"}), "is no part of a cohort"),
        (lambda parts: parts.update({"card.json": b'{"name": 1}'}), "has the keys"),
        (
            lambda parts: parts.update({"card.json": json.dumps({**json.loads(parts["card.json"]), "size": 7})}),
            "by its card 7 embeddings",
        ),
        (
            lambda parts: parts.update({"card.json": json.dumps({**json.loads(parts["card.json"]), "scale": "x"})}),
            "is no part of a cohort",
        ),
    ],
)
def test_what_is_no_part_is_told_with_its_name(file, change, message):
    parts = contents(file)
    change(parts)
    rewritten(file, parts)
    with pytest.raises(CohortError, match=message) as told:
        read_part(file)
    assert str(file) in str(told.value)


def test_other_files_and_none_are_told(tmp_path):
    (tmp_path / "x.cohort.npz").write_bytes(b"no archive")
    with pytest.raises(CohortError, match="is no part of a cohort"):
        read_part(tmp_path / "x.cohort.npz")
    with pytest.raises(CohortError, match="cannot be read: No such file"):
        read_part(tmp_path / "absent.cohort.npz")
