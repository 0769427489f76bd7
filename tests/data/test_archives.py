"""Zip files from somebody else: what they want to do, and what comes of it."""

import io
import stat
import struct
import unicodedata
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from kerasface.data.archives import Limits, look_into, unpack, unpack_photos


def picture(value=90):
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(*entries, compression=zipfile.ZIP_DEFLATED):
    """A zip file of `(name or ZipInfo, content)`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # two entries of one name are what is tested
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


GOOD = (("Ada/1.png", picture(1)), ("Emmy/1.PNG", picture(2)))


def test_a_folder_per_class_comes_out_as_it_went_in(tmp_path):
    found = unpack(zipped(*GOOD), tmp_path / "new" / "people")
    assert (found.folder, found.num_files, found.skipped) == (tmp_path / "new" / "people", 2, ())
    assert tree(found.folder) == ["Ada", "Ada/1.png", "Emmy", "Emmy/1.PNG"]
    assert (found.folder / "Ada" / "1.png").read_bytes() == picture(1)
    assert [path.name for path in found.folder.parent.iterdir()] == ["people"]


@pytest.mark.parametrize("outer", ["people/", "./a/b/", "people\\"])
def test_the_folders_around_the_classes_go(tmp_path, outer):
    archive = zipped(*((outer + name, content) for name, content in GOOD), (f"{outer}stray.png", picture()))
    found = unpack(archive, tmp_path / "people")
    assert [path for path in tree(found.folder) if "/" in path] == ["Ada/1.png", "Emmy/1.PNG"]
    assert [reason for _, reason in found.skipped] == ["Not in the folder of a class."]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "Ada/../../evil.png",
        "/etc/evil.png",
        "C:/evil/1.png",
        "C:\\evil\\1.png",
        "..\\evil.png",
        "\\\\host\\evil.png",
    ],
)
def test_names_that_lead_out_of_the_folder_are_skipped(tmp_path, name):
    found = unpack(zipped(*GOOD, (name, picture())), tmp_path / "inside" / "people")
    assert [reason for _, reason in found.skipped] == ["Its name leads out of the folder."]
    assert tree(tmp_path) == ["inside", *(f"inside/{path}" for path in ["people", *map("people/{}".format, TREE)])]


TREE = ["Ada", "Ada/1.png", "Emmy", "Emmy/1.PNG"]


def test_links_are_skipped(tmp_path):
    link = zipfile.ZipInfo("Ada/link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    found = unpack(zipped(*GOOD, (link, "/etc/passwd")), tmp_path / "people")
    assert found.skipped == (("Ada/link.png", "A link or a device, no file."),)
    assert tree(found.folder) == TREE


@pytest.mark.parametrize("name", ["Ada/con.png", "nul/1.png", "Ada/a?.png", "Ada /1.png", "Ada/" + "x" * 300 + ".png"])
def test_names_that_some_systems_refuse_are_skipped(tmp_path, name):
    found = unpack(zipped(*GOOD, (name, picture())), tmp_path / "people")
    assert "every system" in found.skipped[0][1]
    assert tree(found.folder) == TREE


def test_other_files_are_named_and_hidden_ones_are_not(tmp_path):
    others = (("Ada/notes.txt", "a"), ("Ada/inner.zip", zipped(*GOOD)), ("Ada/deep/2.png", picture()))
    hidden = tuple((name, "a") for name in ("__MACOSX/Ada/._1.png", "Ada/.DS_Store", "Ada/Thumbs.db", "desktop.ini"))
    found = unpack(zipped(*GOOD, *others, *hidden), tmp_path / "people")
    skipped = dict(found.skipped)
    assert skipped.pop("Ada/deep/2.png") == "In a folder inside the folder of a class."
    assert set(skipped) == {"Ada/notes.txt", "Ada/inner.zip"}
    assert all(reason.startswith("Not an image. Supported are JPEG") for reason in skipped.values())
    assert tree(found.folder) == TREE


@pytest.mark.parametrize("second", ["Ada/1.png", "Ada/1.PNG", "Ada//1.png"])
def test_of_names_that_clash_the_first_is_kept(tmp_path, second):
    found = unpack(zipped(*GOOD, (second, picture(77))), tmp_path / "people")
    assert found.skipped == ((second, "Its name clashes with Ada/1.png."),)
    assert (found.folder / "Ada" / "1.png").read_bytes() == picture(1)


def test_letters_that_are_written_in_two_ways_clash(tmp_path):
    found = unpack(zipped(*GOOD, ("Ada/\u00e4.png", picture(3)), ("Ada/a\u0308.png", picture(4))), tmp_path / "people")
    assert len(found.skipped) == 1
    assert found.num_files == 3


def test_a_file_that_grows_a_thousandfold_is_skipped(tmp_path):
    found = unpack(zipped(*GOOD, ("Ada/zeros.png", bytes(4 * 2**20))), tmp_path / "people")
    ((name, reason),) = found.skipped
    assert name == "Ada/zeros.png"
    assert "more than 100 times" in reason


def test_a_large_file_that_does_not_shrink_is_no_bomb(tmp_path):
    noise = np.random.default_rng(0).bytes(2 * 2**20)
    found = unpack(zipped(*GOOD, ("Ada/noise.png", noise)), tmp_path / "people")
    assert found.skipped == ()
    assert (found.folder / "Ada" / "noise.png").read_bytes() == noise


@pytest.mark.parametrize(
    ("limits", "message"),
    [(Limits(num_files=1), "more than 1."), (Limits(total_bytes=100), "larger unpacked than allowed")],
)
def test_an_archive_beyond_the_limits_is_refused_whole(limits, message):
    with pytest.raises(ValueError, match=message):
        look_into(zipped(*GOOD), limits)


@pytest.mark.parametrize("told", [3, 400_000])
def test_entries_are_counted_before_any_is_read_whatever_the_archive_says_of_them(told, monkeypatch):
    """400,000 entries without files behind them; the number of them in the end record is believed by nobody."""
    directory = (struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, *[0] * 7, 1, *[0] * 6) + b"a") * 400_000
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told, told, len(directory), 0)
    wide += struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # not even opened
    with pytest.raises(ValueError, match=r"more files than allowed\. Received: more than 50,000"):
        look_into(directory + wide + end)


def test_a_comment_and_what_stands_in_front_of_an_archive_do_not_hide_its_entries():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in GOOD:
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
        archive.comment = b"from the holidays"
    for content in (packed.getvalue(), bytes(100) + packed.getvalue()):
        assert len(look_into(content, Limits(num_files=2)).files) == 2
        with pytest.raises(ValueError, match="more than 1"):
            look_into(content, Limits(num_files=1))


def test_one_file_beyond_its_limit_is_skipped():
    noise = np.random.default_rng(0).bytes(3 * 2**20)
    found = look_into(zipped(*GOOD, ("Ada/2.png", noise)), Limits(file_bytes=2 * 2**20))
    assert found.skipped == (("Ada/2.png", "Larger than 2 MiB: 3 MiB."),)


def test_a_file_that_is_larger_than_the_archive_says_does_not_come_out(tmp_path):
    """The sizes in the index are set to 10 bytes: only so many are read, and their checksum is not the file's."""
    archive = bytearray(zipped(*GOOD, ("Ada/2.png", np.random.default_rng(0).bytes(100_000))))
    place = archive.rindex(b"PK\x01\x02")  # of the last entry; the size unpacked stands 24 bytes behind
    archive[place + 24 : place + 28] = struct.pack("<I", 10)
    found = unpack(bytes(archive), tmp_path / "people")
    assert found.skipped[0][0] == "Ada/2.png"
    assert "Damaged" in found.skipped[0][1]
    assert tree(found.folder) == TREE


