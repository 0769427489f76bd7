"""Photos in a folder per person: nothing is replaced, and all of it can be taken back, byte for byte."""

import errno
import hashlib
import json
import os
import shutil

import pytest

from kerasface.files.paths import WriteError
from kerasface.tasks.sorting.manifest import ManifestError, part_of, undo
from kerasface.tasks.sorting.placing import COPY, LINK, place_photos, plan_places


@pytest.fixture
def photos(tmp_path):
    """Three photos, two of one name, and a folder with something of the user's."""
    for name in ("a/1.jpg", "b/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "sorted" / "Ada").mkdir(parents=True)
    (tmp_path / "sorted" / "Ada" / "own.txt").write_text("mine")
    return {
        tmp_path / "a/1.jpg": ["Ada", "Bob"],
        tmp_path / "b/1.jpg": ["Ada"],
        tmp_path / "b/2.jpg": ["Bob", "Bob"],
    }


def tree(folder):
    """Every file and folder below, with what it holds and where it leads."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
        if path.suffix != ".jsonl"
    }


WANTED = {
    "Ada": None,
    "Ada/own.txt": b"mine",
    "Ada/1.jpg": b"a/1.jpg",
    "Ada/1 (2).jpg": b"b/1.jpg",
    "Bob": None,
    "Bob/1.jpg": b"a/1.jpg",
    "Bob/2.jpg": b"b/2.jpg",
}


@pytest.mark.parametrize("how", [COPY, LINK])
def test_each_person_has_a_folder_and_all_is_taken_back(photos, tmp_path, how):
    folder = tmp_path / "sorted"
    before = tree(folder)
    placed = place_photos(photos, folder, how)
    assert tree(folder) == WANTED
    assert (len(placed.made), placed.present, placed.failed) == (4, (), ())
    assert all(os.path.samefile(place, photo) == (how == LINK) for photo, place, _ in plan_places(photos, folder))
    undone = undo(placed.manifest)
    assert (len(undone.removed), undone.kept) == (4, ())
    assert tree(folder) == before
    assert not placed.manifest.exists()
    assert all(photo.read_bytes() for photo in photos)


def test_a_copy_has_the_times_of_its_photo(photos, tmp_path):
    for photo in photos:
        os.utime(photo, (1_000_000_000, 1_000_000_000))
    placed = place_photos(photos, tmp_path / "new" / "deep", COPY)
    assert {place.stat().st_mtime for place in placed.made} == {1_000_000_000}
    undo(placed.manifest)
    assert not (tmp_path / "new" / "deep").exists()  # which was made for it


def test_a_second_time_nothing_is_made(photos, tmp_path):
    place_photos(photos, tmp_path / "sorted", COPY)
    again = place_photos(photos, tmp_path / "sorted", COPY)
    assert (again.made, len(again.present), again.manifest) == ((), 4, None)
    assert tree(tmp_path / "sorted") == WANTED


def test_what_is_there_is_never_replaced(photos, tmp_path):
    (tmp_path / "sorted" / "Ada" / "1.jpg").write_bytes(b"another photo of this name")
    place_photos(photos, tmp_path / "sorted", COPY)
    assert (tmp_path / "sorted" / "Ada" / "1.jpg").read_bytes() == b"another photo of this name"
    assert (tmp_path / "sorted" / "Ada" / "1 (3).jpg").read_bytes() == b"b/1.jpg"


def test_what_was_changed_since_stays(photos, tmp_path):
    placed = place_photos(photos, tmp_path / "sorted", COPY)
    changed = tmp_path / "sorted" / "Bob" / "2.jpg"
    changed.write_bytes(b"edited")
    (tmp_path / "sorted" / "Bob" / "1.jpg").unlink()
    undone = undo(placed.manifest)
    assert [path for path, _ in undone.kept] == [changed]
    assert "changed since" in undone.kept[0][1]
    assert len(undone.removed) == 2
    assert changed.read_bytes() == b"edited"
    assert placed.manifest.exists()


def test_a_photo_that_is_gone_is_named_and_the_others_are_placed(photos, tmp_path):
    (tmp_path / "b" / "2.jpg").unlink()
    placed = place_photos(photos, tmp_path / "sorted", COPY)
    assert len(placed.made) == 3
    ((place, reason),) = placed.failed
    assert place.name == "2.jpg"
    assert "No such file" in reason


def test_where_links_cannot_be_they_are_symbolic(photos, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    before = tree(tmp_path / "sorted")
    placed = place_photos(photos, tmp_path / "sorted", LINK)
    assert all(place.is_symlink() and place.read_bytes() for place in placed.made)
    undo(placed.manifest)
    assert tree(tmp_path / "sorted") == before


@pytest.mark.parametrize("how", [COPY, LINK])
def test_a_full_disk_leaves_what_can_be_taken_back(photos, tmp_path, monkeypatch, how):
    before, calls = tree(tmp_path / "sorted"), []

    def full(work):
        def at_the_third(*args, **options):
            calls.append(args)
            if len(calls) == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return work(*args, **options)

        return at_the_third

    monkeypatch.setattr(
        *((shutil, "copyfileobj", full(shutil.copyfileobj)) if how == COPY else (os, "link", full(os.link)))
    )
    with pytest.raises(
        WriteError, match=r"2 of 4 files were made, and `kerasface identify --undo (.*)` takes them back"
    ):
        place_photos(photos, tmp_path / "sorted", how)
    (manifest,) = (tmp_path / "sorted").glob("*.jsonl")
    undo(manifest)
    assert tree(tmp_path / "sorted") == before


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_after_a_kill_all_is_taken_back(photos, tmp_path, cut):
    """Between the note and the file, while a copy is on its way, and in the middle of a note."""
    before = tree(tmp_path / "sorted")
    placed = place_photos(photos, tmp_path / "sorted", COPY)
    last = placed.made[-1]
    last.rename(part_of(last))  # as if it had not come to its end
    text = placed.manifest.read_text()
    placed.manifest.write_text(text[: len(text) - 1 - cut] if cut < 2 else text + '{"kind": "copy", "pl')
    undo(placed.manifest)
    if cut != 1:  # a note that was cut is one of a file that is not there yet
        assert tree(tmp_path / "sorted") == before


MANIFEST = {"kind": "manifest", "format": 1, "how": "copy", "is_new": False}
FOREIGN = {
    "nothing": "",
    "no JSON": "photo.jpg\nanother.jpg\n",
    "another file": '{"a": 1}\n',
    "a later one": json.dumps(MANIFEST | {"format": 2}),
    "a way out": json.dumps(MANIFEST) + '\n{"kind": "copy", "place": "../a/1.jpg", "sha256": "x"}\n{}\n',
    "another place": json.dumps(MANIFEST) + '\n{"kind": "copy", "place": "/etc/passwd", "sha256": "x"}\n{}\n',
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_manifest_removes_nothing(kind, photos, tmp_path):
    manifest = tmp_path / "sorted" / "kerasface-1.jsonl"
    manifest.write_text(FOREIGN[kind])
    before = tree(tmp_path)
    with pytest.raises(ManifestError, match="does not say what was copied"):
        undo(manifest)
    assert tree(tmp_path) == before
    with pytest.raises(ManifestError, match="cannot be read"):
        undo(tmp_path / "none.jsonl")


@pytest.fixture
def home(tmp_path):
    """A folder of the user's, with a file that nobody may touch."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("mine")
    return home


def test_a_link_of_the_name_of_what_is_being_copied_leads_nowhere(photos, tmp_path, home):
    (tmp_path / "sorted" / "Ada" / ".1.jpg.part").symlink_to(home / ".bashrc")
    placed = place_photos(photos, tmp_path / "sorted", COPY)
    assert (len(placed.made), placed.failed) == (4, ())
    assert tree(home) == {".bashrc": b"mine"}


@pytest.mark.parametrize("how", [COPY, LINK])
def test_nothing_is_made_where_a_link_leads_out_of_the_folder(photos, tmp_path, home, how):
    (tmp_path / "sorted" / "Bob").symlink_to(home)
    placed = place_photos(photos, tmp_path / "sorted", how)
    assert {place.parent.name for place in placed.made} == {"Ada"}
    assert {reason for _, reason in placed.failed} == {"a link leads from there out of the folder"}
    assert tree(home) == {".bashrc": b"mine"}


def test_a_folder_that_is_a_link_itself_is_that_folder(photos, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "sorted")
    before = tree(tmp_path / "sorted")
    placed = place_photos(photos, tmp_path / "link", COPY)
    assert tree(tmp_path / "sorted") == WANTED
    assert undo(placed.manifest).kept == ()
    assert tree(tmp_path / "sorted") == before


def digest(content):
    return hashlib.sha256(content).hexdigest()


OUT = {
    "deletes": {"kind": "copy", "place": "link/.bashrc", "sha256": digest(b"mine")},
    "deletes a part": {"kind": "copy", "place": "link/profile", "sha256": "x"},
    "makes": {"kind": "changed", "place": "link/keys", "original": "bad", "was": digest(b"bad"), "sha256": "x"},
    "takes": {"kind": "changed", "place": "mine", "original": "link/.bashrc", "was": digest(b"mine"), "sha256": "x"},
    "removes a folder": {"kind": "folder", "place": "link/empty"},
}


@pytest.mark.parametrize("kind", OUT)
def test_a_manifest_of_somebody_else_takes_back_nothing_through_a_link(kind, tmp_path, home):
    folder = tmp_path / "received"
    folder.mkdir()
    (home / "empty").mkdir()
    (home / ".profile.part").write_text("mine")
    (folder / "link").symlink_to(home)
    (folder / "bad").write_text("bad")
    manifest = folder / "kerasface-1.jsonl"
    manifest.write_text(f"{json.dumps(MANIFEST)}\n{json.dumps(OUT[kind])}\n")
    before = tree(home)
    undone = undo(manifest)
    assert undone.removed == ()
    assert [reason for _, reason in undone.kept] == ["a link leads from there out of the folder"]
    assert tree(home) == before


@pytest.mark.parametrize(
    "entry",
    [
        *({"kind": "copy", "place": "a"}, {"kind": "changed", "place": "a", "sha256": "x", "was": "x"}, [1], 5),
        *(
            {"kind": kind, "place": place, "sha256": "x"}
            for kind in ("copy", ["copy"])
            for place in ("", ".", "a\0b", 1)
        ),
        {"kind": "changed", "place": "a", "original": "../b", "sha256": "x", "was": "x"},
    ],
)
def test_a_line_that_does_not_say_all_that_is_needed_ends_in_a_sentence(entry, tmp_path):
    manifest = tmp_path / "kerasface-1.jsonl"
    manifest.write_text(f"{json.dumps(MANIFEST)}\n{json.dumps(entry)}\n")
    with pytest.raises(ManifestError, match="does not say what was copied"):
        undo(manifest)


def test_a_manifest_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "kerasface-1.jsonl")
    with pytest.raises(ManifestError, match="does not say what was copied"):
        undo(tmp_path / "kerasface-1.jsonl")


def test_what_the_disk_refuses_is_named_and_the_rest_taken_back(photos, tmp_path):
    placed = place_photos(photos, tmp_path / "sorted", COPY)
    with placed.manifest.open("a") as file:
        file.write(json.dumps({"kind": "copy", "place": "x" * 300, "sha256": "x"}) + "\n")
    undone = undo(placed.manifest)
    assert len(undone.removed) == 4
    assert [reason for _, reason in undone.kept] == ["File name too long"]


def test_names_of_people_become_folders_on_every_system(tmp_path):
    photo = tmp_path / "1.jpg"
    photo.write_bytes(b"x")
    names = ["a/b", "a:b", "..", "CON", "ada", "Ada", "x" * 300, "tab\there", ".hidden", "end."]
    places = [place for _, place, _ in plan_places({photo: names}, tmp_path / "out")]
    assert len({str(place).casefold() for place in places}) == len(names)
    for place in places:
        assert place.parent.parent == tmp_path / "out"
        assert not place.parent.name.startswith(".")
        assert len(place.parent.name) <= 130
