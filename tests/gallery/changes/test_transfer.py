"""Exports: what another gallery with another key gets out of them, and what broken ones do."""

import base64
import json
import stat

import numpy as np
import pytest

from kerasface.gallery.store import Consent, GalleryError, GalleryFileError, NameTakenError, OtherEmbedderError

CONSENT = Consent("2020-01-01T00:00:00+00:00", "door", "2020-02-01T00:00:00+00:00")
BOX = (1.0, 2.5, 3.0, 4.0)


@pytest.fixture
def other(open_at, tmp_path):
    """An empty gallery with another key."""
    return open_at(tmp_path / "other" / "gallery", key=b"o" * 32)


@pytest.fixture
def exported(gallery, new_sample, tmp_path):
    """An open export of Ada with two samples and a refusal, Bob with an expired consent, and Cy without samples."""
    gallery.enroll("Ada", [new_sample("ada/1.jpg"), new_sample("ada/2.jpg", created="2021-05-05T05:05:05+00:00")])
    gallery.refuse_match("0" * 64, BOX, "Ada")
    gallery.enroll("Bob", [new_sample("Böb.jpg")])
    gallery.set_consent("Bob", CONSENT)
    gallery.enroll("Cy", [])
    assert gallery.export(tmp_path / "export") == 3
    return tmp_path / "export"


def contents(gallery):
    """All of a gallery but ids and the times that an import makes anew."""
    return {
        person.name: (
            person.consent,
            [(sample.source, sample.source_hash, sample.quality) for sample in gallery.samples(person.name)],
            gallery.embeddings(person.name).tolist(),
            [(refusal.source_hash, refusal.box) for refusal in gallery.refusals_of(person.name)],
        )
        for person in gallery.people()
    }


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_another_gallery_gets_everything(gallery, other, exported, tmp_path, passphrase):
    file = tmp_path / "again"
    gallery.export(file, passphrase=passphrase)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert other.import_(file, passphrase=passphrase) == 3
    assert contents(other) == contents(gallery)
    assert other.samples("Ada")[1].created == "2021-05-05T05:05:05+00:00"
    assert other.check() == []


def test_an_export_without_passphrase_says_that_it_is_open(exported, new_sample):
    """Anyone can read it with a JSON reader: float32, little end first, in base64."""
    first, ada, *_ = map(json.loads, exported.read_text(encoding="utf-8").splitlines())
    assert (first["encrypted"], first["num_persons"], first["embedder"]) == (None, 3, "embedder-a")
    embedding = np.frombuffer(base64.b64decode(ada["samples"][0]["embedding"]), dtype="<f4")
    np.testing.assert_array_equal(embedding, new_sample("ada/1.jpg").embedding)


def test_an_export_with_passphrase_shows_nobody(gallery, exported, tmp_path):
    gallery.export(tmp_path / "sealed", passphrase="correct horse")
    content = (tmp_path / "sealed").read_bytes()
    assert exported.read_bytes().count(b'"Ada"') == 1  # base64 has no quotation marks, and may have an Ada
    for text in (b'"Ada"', b"ada/1.jpg", b'embedding"', b"0" * 64, b"correct"):
        assert text not in content
    assert json.loads(content.splitlines()[0])["encrypted"]["kdf"] == "scrypt"


def test_a_file_that_exists_is_not_overwritten(gallery, exported):
    before = exported.read_bytes()
    with pytest.raises(GalleryFileError, match="exists already"):
        gallery.export(exported)
    assert exported.read_bytes() == before


def test_an_export_that_cannot_be_written_leaves_nothing(gallery, exported, tmp_path):
    with pytest.raises(GalleryFileError, match="cannot be written"):
        gallery.export(tmp_path / "missing" / "export")
    with pytest.raises(ValueError, match="passphrase must not be empty"):
        gallery.export(tmp_path / "sealed", passphrase="")
    assert not (tmp_path / "sealed").exists()


def test_a_known_name_ends_the_import_unless_merged(other, exported, new_sample):
    mine = other.enroll("Bob", [new_sample("mine.jpg")])
    with pytest.raises(NameTakenError, match="somebody named 'Bob' already; nobody was imported"):
        other.import_(exported)
    assert other.people() == [mine]
    for _ in range(2):  # the second time nothing is new
        other.import_(exported, merge=True)
        assert [sample.source for sample in other.samples("Bob")] == ["mine.jpg", "Böb.jpg"]
        assert [person.num_samples for person in other.people()] == [2, 2, 0]
    assert other.person("Bob").person_id == mine.person_id
    assert other.person("Bob").consent == CONSENT


