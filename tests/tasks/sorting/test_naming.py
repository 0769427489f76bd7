"""Names that other programs read: exiftool reads them back, the photo's bytes stay, and all of it is taken back."""

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from kerasface.images.xmp.files import read_embedded, read_sidecar, with_packet
from kerasface.images.xmp.packet import Packet
from kerasface.images.xmp.regions import read_regions
from kerasface.tasks.sorting import naming
from kerasface.tasks.sorting.manifest import undo
from kerasface.tasks.sorting.naming import name_photos

FACES = [("Ada Łovelace", (10.0, 5.0, 20.0, 30.0)), ('O\'Neil "Bob" & <Co>', (60.0, 40.0, 30.0, 30.0))]


@pytest.fixture
def photo(tmp_path):
    """A JPEG of 100 x 80 pixels with EXIF data."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 1, "Camera"
    Image.effect_noise((100, 80), 50).convert("RGB").save(tmp_path / "photo.jpg", exif=exif)
    return tmp_path / "photo.jpg"


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".jsonl"}


def exiftool(path):
    """Regions as exiftool reads them; a skip where it is not installed."""
    if shutil.which("exiftool") is None:
        if os.environ.get("KERASFACE_REQUIRE_EXIFTOOL") == "1":
            pytest.fail("exiftool was not found. Install it: apt-get install libimage-exiftool-perl")
        pytest.skip("exiftool was not found. Install it: apt-get install libimage-exiftool-perl")
    done = subprocess.run(["exiftool", "-json", "-struct", "-RegionInfo", path], capture_output=True, check=True)
    return json.loads(done.stdout)[0]["RegionInfo"]


@pytest.mark.parametrize("into", [False, True])
def test_exiftool_reads_the_same(photo, into):
    (written,) = name_photos({photo: FACES}, into_photos=into).placed.made
    found = exiftool(written)
    assert found["AppliedToDimensions"] == {"W": 100, "H": 80, "Unit": "pixel"}
    assert [region["Name"] for region in found["RegionList"]] == [name for name, _ in FACES]
    assert [{key: float(area[key]) for key in "XYWH"} for area in (one["Area"] for one in found["RegionList"])] == [
        {"X": 0.2, "Y": 0.25, "W": 0.2, "H": 0.375},
        {"X": 0.75, "Y": 0.6875, "W": 0.3, "H": 0.375},
    ]
    assert {one["Type"] for one in found["RegionList"]} == {"Face"}


@pytest.mark.parametrize("into", [False, True])
def test_undo_brings_every_byte_back(photo, tmp_path, into):
    before = files(tmp_path)
    named = name_photos({photo: FACES}, into_photos=into)
    (written,) = named.placed.made
    assert written == (photo if into else tmp_path / "photo.jpg.xmp")
    if into:
        assert (tmp_path / "photo.jpg_original").read_bytes() == before["photo.jpg"]
        with Image.open(photo) as named_photo, Image.open(tmp_path / "photo.jpg_original") as original:
            assert named_photo.tobytes() == original.tobytes()
            assert named_photo.getexif()[0x010F] == "Camera"
    else:
        assert photo.read_bytes() == before["photo.jpg"]
    again = name_photos({photo: FACES}, into_photos=into)
    assert (again.placed.made, again.placed.present) == ((), (written,))
    assert undo(named.placed.manifest).kept == ()
    assert files(tmp_path) == before


def test_a_dry_run_writes_nothing(photo, tmp_path):
    before = files(tmp_path)
    assert name_photos({photo: FACES}, dry_run=True).placed.made == (tmp_path / "photo.jpg.xmp",)
    assert files(tmp_path) == before


def test_names_and_all_else_of_another_program_stay(photo, tmp_path):
    first = name_photos({photo: [("Eve", FACES[0][1])]})
    before = files(tmp_path)
    named = name_photos({photo: FACES})
    assert [one.name for one in read_regions(read_sidecar(tmp_path / "photo.jpg.xmp"))] == ["Eve", FACES[1][0]]
    assert named.others == (f"{photo}: Ada Łovelace is called Eve in photo.jpg.xmp, which stays.",)
    assert (tmp_path / "photo.jpg.xmp_original").is_file()
    undo(named.placed.manifest)
    assert files(tmp_path) == before
    undo(first.placed.manifest)
    assert set(files(tmp_path)) == {"photo.jpg"}


def test_the_sidecar_of_another_program_is_used(photo, tmp_path):
    name_photos({photo: FACES[:1]}).placed.made[0].rename(tmp_path / "photo.xmp")
    assert name_photos({photo: FACES}).placed.made == (tmp_path / "photo.xmp",)


def test_what_cannot_be_written_is_named_and_the_rest_goes_on(photo, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "picture.png")
    for name in ("locked", "hostile"):
        shutil.copy(photo, tmp_path / f"{name}.jpg")
    (tmp_path / "locked.jpg").chmod(0o444)
    (tmp_path / "hostile.jpg.xmp").write_text('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    wanted = dict.fromkeys([tmp_path / "gone.jpg", tmp_path / "locked.jpg", tmp_path / "picture.png", photo], FACES)
    named = name_photos(wanted, into_photos=True)
    assert [problem.partition(": no names were written: ")[2] for problem in named.problems] == [
        "Cannot be read: No such file or directory.",
        "locked.jpg is read-only; it was left as it is.",
        "It is no JPEG; of others only a sidecar is written.",
    ]
    assert named.placed.made == (photo,)
    (problem,) = name_photos({tmp_path / "hostile.jpg": FACES}).problems
    assert "this one declares some" in problem


def test_after_a_kill_between_note_and_file_nothing_is_lost(photo, tmp_path):
    before = files(tmp_path)
    named = name_photos({photo: FACES}, into_photos=True)
    os.replace(tmp_path / "photo.jpg_original", photo)  # as if it had come no further
    assert undo(named.placed.manifest).kept == ()
    assert files(tmp_path) == before


def test_what_was_changed_since_stays(photo, tmp_path):
    named = name_photos({photo: FACES}, into_photos=True)
    photo.write_bytes(b"edited")
    ((kept, _),) = undo(named.placed.manifest).kept
    assert (kept, photo.read_bytes()) == (photo, b"edited")
    assert (tmp_path / "photo.jpg_original").is_file()


def test_of_two_photos_with_one_sidecar_the_second_is_refused_and_the_first_keeps_its_names(photo, tmp_path):
    picture = photo.with_suffix(".png")
    Image.new("RGB", (100, 80)).save(picture)
    (tmp_path / "photo.xmp").write_bytes(Packet().to_bytes())
    wanted = {photo: FACES[:1], picture: FACES[1:]}
    for made in ((tmp_path / "photo.xmp",), ()):  # the second time all names are there
        named = name_photos(wanted)
        (problem,) = named.problems
        assert problem.startswith(f"{picture}: no names were written: photo.xmp has the names of photo.jpg")
        assert named.placed.made == made
    assert [one.name for one in read_regions(read_sidecar(tmp_path / "photo.xmp"))] == [FACES[0][0]]
    (tmp_path / "photo.png.xmp").write_bytes(Packet().to_bytes())  # as the problem says
    assert name_photos(wanted).problems == ()


def test_a_disk_without_second_names_takes_sidecars(photo, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    before = files(tmp_path)
    placed = name_photos({photo: FACES}).placed
    assert (placed.made, placed.failed) == ((tmp_path / "photo.jpg.xmp",), ())
    assert len(read_regions(read_sidecar(tmp_path / "photo.jpg.xmp"))) == 2
    undo(placed.manifest)
    assert files(tmp_path) == before


@pytest.mark.parametrize("has_links", [True, False])
def test_a_sidecar_that_comes_meanwhile_stays_and_is_not_reported_as_made(photo, tmp_path, monkeypatch, has_links):
    sidecar = tmp_path / "photo.jpg.xmp"

    def link(source, target, link=os.link):
        sidecar.write_bytes(b"of another program")
        if not has_links:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        link(source, target)

    monkeypatch.setattr(os, "link", link)
    placed = name_photos({photo: FACES}).placed
    assert (placed.made, placed.failed) == ((), ((sidecar, "File exists"),))
    undo(placed.manifest)
    assert files(tmp_path) == {"photo.jpg": photo.read_bytes(), sidecar.name: b"of another program"}


def test_of_a_symbolic_link_the_photo_itself_gets_the_names(photo, tmp_path):
    (tmp_path / "album").mkdir()
    link = tmp_path / "album" / "link.jpg"
    link.symlink_to(photo)
    before = photo.read_bytes()
    named = name_photos({link: FACES, photo: FACES}, into_photos=True)
    placed = named.placed
    assert (placed.made, named.problems, link.is_symlink()) == ((photo,), (), True)
    assert len(read_regions(read_embedded(photo.read_bytes()))) == 2
    assert undo(placed.manifest).kept == ()
    assert (photo.read_bytes(), link.is_symlink(), list((tmp_path / "album").iterdir())) == (before, True, [link])


@pytest.mark.parametrize("into", [False, True])
def test_a_link_of_the_name_of_what_is_being_written_leads_nowhere(photo, tmp_path, into):
    own = tmp_path / "own"
    own.mkdir()
    (own / ".bashrc").write_text("mine")
    for name in (".photo.jpg.part", ".photo.jpg.xmp.part"):
        (tmp_path / name).symlink_to(own / ".bashrc")
    named = name_photos({photo: FACES}, into_photos=into)
    assert len(named.placed.made) == 1
    assert files(own) == {".bashrc": b"mine"}
    assert undo(named.placed.manifest).kept == ()
    assert files(own) == {".bashrc": b"mine"}


def test_a_sidecar_that_is_a_link_to_nothing_is_named_and_makes_nothing(photo, tmp_path):
    (tmp_path / "photo.jpg.xmp").symlink_to(tmp_path / "elsewhere")
    named = name_photos({photo: FACES})
    assert named.placed.made == ()
    assert named.problems == (
        f"{photo}: no names were written: photo.jpg.xmp is a link that leads to nothing; it was left as it is.",
    )
    assert not (tmp_path / "elsewhere").exists()


def test_in_a_folder_that_is_a_link_all_is_taken_back(photo, tmp_path):
    real, album = tmp_path / "real", tmp_path / "album"
    real.mkdir()
    photo.rename(real / "photo.jpg")
    album.symlink_to(real)
    before = files(real)
    named = name_photos({album / "photo.jpg": FACES})
    assert (named.placed.made, named.placed.manifest.parent) == ((real / "photo.jpg.xmp",), real)
    assert undo(album / named.placed.manifest.name).kept == ()
    assert files(real) == before


def test_after_a_kill_before_the_change_the_second_name_of_the_photo_is_taken_back(photo, tmp_path):
    before = files(tmp_path)
    named = name_photos({photo: FACES}, into_photos=True)
    os.replace(tmp_path / "photo.jpg_original", photo)
    os.link(photo, tmp_path / "photo.jpg_original")  # as it is between the second name and the change
    assert undo(named.placed.manifest).kept == ()
    assert files(tmp_path) == before


def test_xmp_behind_fill_bytes_is_found(photo):
    name_photos({photo: FACES[:1]}, into_photos=True)
    content = photo.read_bytes()
    place = content.index(b"http://ns.adobe.com/xap/1.0/\0") - 4
    assert content[place : place + 2] == b"\xff\xe1"
    filled = content[:place] + b"\xff\xff\xff" + content[place:]
    packet = read_embedded(filled)
    assert [one.name for one in read_regions(packet)] == [FACES[0][0]]
    again = with_packet(filled, packet)
    assert again.count(b"http://ns.adobe.com/xap/1.0/\0") == 1
    assert read_regions(read_embedded(again)) == read_regions(packet)
    assert read_embedded(b"\xff\xd8" + b"\xff" * 50) is None


def test_of_links_to_several_disks_those_of_one_get_their_names(photo, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    photos = [Path(shutil.copy(photo, here / f"{number}.jpg")) for number in range(2)]
    other = Path(shutil.copy(photo, there / "2.jpg"))
    (here / "2.jpg").symlink_to(other)
    monkeypatch.setattr(naming, "_disk_of", lambda folder: int(folder == there))
    named = name_photos(dict.fromkeys([*photos, here / "2.jpg"], FACES), into_photos=True)
    assert sorted(named.placed.made) == photos
    assert named.placed.manifest.parent == here
    (problem,) = named.problems
    assert f"A link leads to {other} on another disk than most of the photos" in problem
    assert other.read_bytes() == photo.read_bytes()
