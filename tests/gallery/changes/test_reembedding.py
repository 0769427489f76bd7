"""Re-embedding taken back, what it leaves out, and a process that is killed in the middle of it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from kerasface.gallery.store import GalleryError


def axes(samples):
    return np.eye(3, dtype=np.float32)[[sample.sample_id % 3 for sample in samples]]


@pytest.fixture
def people(gallery, new_sample):
    gallery.enroll("Ada", [new_sample("ada/1.jpg"), new_sample("ada/2.jpg")])
    gallery.enroll("Bob", [new_sample("bob/1.jpg")])
    return gallery


def content(gallery):
    return {
        person.name: (gallery.samples(person.person_id), gallery.embeddings(person.person_id).tolist())
        for person in gallery.people()
    }


def test_it_is_taken_back_whole(people, path, open_at):
    before = content(people)
    people.reembed("embedder-b", 3, axes)
    people.undo_reembed()
    assert (people.embedder, content(people), people.check()) == ("embedder-a", before, [])
    assert not path.with_name(f"{path.name}.before-reembed").exists()
    assert content(open_at(path)) == before
    with pytest.raises(GalleryError, match="No copy from before"):
        people.undo_reembed()


def test_what_is_left_out_is_deleted_and_comes_back_with_the_undo(people):
    before = content(people)
    (first, second) = people.samples("Ada")
    asked = []
    people.reembed("embedder-b", 3, lambda batch: asked.extend(batch) or axes(batch), left_out={first.sample_id})
    assert first.sample_id not in [sample.sample_id for sample in asked]
    assert [sample.sample_id for sample in people.samples("Ada")] == [second.sample_id]
    assert first.sample_id in people.templates(since=0).removed
    assert people.check() == []
    people.undo_reembed()
    assert (content(people), people.check()) == (before, [])
    assert first.sample_id not in people.templates(since=0).removed


def test_after_another_change_it_is_not_taken_back(people):
    people.reembed("embedder-b", 3, axes)
    people.rename("Bob", "Robert")
    with pytest.raises(GalleryError, match=r"has been changed since.*Nothing was changed"):
        people.undo_reembed()
    assert (people.embedder, people.person("Robert").num_samples) == ("embedder-b", 1)


def test_who_is_deleted_is_not_in_the_copy_either(people, path):
    people.reembed("embedder-b", 3, axes)
    people.delete_person("Bob")
    assert not path.with_name(f"{path.name}.before-reembed").exists()
    with pytest.raises(GalleryError, match="No copy from before"):
        people.undo_reembed()


def test_a_face_is_kept_with_its_sample_and_travels(people, new_sample, open_at, path, tmp_path):
    place = {"box": [1.0, 2.0, 3.0, 4.0], "landmarks": [[1.5, 2.5]] * 5}
    people.enroll("Cyd", [new_sample("cyd", face={**place, "turned": 0})])
    (sample,) = people.samples("Cyd")
    assert sample.face == place
    assert people.samples("Ada")[0].face is None
    people.export(tmp_path / "all.export")
    other = open_at(path.with_name(f"{path.name}_other"))
    other.import_(tmp_path / "all.export")
    assert [other.samples(name)[0].face for name in ("Cyd", "Ada")] == [place, None]


@pytest.mark.parametrize("face", [{}, {"box": [1, 2, 3], "landmarks": [[1, 2]] * 5}, {"box": "?", "landmarks": []}])
def test_a_malformed_face_is_refused(people, new_sample, face):
    with pytest.raises(ValueError, match="A face has a box of 4 numbers"):
        people.enroll("Cyd", [new_sample("cyd", face=face)])


_CHILD = """
import sys
import numpy as np
from kerasface.gallery.opening import open_gallery
with open_gallery(sys.argv[1], key=b"k" * 32) as gallery:
    print("go", flush=True)
    gallery.reembed("embedder-b", 3, lambda samples: np.eye(3, dtype=np.float32)[[0] * len(samples)])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_killed_at_any_moment_it_is_the_old_gallery_or_the_new_one(people, new_sample, open_at, path):
    people.enroll("Many", [new_sample(f"many/{number}") for number in range(3000)])
    before = content(people)
    people.close()
    states = set()
    for delay in np.linspace(0.0, 1.2, 13):
        child = subprocess.Popen([sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "go\n"
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        found = open_at(path, embedder=None, embedding_dim=None, create=False)
        states.add(found.embedder)
        assert found.check() == []
        if found.embedder == "embedder-a":
            assert content(found) == before
        else:
            assert {person.num_samples for person in found.people()} == {2, 1, 3000}
            found.undo_reembed()
            assert content(found) == before
        found.close()
    assert "embedder-a" in states
