"""The commands that look after people, on made-up embeddings: what they ask, undo, refuse, and leave behind."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.faces import quality
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.gallery.changes import transfer
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from tests.faces.rates.test_own_points import own_points


@pytest.fixture(autouse=True)
def _own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setitem(transfer._SCRYPT, "n", 2**10)  # half a second for each passphrase is for those who guess
    for name in ("KERASFACE_KEY", "KERASFACE_PASSPHRASE", "KERASFACE_GALLERY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "of" / "g.gallery"


@pytest.fixture
def run(path):
    def call(*words, code=0, typed=None, gallery=path):
        done = CliRunner().invoke(main, [*map(str, words), "--gallery", str(gallery)], input=typed)
        assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
        return done

    return call


@pytest.fixture
def sees(front_end, monkeypatch):
    """Says which embeddings the faces of the next photos have, a list for each photo."""
    monkeypatch.setattr("kerasface.faces.analyzer.FaceAnalyzer", lambda *_, **__: front_end)

    def see(*photos):
        front_end.lists = [list(embeddings) for embeddings in photos]

    return see


@pytest.fixture
def photos(tmp_path):
    """Five different photo files."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        Image.new("RGB", (40 + number, 30), (9 * number, 9, 9)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def direction(seed):
    """A unit embedding of nobody; of two seeds they are as alike as different people are."""
    return normalizer_of(embedder_fingerprint()).cohort[1000 + 41 * seed]


def opened(path):
    return open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM)


@pytest.fixture
def people(path):
    """A gallery of Ada, twice, once as Adele, and of Bob."""
    with opened(path) as gallery:
        for name, seed, count in (("Ada", 1, 2), ("Adele", 1, 1), ("Bob", 2, 1)):
            hashes = [f"{seed}{name[-1]}{number}".encode().hex().zfill(64) for number in range(count)]
            gallery.enroll(name, [NewSample(direction(seed), f"{name}.jpg", each) for each in hashes])
    return path


def names_in(path):
    with opened(path) as gallery:
        return {person.name: person.num_samples for person in gallery.people()}


def test_alike_people_are_merged_and_taken_apart_again(run, people):
    told = run("people", "merge", "Ada", "Adele").stdout
    assert "Ada and Adele are alike, as photos of one person are: normalized scores: mean " in told
    assert "Ada has 3 samples now, Adele is gone" in told
    assert "Adele with 1 sample merged into it" in run("people", "show", "Ada").stdout
    assert json.loads(run("people", "show", "Ada", "--json").stdout)["merged"][0]["name"] == "Adele"
    assert "'Bob'" not in run("people", "unmerge", "Ada", "Bob", code=1).stderr
    assert "Adele has 1 sample, Ada has 2 samples" in run("people", "unmerge", "Ada").stdout
    assert names_in(people) == {"Ada": 2, "Adele": 1, "Bob": 1}
    assert "could be undone" in run("people", "unmerge", "Ada", code=1).stderr


@pytest.mark.parametrize("answer", ["n\n", "", "what\n"])
def test_people_who_are_not_alike_are_merged_only_with_a_yes(run, people, answer):
    done = run("people", "merge", "Ada", "Bob", typed=answer, code=1)
    assert "Ada and Bob do not look like one person: normalized scores: mean -" in done.stdout
    assert "Make Bob and Ada one person all the same?" in done.stderr
    assert done.stderr.splitlines()[-1] == "Error: Nothing was merged. --force merges Bob into Ada without asking."
    assert names_in(people) == {"Ada": 2, "Adele": 1, "Bob": 1}


@pytest.mark.parametrize(("words", "answer"), [(["--force"], None), ([], "y\n")])
def test_a_merge_that_is_meant_is_made(run, people, words, answer):
    run("people", "merge", "Ada", "Bob", *words, typed=answer)
    assert names_in(people) == {"Ada": 3, "Adele": 1}
    run("people", "unmerge", "Ada", "Bob")
    assert names_in(people) == {"Ada": 2, "Adele": 1, "Bob": 1}


def test_a_dry_run_only_says_how_alike_they_are(run, people):
    found = json.loads(run("people", "merge", "Ada", "Bob", "--dry-run", "--json").stdout)
    assert (found["merged"], found["likeness"]["is_alike"], found["likeness"]["num_pairs"]) == (False, False, 2)
    expected = float(normalizer_of(embedder_fingerprint()).scores(direction(1)[None], direction(2)[None])[0, 0])
    assert found["likeness"]["mean"] == pytest.approx(expected, abs=1e-3)
    assert found["likeness"]["best"] == pytest.approx(expected, abs=1e-3)
    assert "Bob" in names_in(people)