def test_a_damaged_file_is_skipped_and_the_others_come_out(tmp_path):
    content = picture(5)
    archive = bytearray(zipped(("Zoe/1.png", content), *GOOD, compression=zipfile.ZIP_STORED))
    archive[archive.index(content) + 20] ^= 255
    found = unpack(bytes(archive), tmp_path / "people")
    assert found.num_files == 2
    assert "Damaged" in found.skipped[0][1]
    assert tree(found.folder) == TREE  # no empty class either


def test_a_locked_file_is_skipped():
    archive = bytearray(zipped(*GOOD, ("Ada/2.png", picture())))
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    assert look_into(bytes(archive)).skipped == (("Ada/2.png", "Locked with a password."),)


def test_rare_ways_of_packing_are_skipped():
    archive = bytearray(zipped(*GOOD, ("Ada/2.png", picture())))
    archive[archive.rindex(b"PK\x01\x02") + 10] = 12  # bzip2
    ((name, reason),) = look_into(bytes(archive)).skipped
    assert (name, "by a method" in reason) == ("Ada/2.png", True)


def of_a_newer_format(content):
    """A zip file whose first entry asks for version 9.9 of the format."""
    at = content.index(b"PK\x01\x02") + 6  # "version needed to extract" in the central directory (APPNOTE 4.3.12)
    return content[:at] + struct.pack("<H", 99) + content[at + 2 :]


@pytest.mark.parametrize("content", [b"", b"no zip file", zipped(*GOOD)[:-30], of_a_newer_format(zipped(*GOOD))])
def test_what_is_no_zip_file_is_one_sentence(content):
    with pytest.raises(ValueError, match="no zip file"):
        look_into(content)


def test_an_archive_without_images_in_folders_names_an_example():
    with pytest.raises(ValueError, match=r"folder per class is needed.*1\.png: Not in the folder of a class"):
        look_into(zipped(("1.png", picture()), ("2.png", picture())))
    with pytest.raises(ValueError, match="holds no image"):
        look_into(zipped())


