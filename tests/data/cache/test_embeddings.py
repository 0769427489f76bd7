"""Folders of photos to embeddings: every face, every rejected file."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.cache.embeddings import embed_photos, image_files
from kerasface.images.decoding import decode


def test_every_face_of_every_photo(photo_folder, analyzer):
    files = image_files(photo_folder)
    told = []
    embedded = embed_photos(files, analyzer, on_progress=lambda *counts: told.append(counts))
    assert [path.name for path in embedded.paths] == ["copy.png", "face.png", "turned.jpg"]
    assert embedded.boxes.shape == (3, 4)
    assert embedded.embeddings.shape == (3, 128)
    assert embedded.boxes.dtype == embedded.embeddings.dtype == np.float32
    for path, box, embedding in zip(embedded.paths, embedded.boxes, embedded.embeddings, strict=True):
        ((entry,),) = analyzer.analyze([decode(path)])
        np.testing.assert_allclose(box, entry.face.box, atol=0.5)
        assert embedding @ entry.embedding > 0.9999
    assert {path.name for path, _ in embedded.rejected} == {"cut.jpg", "text.png", "wall.png"}
    assert all(str(path) in reason for path, reason in embedded.rejected)
    assert told[-1] == (6, 6)


def test_the_central_face_alone(portrait, analyzer, tmp_path):
    from PIL import Image

    canvas = np.full((300, 700, 3), 120, dtype=np.uint8)
    canvas[40:260, 10:190] = canvas[40:260, 260:440] = portrait[20:240, 130:310]
    path = tmp_path / "two.png"
    Image.fromarray(canvas).save(path)
    assert len(embed_photos([path], analyzer).paths) == 2
    (box,) = embed_photos([path], analyzer, central_only=True).boxes
    assert 260 < box[0] < box[0] + box[2] < 440


def test_no_face_at_all_still_has_shapes(photo_folder, analyzer):
    embedded = embed_photos([photo_folder / "wall.png"], analyzer)
    assert embedded.boxes.shape == (0, 4)
    assert embedded.embeddings.shape == (0, 128)
    assert embed_photos([], analyzer).embeddings.shape == (0, 128)


def test_image_files_are_sorted_at_any_depth_without_hidden_ones(tmp_path):
    for name in ("b.JPG", "a/z.png", "a/.thumbnails/t.png", ".hidden.png", "notes.txt", "Zoë.heic"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)]
    assert found == ["Zoë.heic", "a/z.png", "b.JPG"]


def test_of_many_files_that_are_no_photos_none_is_among_the_photos(tmp_path):
    kinds = {
        "notes.txt": b"text",
        "program": b"\x7fELF",
        "sound.mp3": b"ID3\3",
        "empty": b"",
        "film.mp4": b"\0\0\0\x18ftyp",
    }
    for number in range(900):
        name, content = list(kinds.items())[number % len(kinds)]
        (tmp_path / f"{number} {name}").write_bytes(content)
    for number in range(100):
        Image.new("RGB", (2, 2)).save(tmp_path / f"photo {number}{('', '.png')[number % 2]}", "PNG")
    assert all(path.name.startswith("photo") for path in image_files(tmp_path))
    assert len(image_files(tmp_path)) == 100
    assert len(image_files(tmp_path, videos=True)) == 100 + 900 // len(kinds)


def test_folders_without_images_are_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"holds no image file.*JPEG"):
        image_files(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        image_files(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="is not a folder"):
        image_files(tmp_path / "absent")