@pytest.mark.parametrize(("answer", "words"), [("n\n", []), ("", []), ("", ["--sample", "1"])])
def test_a_deletion_that_is_not_confirmed_ends_in_a_sentence(run, people, answer, words):
    done = run("people", "delete", "Ada", *words, typed=answer, code=1)
    assert done.stderr.splitlines()[-1].startswith("Error: Nothing was deleted: ")
    assert names_in(people)["Ada"] == 2


@pytest.mark.parametrize("words", [["--passphrase", "-"], ["--passphrase"]])
def test_a_passphrase_need_not_stand_on_the_command_line(run, people, tmp_path, words):
    assert "3 people, encrypted" in run("people", "export", tmp_path / "e", *words, typed="four words\n").stdout
    assert b'"Ada"' not in (tmp_path / "e").read_bytes()
    other = tmp_path / "other.gallery"
    assert (
        "no passphrase"
        in run("people", "import", tmp_path / "e", *words, typed="", code=1, gallery=other).stderr.lower()
    )
    assert not other.exists()
    run("people", "import", tmp_path / "e", *words, typed="four words\n", gallery=other)
    assert names_in(other) == {"Ada": 2, "Adele": 1, "Bob": 1}


def cut(file):
    file.write_bytes(file.read_bytes()[:-200])


@pytest.mark.parametrize("fault", ["passphrase", "cut", "missing"])
def test_an_import_that_fails_leaves_no_gallery(run, people, tmp_path, fault, photos, sees):
    file, fresh = tmp_path / "e", tmp_path / "new" / "fresh.gallery"
    run("people", "export", file, *(["--passphrase", "right"] if fault == "passphrase" else []))
    {"passphrase": lambda file: None, "cut": cut, "missing": lambda file: file.unlink()}[fault](file)
    wrong = ["--passphrase", "wrong"] if fault == "passphrase" else []
    run("people", "import", file, *wrong, code=1, gallery=fresh)
    assert not fresh.parent.exists()
    assert "There is no gallery" in run("identify", photos[0], code=1, gallery=fresh).stderr


def test_an_import_tells_who_looks_like_somebody_there(run, people, tmp_path):
    run("people", "export", tmp_path / "e")
    other = tmp_path / "other.gallery"
    with opened(other) as gallery:
        for name, seed in (("Augusta", 1), ("Cyd", 5), ("Dan", 6)):
            gallery.enroll(name, [NewSample(direction(seed), name, f"{seed}" * 64)])
    found = json.loads(run("people", "import", tmp_path / "e", "--json", gallery=other).stdout)
    assert found["num_people"] == 3
    assert {(row["name"], row["other"]) for row in found["look_alikes"]} == {("Ada", "Augusta"), ("Adele", "Augusta")}


@pytest.mark.slow
def test_photos_of_nobody_make_no_gallery(run, path, photos, sees):
    sees([], [])
    assert "0 of 2 photos enrolled, 0 people" in run("enroll", "Ada", *photos[:2], code=1).stdout
    assert not path.parent.exists()
    sees([direction(1)])
    assert "1 of 1 photo enrolled, 1 person in the gallery" in run("enroll", "Ada", photos[0]).stdout
    assert "1 person in" in run("people", "list").stdout
    assert "Ada  1 sample " in run("people", "list").stdout


TWO_GROUPS = [[direction(1), direction(2)], [direction(1), direction(2)], [direction(1)], [direction(3)], []]


@pytest.mark.slow
def test_names_of_clusters_are_given_all_or_none(run, path, photos, sees):
    sees(*TWO_GROUPS)
    done = run("cluster", photos[0].parent, "--name", "0=Tom", "--name", "7=X", code=1)
    assert "There are clusters 0 to 1. Received: cluster=7" in done.stderr
    assert not path.parent.exists()
    sees(*TWO_GROUPS)
    done = run("cluster", photos[0].parent, "--name", "0=Tom", "--name", "1=0123456789abcdef", code=1)
    assert "A name must have" in done.stderr
    assert not path.parent.exists()


@pytest.mark.slow
def test_clusters_are_enrolled_past_the_gate(run, path, photos, sees, monkeypatch):
    sees(*TWO_GROUPS, *TWO_GROUPS[:3], *TWO_GROUPS[:2])
    done = run("cluster", photos[0].parent, "--name", "0=Tom", "--name", "1=Uma", "--purpose", "the album")
    assert "Tom: 3 faces enrolled" in done.stdout
    assert "Uma: 2 faces enrolled" in done.stdout  # of the same files, which are no duplicates: it is another face
    with opened(path) as gallery:
        np.testing.assert_allclose(gallery.embeddings("Uma"), [direction(2)] * 2, atol=1e-6)
        assert all(sample.quality for sample in gallery.samples("Uma"))
        assert gallery.person("Uma").consent.purpose == "the album"
    run("people", "delete", "Uma", "--yes")
    run("people", "delete", "Tom", "--yes")
    monkeypatch.setattr(quality, "MIN_SIDE", 5000.0)
    sees(*TWO_GROUPS, *TWO_GROUPS[:3])
    done = run("cluster", photos[0].parent, "--name", "0=Tom", code=1)
    assert "at least 5000 are needed" in done.stderr
    assert "Tom: 0 faces enrolled" in done.stdout
    assert names_in(path) == {}