def test_looking_counts_and_writes_nothing(tmp_path):
    found = look_into(io.BytesIO(zipped(*GOOD, ("Ada/2.png", picture()))))
    assert found.counts() == {"Ada": 2, "Emmy": 1}
    assert found.num_bytes == sum(map(len, (picture(1), picture(2), picture())))
    assert tree(tmp_path) == []


def test_nothing_that_is_there_is_written_over(tmp_path):
    (tmp_path / "people").mkdir()
    unpack(zipped(*GOOD), tmp_path / "people")  # empty: it may be filled
    with pytest.raises(ValueError, match="something in"):
        unpack(zipped(*GOOD), tmp_path / "people")
    assert [path.name for path in tmp_path.iterdir()] == ["people"]


def named(*names, unicode=(), packed=None):
    """A zip file whose names are the given bytes, without the flag that says UTF-8, and perhaps with a Unicode name."""
    file = io.BytesIO()
    places = {}
    with zipfile.ZipFile(file, "w") as archive:
        for number, name in enumerate(names):
            info = zipfile.ZipInfo("x" * len(name))
            info.filename = info.orig_filename = f"{number}".rjust(len(name), "x")
            if number < len(unicode):
                field = b"\1" + struct.pack("<I", zlib.crc32(name)) + unicode[number].encode()
                info.extra = struct.pack("<HH", 0x7075, len(field)) + field
            archive.writestr(info, packed or picture(number))
            places[info.filename.encode()] = name
    content = file.getvalue()
    for place, name in places.items():
        content = content.replace(place, name)
    return content


@pytest.mark.parametrize(
    ("form", "page"),
    [("NFD", "utf-8"), ("NFC", "utf-8"), ("NFC", "cp437"), ("NFC", "cp850"), ("NFC", "cp1252")],
)
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_names_are_those_that_a_person_sees(tmp_path, form, page, slash):
    """As Finder (UTF-8, taken apart, no flag), 7-Zip and Windows (a code page of DOS) and Java write them."""
    people = ("Jürgen", "Zoë", "José García", "Anna")
    names = [unicodedata.normalize(form, f"people{slash}{name}{slash}1.png") for name in people]
    found = unpack(named(*(name.encode(page) for name in names)), tmp_path / "people")
    assert sorted(path.name for path in found.folder.iterdir()) == sorted(people)
    assert found.skipped == ()


def test_a_code_page_is_told_from_all_names_together(tmp_path):
    people = ("João", "Søren", "Ágnes")  # signs and Greek letters in the code page of America
    assert set(look_into(named(*(f"{name}/1.png".encode("cp850") for name in people))).counts()) == set(people)


def test_a_unicode_name_beside_another_one_counts(tmp_path):
    content = named(b"?????/1.png", b"Bob/1.png", unicode=["Łukasz/1.png"])
    assert set(look_into(content).counts()) == {"Łukasz", "Bob"}


@pytest.mark.parametrize("name", [b"..\\e\xcc\x88vil.png", b"C:\\e\x81vil\\1.png", b"Ada\\..\\..\\\x81.png"])
def test_no_name_leads_out_of_the_folder_whatever_its_code(tmp_path, name):
    found = unpack(named(b"Ada/1.png", name), tmp_path / "people")
    assert [reason for _, reason in found.skipped] == ["Its name leads out of the folder."]
    assert tree(found.folder) == ["Ada", "Ada/1.png"]


def test_pictures_are_told_by_their_content(tmp_path):
    content = picture(5)
    found = look_into(
        zipped(("Ada/1", content), ("Ada/2.JPG_large", content), ("Ada/3.txt", content), ("Ada/4", "text"))
    )
    assert found.counts() == {"Ada": 3}
    assert [name for name, _ in found.skipped] == ["Ada/4"]


def test_an_entry_without_a_name_is_skipped():
    packed = zipped(("Ada/1.png", picture()), ("Ada/2.pn", picture())).replace(b"Ada/2.pn", b"\0da/2.pn")
    contents = look_into(packed)
    assert contents.files == (("Ada", "1.png"),)
    assert [reason for _, reason in contents.skipped] == ["Its name cannot be a file's name on every system."]


def test_photos_of_any_folders_come_out_next_to_others(tmp_path):
    (tmp_path / "there.png").write_bytes(b"mine")
    archive = zipped(
        ("a.png", picture(1)), ("2024/may/b.png", picture(2)), ("there.png", picture(3)), ("a.png/c.png", picture(4)),
        ("notes.txt", b"text"), ("../evil.png", picture(5)), (".hidden/d.png", picture(6)),
    )  # fmt: skip
    found = unpack_photos(archive, tmp_path)
    assert tree(tmp_path) == ["2024", "2024/may", "2024/may/b.png", "a.png", "there.png"]
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    assert found.num_files == 2
    reasons = dict(found.skipped)
    assert set(reasons) == {"there.png", "a.png/c.png", "notes.txt", "../evil.png"}
    assert reasons["there.png"] == reasons["a.png/c.png"] == "Its name clashes with another file's."
    with pytest.raises(ValueError, match="no zip file"):
        unpack_photos(b"no zip", tmp_path)