def test_another_embedders_export_is_refused(open_at, exported, tmp_path):
    third = open_at(tmp_path / "third", embedder="embedder-c")
    with pytest.raises(OtherEmbedderError, match=r"embedder-a.*embedder-c"):
        third.import_(exported)
    assert third.people() == []


@pytest.mark.slow
def test_a_passphrase_is_wanted_where_there_is_one_and_only_there(gallery, other, exported, tmp_path):
    gallery.export(tmp_path / "sealed", passphrase="correct horse")
    with pytest.raises(GalleryError, match="is encrypted: give its passphrase"):
        other.import_(tmp_path / "sealed")
    with pytest.raises(GalleryError, match="is not encrypted: give no passphrase"):
        other.import_(exported, passphrase="correct horse")
    with pytest.raises(GalleryError, match="line 2: the passphrase is wrong, or the file was altered"):
        other.import_(tmp_path / "sealed", passphrase="wrong horse")
    assert other.people() == []


@pytest.mark.slow
def test_lines_of_an_encrypted_export_cannot_be_exchanged_or_left_out(gallery, other, exported, tmp_path):
    gallery.export(tmp_path / "sealed", passphrase="correct horse")
    first, second, third, fourth = (tmp_path / "sealed").read_bytes().splitlines(keepends=True)
    fewer = first.replace(b'"num_persons": 3', b'"num_persons": 2')
    for lines in ([first, third, second, fourth], [first, second, fourth], [fewer, second, third]):
        (tmp_path / "sealed").write_bytes(b"".join(lines))
        with pytest.raises(GalleryError, match="was altered"):
            other.import_(tmp_path / "sealed", passphrase="correct horse")
    assert other.people() == []


def replaced(lines, old, new):
    """Lines with a part of Ada's, the second, replaced."""
    assert old in lines[1]
    return [lines[0], lines[1].replace(old, new), *lines[2:]]


BROKEN = {
    "empty": (lambda lines: [], "line 1: not JSON"),
    "not JSON": (lambda lines: [b"\xff\xfe"], "line 1: not JSON"),
    "nested too deeply": (lambda lines: [b"[" * 100_000], "line 1: not JSON"),
    "a list": (lambda lines: [b"[1]\n"], "line 1: not a JSON object"),
    "something else": (lambda lines: [b"{}\n"], "no export of a gallery"),
    "a line missing": (lambda lines: lines[:-1], "line 4: the file ends here, of 3 persons"),
    "cut": (lambda lines: [*lines[:-1], lines[-1][:9]], "line 4: not JSON"),
    "no name": (lambda lines: [*lines[:-1], b'{"consent": null, "samples": []}\n'], "line 4: not a person"),
    "no text": (lambda lines: replaced(lines, b'"name": "Ada"', b'"name": 3'), "line 2: not a person"),
    "bad embedding": (lambda lines: replaced(lines, b'"embedding": "', b'"embedding": "AAAA'), "line 2: not a person"),
    "unknown part": (lambda lines: replaced(lines, b'"source"', b'"origin"'), "line 2: not a person"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_export_is_named_with_its_line_and_adds_nobody(other, exported, kind):
    change, words = BROKEN[kind]
    exported.write_bytes(b"".join(change(exported.read_bytes().splitlines(keepends=True))))
    with pytest.raises(GalleryError, match=words) as caught:
        other.import_(exported)
    assert str(exported) in str(caught.value)
    assert (other.people(), other.version) == ([], 0)


def test_an_export_that_asks_for_another_cost_is_refused(gallery, other, exported, tmp_path):
    gallery.export(tmp_path / "sealed", passphrase="correct horse")
    content = (tmp_path / "sealed").read_bytes()
    (tmp_path / "sealed").write_bytes(content.replace(b'"n": 131072', b'"n": 1073741824'))
    with pytest.raises(GalleryError, match="encrypted in a way that this KerasFace does not know"):
        other.import_(tmp_path / "sealed", passphrase="correct horse")


def test_a_missing_file_is_named(other, tmp_path):
    with pytest.raises(GalleryFileError, match="nowhere cannot be read"):
        other.import_(tmp_path / "nowhere")
