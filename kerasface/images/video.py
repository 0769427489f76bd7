"""Video files to upright RGB frames with their times, within limits that no file can talk its way around."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from kerasface.files.reading import open_regular
from kerasface.images.decoding import SUFFIXES, ImageError, reason_against
from kerasface.terminal.streams import printable

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi"})
FORMATS = "MP4, MOV, MKV, WebM and AVI"
MAX_SECONDS = 4 * 3600
MAX_FRAMES = 1_000_000  # four hours of 60 a second are 864,000
MAX_PIXELS = 8192 * 4320  # of a frame: 106 MB as RGB
_SIGNATURE = 16  # bytes
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # with which MP4 and MOV begin
_ROUNDING = 1e-3  # seconds, in which files state their times
_WHOLE = 0.9  # of the frames that the header promises: it may count a few that are there for other frames only


class VideoError(ImageError):
    """A video that cannot be used; the message is one line that names the file and the reason."""


def is_video(path: str | os.PathLike) -> bool:
    """Tells whether a file is to be read as a video: it is called or begins like one, and is no picture."""
    suffix = Path(path).suffix.lower()
    if suffix in SUFFIXES or not Path(path).is_file():
        return False
    return (suffix in VIDEO_SUFFIXES or _begins_like_a_video(path)) and reason_against(path) is not None


class Video:
    """The frames of a video file. Use it in a `with` statement.

    The file is opened here and handed over as a stream: no name in it or of it leads to another file or the network.

    Args:
        path: The file.

    Attributes:
        path: The file.
        seconds: How long it is, as far as its header tells; 0 where it does not.

    Raises:
        VideoError: If it is no video, shows no picture, or is longer or larger than the limits above.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # the decoder would write on stderr what we say in words
        try:
            self._file = open_regular(path)
        except OSError as error:
            raise self._error(f"Cannot be read: {error.strerror}.") from error
        try:
            if not _begins_like_a_video(path):
                raise self._error(f"Not a video, or of a kind that is not read: {FORMATS} are. Convert it.")
            self._capture = self._opened()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._capture.release()
        self._file.close()

    def frames(self, per_second: float) -> Iterator[tuple[float, np.ndarray]]:
        """Yields time in seconds and pixels, RGB `(height, width, 3)` uint8, of so many frames a second at most.

        Raises:
            VideoError: If it goes beyond the limits, whatever its header says, or no frame of it can be read.
        """
        due = time = 0.0
        number, taken = 0, False
        while self._capture.grab():
            number += 1
            time = max(time, self._time(number))
            if number > MAX_FRAMES or time > MAX_SECONDS:
                raise self._error(_too_long())
            if number > 1 and time < due - _ROUNDING:
                continue
            is_there, frame = self._capture.retrieve()
            if is_there:
                self._check_size(frame.shape[1], frame.shape[0])
                yield time, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                due, taken = max(due + 1 / per_second, time), True
        self._num_read = number
        if not taken:
            raise self._error("Damaged: none of its pictures can be read.")

    @property
    def note(self) -> str | None:
        """What is to be known of it once `frames` has ended, a sentence that names it: the end cannot be read."""
        if self._num_read >= _WHOLE * self._num_frames:
            return None
        return (
            f"{printable(self.path)}: Only {self._num_read:,} of its {self._num_frames:,} pictures can be read: it is "
            "damaged, or was not fully copied."
        )

    def _opened(self) -> cv2.VideoCapture:
        logging, level = cv2.utils.logging, cv2.utils.logging.getLogLevel()
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        try:
            capture = cv2.VideoCapture(self._file, cv2.CAP_FFMPEG, [])
        finally:
            logging.setLogLevel(level)
        if not capture.isOpened():
            raise self._error("No picture in it can be read: it is damaged, holds sound only, or is of a rare kind.")
        self._rate, frames = (
            capture.get(what) if 0 < capture.get(what) < 1e9 else 0.0
            for what in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT)
        )
        self._num_frames, self._num_read = int(frames), 0
        self.seconds = frames / self._rate if self._rate else 0.0
        self._check_size(int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        if self.seconds > MAX_SECONDS or frames > MAX_FRAMES:
            raise self._error(_too_long())
        return capture

    def _time(self, number: int) -> float:
        """When the frame that was grabbed last is shown; by the rate where the file does not say."""
        told = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return told if 0 < told < 1e9 else (number - 1) / (self._rate or 25.0)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > MAX_PIXELS:
            raise self._error(
                f"A video has at most {MAX_PIXELS / 1e6:.0f} megapixels a picture. Received: {width:,} x {height:,}. "
                "Save it smaller."
            )

    def _error(self, reason: str) -> VideoError:
        return VideoError(f"{printable(self.path)}: {reason}")


def _too_long() -> str:
    return f"A video has at most {MAX_SECONDS // 3600} hours and {MAX_FRAMES:,} pictures. Cut it into parts."


def _begins_like_a_video(path: str | os.PathLike) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(_SIGNATURE)
    except OSError:
        return False
    is_avi = start[:4] == b"RIFF" and start[8:12] == b"AVI "
    return start[4:8] in _BOXES or start[:4] == b"\x1aE\xdf\xa3" or is_avi