@pytest.mark.slow
def test_a_face_of_several_can_be_picked(run, path, photos, sees):
    sees([direction(1), direction(2)])
    refused = run("enroll", "Ada", photos[0], code=1).stderr
    assert "It shows 2 faces and none stands out; choose one by its number, from 1 for the largest." in refused
    assert "--face N" in refused
    sees([direction(1), direction(2)])
    run("enroll", "Ada", photos[0], "--face", 2)
    with opened(path) as gallery:
        np.testing.assert_allclose(gallery.embeddings("Ada"), [direction(2)], atol=1e-6)
    sees([direction(1), direction(2)])
    assert (
        "it has no face 3: they are numbered from 1, the largest, to 2"
        in run("enroll", "Bob", photos[0], "--face", 3, code=1).stderr
    )
    assert "of one photo" in run("enroll", "Bob", *photos[:2], "--face", 1, code=2).stderr


@pytest.mark.parametrize("day", ["31.12.2999", "2999-13-01", "tomorrow", "2999-12-31T10:00", "2001-01-01"])
@pytest.mark.parametrize("command", [["enroll", "Ada", "x.png"], ["people", "consent", "Ada"], ["cluster", "."]])
def test_a_wrong_day_names_the_form_that_the_help_names(run, people, day, command):
    form = "2027-12-31"
    assert form in run(*command[: 2 if command[0] == "people" else 1], "--help").stdout
    said = run(*command, "--purpose", "x", "--expires", day, code=2).stderr
    assert form in said
    assert day in said


def test_the_answer_says_whose_probability_it_is(run, path, photos, sees, people):
    sees([direction(2)])
    told = run("identify", photos[0]).stdout
    assert "MATCH: Bob" in told
    assert "% that this is Bob)" in told
    sees([direction(77)])
    told = run("identify", photos[0]).stdout
    assert "UNKNOWN: Most alike is " in told
    who = told.split("Most alike is ")[1].split(":")[0]
    assert f"% that this is {who})" in told
    sees([direction(77)])
    (face,) = json.loads(run("identify", photos[0], "--json").stdout)[0]["faces"]
    assert (face["name"], face["most_alike"]) == (None, who)
    assert face["probability_text"].endswith(f" % that this is {who}")


@pytest.mark.slow
def test_a_photo_that_is_not_there_is_said_once(run, people, sees):
    sees()
    said = run("identify", "nowhere.png", code=1)
    assert said.stderr.count("nowhere.png") == 1
    assert said.stdout == ""


def test_thresholds_of_ones_own_judge_a_merge_and_go_along_with_an_export(run, people, tmp_path):
    with opened(people) as gallery:
        gallery.keep_own_points(own_points({0.01: 90.0, 0.001: 90.0}).to_dict(), "43 people")
    assert "do not look like one person" in run("people", "merge", "Ada", "Adele", typed="n\n", code=1).stdout
    run("people", "export", tmp_path / "e")
    told = run("people", "import", tmp_path / "e", gallery=tmp_path / "other.gallery").stdout
    assert "The thresholds of 43 people of one's own (crew), measured on 2026-01-02, decide." in told


def test_thresholds_that_are_none_are_not_imported(run, people, tmp_path):
    with opened(people) as gallery:
        gallery.keep_own_points({"name": "crew"}, "43 people")
    run("people", "export", tmp_path / "e")
    told = run("people", "import", tmp_path / "e", gallery=tmp_path / "new" / "other.gallery", code=1)
    assert "one's own were altered or are none" in told.stderr
    assert not (tmp_path / "new").exists()
    assert "were altered or are none" in run("people", "thresholds", code=1).stderr
    assert "Bob  1 sample" in run("people", "list").stdout
    assert "None of one's own" in run("people", "thresholds", "--forget").stdout


def test_an_older_copy_is_told_and_taken_only_if_asked(run, path, people):
    run("people", "rename", "Ada", "Ida")
    copy = path.read_bytes()
    run("people", "rename", "Ida", "Ina")
    path.write_bytes(copy)
    assert "older copy of itself" in run("people", "list", code=1).stderr
    assert "older copy of itself" in run("people", "check", code=1).stdout
    done = run("people", "check", "--accept")
    assert "accepted: " in done.stderr
    assert done.stdout == f"{path}: sound\n"
    assert "Ida" in run("people", "list").stdout
