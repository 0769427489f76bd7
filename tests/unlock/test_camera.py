"""Frames from files and folders, and what is said where there is no camera."""

import cv2
import numpy as np
import pytest
from PIL import Image

from kerasface.images.decoding import ImageError
from kerasface.unlock import camera as module
from kerasface.unlock.camera import Camera, CameraError


@pytest.fixture
def video(tmp_path):
    """Twelve frames at 6 a second, each of another grey; the upper half redder than blue."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 6.0, (64, 48))
    for number in range(12):
        frame = np.full((48, 64, 3), 10 * number + 50, np.uint8)
        frame[:24, :, 2] += 60  # OpenCV writes blue, green, red
        writer.write(frame)
    writer.release()
    return path


def test_a_video_is_read_at_its_own_times(video):
    with Camera(str(video)) as camera:
        frames = list(camera.frames())
    assert [time for time, _ in frames] == pytest.approx(np.arange(12) / 6)
    assert (camera.name, camera.is_live, camera.is_virtual) == ("film.avi", False, False)
    for number, (_, frame) in enumerate(frames):
        assert (frame.shape, frame.dtype) == ((48, 64, 3), np.uint8)
        red, _, blue = frame[4:20, 4:60].mean(axis=(0, 1))
        assert red - blue == pytest.approx(60, abs=12)
        assert frame[30:44].mean() == pytest.approx(10 * number + 50, abs=4)


def test_a_folder_is_read_by_name(tmp_path):
    for number in (2, 0, 1):
        Image.fromarray(np.full((8, 8, 3), 80 * number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    with Camera(str(tmp_path)) as camera:
        frames = list(camera.frames())
    assert [time for time, _ in frames] == pytest.approx([0, 1 / 15, 2 / 15])
    assert [frame[0, 0, 0] for _, frame in frames] == [0, 80, 160]


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "0.png").write_bytes(b"nonsense")
    with Camera(str(tmp_path)) as camera, pytest.raises(ImageError, match=r"0\.png"):
        list(camera.frames())


@pytest.mark.parametrize("name", ["missing.mp4", "empty", "notes.txt"])
def test_what_is_no_video_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(CameraError):
        Camera(str(tmp_path / name))


def test_a_camera_that_is_not_there_is_said():
    with pytest.raises(CameraError, match="no camera 97"):
        Camera("97")


@pytest.mark.parametrize(
    ("name", "is_virtual"),
    [("OBS Virtual Camera", True), ("v4l2loopback: Dummy", True), ("Integrated Camera", False), ("Jobson HD", False)],
)
def test_virtual_cameras_are_known_by_name(tmp_path, monkeypatch, name, is_virtual):
    (tmp_path / "video3").mkdir()
    (tmp_path / "video3" / "name").write_text(f"{name}\n")
    monkeypatch.setattr(module, "_DEVICES", tmp_path)
    assert module._device_name(3) == name
    assert module._is_virtual(3, name) is is_virtual


def test_a_device_without_hardware_is_virtual(tmp_path, monkeypatch):
    device = tmp_path / "devices" / "virtual" / "video4linux" / "video3"
    device.mkdir(parents=True)
    (tmp_path / "video3").symlink_to(device)
    monkeypatch.setattr(module, "_DEVICES", tmp_path)
    assert module._is_virtual(3, "Front camera")
