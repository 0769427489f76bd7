"""Videos: frames with their times, and a sentence for each that cannot be used."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from kerasface.images import video
from kerasface.images.video import Video, VideoError, is_video

SIZE = (96, 64)


def write(path, num_frames=30, rate=10, codec="mp4v"):
    """Frames that grow lighter: frame i has the grey level 8 i."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, SIZE)
    assert writer.isOpened()
    for number in range(num_frames):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 8 * number, dtype=np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v"), ("a\udcff.mov", "mp4v")]
)
def test_so_many_frames_a_second_come_with_their_times(tmp_path, name, codec):
    path = write(tmp_path / f"a{(tmp_path / name).suffix}", codec=codec).rename(tmp_path / name)
    assert is_video(path)
    with Video(path) as opened:
        found = list(opened.frames(5))
        assert opened.seconds == pytest.approx(3)
        assert opened.note is None
    assert [time for time, _ in found] == pytest.approx(np.arange(15) / 5)
    assert found[0][1].shape == (SIZE[1], SIZE[0], 3)
    assert [image.mean() for _, image in found] == pytest.approx(16 * np.arange(15), abs=4)


def test_colors_are_red_green_blue(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE)
    writer.write(np.full((SIZE[1], SIZE[0], 3), (0, 0, 200), dtype=np.uint8))  # OpenCV's order: red
    writer.release()
    with Video(tmp_path / "a.avi") as opened:
        ((_, image),) = opened.frames(5)
    assert np.abs(image.mean(axis=(0, 1)) - (200, 0, 0)).max() < 8


def test_a_video_that_was_not_fully_copied_is_read_as_far_as_it_goes(tmp_path):
    content = write(tmp_path / "a.avi", codec="MJPG").read_bytes()
    (tmp_path / "b.avi").write_bytes(content[: content.index(b"movi") + (len(content) - content.index(b"movi")) // 3])
    with Video(tmp_path / "b.avi") as opened:
        assert 0 < len(list(opened.frames(10))) < 20
        assert "pictures can be read: it is damaged" in opened.note
        assert str(tmp_path / "b.avi") in opened.note


def box(kind, content=b""):
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def test_what_is_no_video_is_said_in_a_sentence(tmp_path):
    whole = write(tmp_path / "whole.mp4").read_bytes()
    bad = {
        "noise.mp4": (box(b"ftyp", b"isom\0\0\0\0") + os.urandom(2000), "No picture in it can be read"),
        "cut.mp4": (whole[: len(whole) // 2], "No picture in it can be read"),
        "list.mp4": (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "Not a video, or of a kind that is not read"),
        "text.avi": (b"RIFF, they said", "Not a video"),
        "empty.mkv": (b"", "Not a video"),
    }
    for name, (content, told) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VideoError, match=told) as error:
            Video(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(error.value)
    with pytest.raises(VideoError, match=r"Cannot be read: No such file"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="Not a regular file"):
        Video(tmp_path)


def test_sound_alone_is_no_video(tmp_path):
    """AVI with a stream of sound only: the header of one second of silence, 8,000 samples of 8 bits."""

    def chunk(kind, content):
        return kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)

    def numbers(*values, size=4):
        return b"".join(value.to_bytes(size, "little") for value in values)

    main = chunk(b"avih", numbers(1_000_000, 8000, 0, 0, 1, 0, 1, 8000, 0, 0, 0, 0, 0, 0))
    kind = chunk(b"strh", b"auds" + numbers(0, 0, 0, 0, 1, 8000, 0, 8000, 8000, 0, 1, 0, 0))
    form = chunk(b"strf", numbers(1, 1, size=2) + numbers(8000, 8000) + numbers(1, 8, size=2))
    header = chunk(b"LIST", b"hdrl" + main + chunk(b"LIST", b"strl" + kind + form))
    (tmp_path / "a.avi").write_bytes(
        chunk(b"RIFF", b"AVI " + header + chunk(b"LIST", b"movi" + chunk(b"00wb", b"\x80" * 8000)))
    )
    with pytest.raises(VideoError, match="holds sound only"):
        Video(tmp_path / "a.avi")


def test_limits_hold_whatever_the_header_says(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4")
    for name, value in (("MAX_SECONDS", 2), ("MAX_FRAMES", 20), ("MAX_PIXELS", 1000)):
        with monkeypatch.context() as changed:
            changed.setattr(video, name, value)
            with pytest.raises(VideoError, match="A video has at most"):
                Video(path)
    with Video(path) as opened:
        monkeypatch.setattr(video, "MAX_FRAMES", 20)
        with pytest.raises(VideoError, match="at most 4 hours and 20 pictures"):
            list(opened.frames(5))


def test_pictures_are_no_videos(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.mp4", "PNG")
    write(tmp_path / "a.mp4").rename(tmp_path / "film")
    write(tmp_path / "a.mp4").rename(tmp_path / "film.jpg")
    assert not is_video(tmp_path / "photo.mp4")
    assert is_video(tmp_path / "film")
    assert not is_video(tmp_path / "film.jpg")
    assert not is_video(tmp_path / "none.mp4")
