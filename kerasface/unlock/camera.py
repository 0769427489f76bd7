"""Frames with their times: from a camera, a video file or a folder of pictures."""

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from kerasface.images.decoding import decode, reason_against

_SIZE = (640, 480)
_FOLDER_RATE = 15  # pictures per second
_VIRTUAL = re.compile(r"virtual|loopback|dummy|\bobs\b|manycam|droidcam|snap camera|xsplit|iriun", re.IGNORECASE)
_DEVICES = Path("/sys/class/video4linux")


class CameraError(RuntimeError):
    """There is no such camera, video or folder of pictures, or it gives no frames."""


class Camera:
    """Where frames come from. Use it in a `with` statement.

    Args:
        source: The number of a camera, such as `"0"`; else the path of a video, or of a folder of pictures, which are
            taken by name, 15 a second.

    Attributes:
        name: The camera's name as the system has it, or the file's.
        is_live: Whether frames are taken now.
        is_virtual: Whether it is known to be a program that pretends to be a camera.

    Raises:
        CameraError: If it cannot be opened.
    """

    def __init__(self, source: str):
        self.is_live = source.isdecimal()
        self.name = _device_name(int(source)) if self.is_live else Path(source).name
        self.is_virtual = self.is_live and _is_virtual(int(source), self.name)
        self._capture, self._pictures = None, []
        if not self.is_live and Path(source).is_dir():
            self._pictures = sorted(path for path in Path(source).iterdir() if reason_against(path) is None)
            if not self._pictures:
                raise CameraError(f"The folder {source} has no pictures.")
            return
        if not self.is_live and not Path(source).is_file():
            raise CameraError(
                f"--camera is the number of a camera, a video or a folder of pictures. Received: {source}, which does "
                "not exist."
            )
        self._capture = cv2.VideoCapture(int(source) if self.is_live else source)
        if not self._capture.isOpened():
            what = (
                f"There is no camera {source}, or another program uses it." if self.is_live else f"{source}: no video."
            )
            raise CameraError(f"{what} Another one: --camera NUMBER, VIDEO or FOLDER.")
        if self.is_live:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, _SIZE[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, _SIZE[1])
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *_) -> None:
        if self._capture is not None:
            self._capture.release()

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yields time in seconds and frame, RGB `(height, width, 3)` uint8, until the camera or the file ends.

        Live frames have the time at which they came, others the time that their file gives them.

        Raises:
            ImageError: If a picture of a folder cannot be decoded.
        """
        for number, path in enumerate(self._pictures):
            yield number / _FOLDER_RATE, decode(path)
        rate = 0.0 if self._capture is None else self._capture.get(cv2.CAP_PROP_FPS) or _FOLDER_RATE
        for number in itertools.count() if self._capture is not None else ():
            came, frame = self._capture.read()
            if not came or frame is None:
                return
            yield time.monotonic() if self.is_live else number / rate, np.ascontiguousarray(frame[..., ::-1])


def _device_name(number: int) -> str:
    """The camera's name as Linux has it; its number elsewhere."""
    file = _DEVICES / f"video{number}" / "name"
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else f"camera {number}"


def _is_virtual(number: int, name: str) -> bool:
    device = _DEVICES / f"video{number}"
    return bool(_VIRTUAL.search(name)) or (device.exists() and "/devices/virtual/" in f"{device.resolve()}/")
