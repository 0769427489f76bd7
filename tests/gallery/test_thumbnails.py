"""Small pictures of faces: only where the owner turned that on, sealed, with their samples, and gone with them."""

from pathlib import Path

import pytest

from kerasface.gallery.store import GalleryDamagedError, GalleryError
from tests.gallery.tables import alter, rows_of

PICTURE, OTHER = b"\xff\xd8 Ada's face", b"\xff\xd8 another face of Ada"


def pictures(gallery, name="Ada"):
    return [sample.thumbnail for sample in gallery.samples(name)]


def sealed(path):
    return [row[-1] for row in rows_of(path, "samples")]


def content(path):
    """All bytes of a gallery's files, or of a server's rows of samples."""
    if isinstance(path, Path):
        return b"".join(file.read_bytes() for file in path.parent.iterdir())
    return b"".join(sealed(path))


def test_nothing_is_kept_unless_it_was_turned_on(gallery, new_sample):
    gallery.enroll("Ada", [new_sample("1.jpg", thumbnail=PICTURE)])
    assert not gallery.keeps_thumbnails
    assert gallery.add_thumbnails({gallery.samples("Ada")[0].sample_id: PICTURE}) == 0
    assert pictures(gallery) == [None]
    gallery.keep_thumbnails()
    gallery.enroll("Ada", [new_sample("2.jpg", thumbnail=OTHER)])
    assert gallery.add_thumbnails({gallery.samples("Ada")[0].sample_id: PICTURE, 99: PICTURE}) == 1
    assert pictures(gallery) == [PICTURE, OTHER]
    assert gallery.check() == []


def test_they_are_sealed_and_go_for_good(gallery, new_sample, path):
    gallery.keep_thumbnails()
    gallery.enroll("Ada", [new_sample("1.jpg", thumbnail=PICTURE), new_sample("2.jpg")])
    before = sealed(path)
    assert b"Ada's face" not in content(path)
    assert gallery.drop_thumbnails() == 1
    assert (pictures(gallery), gallery.keeps_thumbnails) == ([None, None], False)
    assert max(before, key=len) not in content(path)  # the row with the picture, not even encrypted
    assert gallery.check() == []
    assert gallery.drop_thumbnails() == 0


def test_they_go_with_their_samples_wherever_these_go(gallery, new_sample, open_at, tmp_path):
    gallery.keep_thumbnails()
    gallery.enroll("Ada", [new_sample("1.jpg", thumbnail=PICTURE), new_sample("2.jpg", thumbnail=OTHER)])
    gallery.split("Ada", [gallery.samples("Ada")[1].sample_id], "Grace")
    assert (pictures(gallery), pictures(gallery, "Grace")) == ([PICTURE], [OTHER])
    gallery.merge("Ada", "Grace")
    assert pictures(gallery) == [PICTURE, OTHER]
    gallery.export(tmp_path / "export", passphrase="p")
    keeps, does_not = (open_at(tmp_path / name / "gallery", key=b"o" * 32) for name in ("keeps", "does not"))
    keeps.keep_thumbnails()
    for other in (keeps, does_not):
        other.import_(tmp_path / "export", passphrase="p")
    assert pictures(keeps) == [PICTURE, OTHER]
    assert pictures(does_not) == [None, None]
    gallery.delete_person("Ada")
    assert gallery.people() == []


def test_no_picture_is_taken_that_is_none(gallery, new_sample):
    gallery.keep_thumbnails()
    for bad in (b"GIF89a", b"\xff\xd8" + bytes(40_000), "text"):
        with pytest.raises(ValueError, match="is a JPEG of at most 32,768 bytes"):
            gallery.enroll("Ada", [new_sample("1.jpg", thumbnail=bad)])
        assert gallery.people() == []


def test_nobody_turns_it_on_without_the_key(gallery, new_sample, path):
    gallery.enroll("Ada", [new_sample("1.jpg")])
    alter(path, "UPDATE changes SET action = 'keep_thumbnails' WHERE action = 'enroll'")
    with pytest.raises(GalleryDamagedError, match="was altered by somebody without the key"):
        gallery.keeps_thumbnails  # noqa: B018
    with pytest.raises(GalleryError):
        gallery.enroll("Ada", [new_sample("2.jpg", thumbnail=PICTURE)])
    assert any("Whether pictures of faces are kept" in problem for problem in gallery.check())
