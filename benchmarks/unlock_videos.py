"""Videos for the face unlock, made from photos: heads that turn, prints moved by hand, screens that show a video.

Heads come from the multi-pose photos of `fasseg/train`, every 15 degrees. Between two of them dense optical flow moves
both photos to the pose in between, where they are blended: no head is modelled, so the parallax is that of the person,
and what the flow misses (an ear that appears) fades in. A head stands before a made-up room, sways a little, and the
frame gets the noise, exposure and JPEG compression of a webcam. All frames are 640 x 480, not mirrored.

A maker is called with the time and the `Status` that the unlock showed last, and returns a frame: whoever acts in the
video can answer what is asked, after a time to react.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from kerasface.faces.detection import FaceDetector, central_face
from kerasface.images.decoding import decode
from kerasface.unlock.challenge import Challenge, Pose
from kerasface.unlock.states import State, Status

HEIGHT, WIDTH = 480, 640
FRAME_RATE = 15  # per second
ANGLES = (-45, -30, -15, 0, 15, 30, 45)  # degrees, above 0 to the person's own left
_EYES_TO_MOUTH = 90  # pixels, on the canvas of a head: its face is about 170 pixels wide
_EYES_AT = 225  # row of the canvas
_GREY = 128

Maker = Callable[[float, Status | None], np.ndarray]


class Head:
    """One person's head at any angle, from photos of one sitting.

    Args:
        folder: `fasseg/train`.
        person: 1 to 7.
        sitting: 1 or 2.
        detector: Finds the landmarks by which the photos are brought to one size.

    Attributes:
        photos: The photos by angle, RGB.
        cut: Row of the canvas at which the first of them ends.
    """

    def __init__(self, folder: Path, person: int, sitting: int, detector: FaceDetector):
        self.name = f"{person}.{sitting}"
        self.photos = {angle: decode(_photo(folder, person, sitting, angle)) for angle in ANGLES}
        layers, self.cut = {}, HEIGHT
        for angle, photo in self.photos.items():
            mask = cv2.imread(str(folder / "masks" / f"{_photo(folder, person, sitting, angle).stem}.png"), 0) > 0
            face = central_face(detector.detect([photo])[0], photo.shape)
            layers[angle], cut = _on_canvas(photo, mask, face.landmarks)
            self.cut = min(self.cut, cut)
        self._layers = layers
        self._flows = {pair: _flows(*(layers[angle] for angle in pair)) for pair in itertools.pairwise(ANGLES)}

    def at(self, angle: float) -> np.ndarray:
        """Returns the head turned by `angle` degrees: RGB and opacity, `(480, 640, 4)` float32, opacity in [0, 1]."""
        angle = min(max(angle, ANGLES[0]), ANGLES[-1])
        after = int(np.clip(np.searchsorted(ANGLES, angle), 1, len(ANGLES) - 1))
        pair = ANGLES[after - 1], ANGLES[after]
        part = (angle - pair[0]) / (pair[1] - pair[0])
        there, back = self._flows[pair]
        # Jiang et al., "Super SloMo", CVPR 2018, eq. 4: the flows from the moment in between to both ends.
        to_first = -(1 - part) * part * there + part**2 * back
        to_second = (1 - part) ** 2 * there - part * (1 - part) * back
        first, second = (
            _pulled(self._layers[end], flow) for end, flow in zip(pair, (to_first, to_second), strict=True)
        )
        return (1 - part) * first + part * second


class BorrowedTurn(Head):
    """A face of which there is one photo, from ahead: it moves as another person's head does.

    The optical flow of `lender` from its photo ahead to the others carries the face along. So the face is a new one,
    and how eyes, nose and mouth move against each other is not.

    Args:
        folder: With `images` and `masks`.
        name: Of the picture, without its suffix.
        lender: The head that turns.
        detector: Finds the landmarks by which both are brought to one size.
    """

    def __init__(self, folder: Path, name: str, lender: Head, detector: FaceDetector):
        self.name = f"{name} as {lender.name}"
        photo = decode(folder / "images" / f"{name}.jpg")
        self.photos = {0: photo}
        mask = cv2.imread(str(folder / "masks" / f"{name}.png"), 0) > 0
        face = central_face(detector.detect([photo])[0], photo.shape)
        layer, self.cut = _on_canvas(photo, mask, face.landmarks)
        self._flows = lender._flows
        self._layers = {0: layer}
        ahead = ANGLES.index(0)
        for side in (1, -1):
            from_ahead = np.zeros((HEIGHT, WIDTH, 2), np.float32)
            for index in range(ahead + side, len(ANGLES) if side > 0 else -1, side):
                first, second = sorted((ANGLES[index - side], ANGLES[index]))
                there, back = self._flows[first, second]
                step = back if side > 0 else there  # from a place at this angle to the same at the one before
                from_ahead = step + _pulled(from_ahead, step)
                self._layers[ANGLES[index]] = _pulled(layer, from_ahead)


def _photo(folder: Path, person: int, sitting: int, angle: int) -> Path:
    yaw = f"{-angle:+d}" if angle else "0"  # the data counts from the other side
    found = sorted((folder / "images").glob(f"multipose_{yaw}_personne{person:02d}{sitting}*.jpg"))
    if len(found) != 1:
        raise SystemExit(f"{folder / 'images'} has {len(found)} photos of person {person} at {yaw} degrees.")
    return found[0]


def _on_canvas(photo: np.ndarray, mask: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, int]:
    """Brings a photo to the canvas: the middle of the head's outline on the axis, eyes and mouth at fixed heights.

    Returns:
        RGB and opacity `(480, 640, 4)` float32, and the row at which the photo ends.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    scale = _EYES_TO_MOUTH / (mouth[1] - eyes[1])
    rows = np.arange(len(mask))[:, None]
    head = mask & (rows > eyes[1] - 1.2 * (mouth[1] - eyes[1])) & (rows < mouth[1])
    axis = np.nonzero(head)[1].mean()
    matrix = np.array([(scale, 0, WIDTH / 2 - scale * axis), (0, scale, _EYES_AT - scale * eyes[1])])
    opacity = cv2.GaussianBlur(cv2.erode(mask.astype(np.float32), np.ones((3, 3))), (0, 0), 1.5)
    layer = np.dstack([photo.astype(np.float32), opacity])
    moved = cv2.warpAffine(layer, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    moved[..., 3] *= cv2.warpAffine(np.ones(mask.shape, np.float32), matrix, (WIDTH, HEIGHT))
    return moved, int(scale * len(mask) + matrix[1, 2])


def _flows(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the optical flow from the first layer to the second, and back, each `(480, 640, 2)`."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    grey = []
    for layer in (first, second):
        image = layer[..., :3] * layer[..., 3:] + _GREY * (1 - layer[..., 3:])
        grey.append(cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2GRAY))
    return flow.calc(grey[0], grey[1], None), flow.calc(grey[1], grey[0], None)


def _pulled(layer: np.ndarray, flow: np.ndarray) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    return cv2.remap(layer, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)


def room(generator: np.random.Generator) -> np.ndarray:
    """A made-up room, `(480, 640, 3)` float32: a wall with a gradient, a few things with straight borders on it."""
    corners = generator.uniform(70, 190) + generator.uniform(-15, 15, 3) + generator.uniform(-25, 25, (2, 2, 3))
    wall = cv2.resize(corners.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    for _ in range(generator.integers(2, 6)):
        x, y = generator.integers((0, 0), (WIDTH, HEIGHT))
        width, height = generator.integers(40, 260, 2)
        colour = generator.uniform(40, 220) + generator.uniform(-30, 30, 3)
        cv2.rectangle(wall, (int(x), int(y)), (int(x + width), int(y + height)), colour.tolist(), -1)
    return cv2.GaussianBlur(wall, (0, 0), float(generator.uniform(1, 3)))


@dataclass
class Webcam:
    """What a webcam adds: a hand-held sway is not its own, but exposure, softness, noise and compression are."""

    generator: np.random.Generator
    gain: float = field(init=False)
    gamma: float = field(init=False)
    noise: float = field(init=False)
    quality: int = field(init=False)

    def __post_init__(self):
        self.gain = self.generator.uniform(0.8, 1.15)
        self.gamma = self.generator.uniform(0.85, 1.2)
        self.noise = self.generator.uniform(1.5, 4)  # grey levels
        self.quality = int(self.generator.integers(80, 96))

    def __call__(self, scene: np.ndarray) -> np.ndarray:
        """Takes one frame of a scene `(480, 640, 3)` in grey levels; returns it as uint8."""
        frame = 255 * np.clip(scene / 255, 0, 1) ** self.gamma * self.gain * self.generator.uniform(0.985, 1.015)
        frame = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), 0.6)
        frame += self.generator.normal(0, self.noise, frame.shape).astype(np.float32)
        frame = np.clip(frame, 0, 255).astype(np.uint8)
        packed = cv2.imencode(".jpg", frame[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, self.quality))[1]
        return np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])


class Mover:
    """Somebody who answers what is asked: notices it after a while, then moves, as hands and heads do.

    Args:
        generator: Draws how fast and how far.
        reach: Smallest and largest turn in degrees.
        script: Pairs of a time and a pose, for a mover that listens to nobody.
    """

    def __init__(self, generator: np.random.Generator, reach: tuple[float, float], script: list | None = None):
        self.generator = generator
        self.reach = {Pose.LEFT: generator.uniform(*reach), Pose.RIGHT: -generator.uniform(*reach)}
        self.reach[Pose.AHEAD] = generator.uniform(-3, 3)
        # Larger moves are faster ones: seconds for any move, and degrees per second more.
        self.seconds, self.speed = generator.uniform(0.2, 0.3), generator.uniform(130, 200)
        self._waiting = list(script or [])
        self._listens = script is None
        self._heard: Pose | None = None
        self._move = (0.0, 0.0, self.reach[Pose.AHEAD], self.reach[Pose.AHEAD])  # begin, end, from, to

    def angle(self, time: float, status: Status | None) -> float:
        """Returns the turn in degrees at `time`, above 0 to the mover's own left."""
        asked = status.pose if status is not None and status.state == State.CHALLENGE else None
        if self._listens and asked is not None and asked != self._heard:
            self._heard = asked
            self._waiting.append((time + self.generator.uniform(0.25, 0.5), asked))
        while self._waiting and self._waiting[0][0] <= time:
            begin, pose = self._waiting.pop(0)
            here, there = self._at(begin), self.reach[pose]
            self._move = (begin, begin + self.seconds + abs(there - here) / self.speed, here, there)
        return self._at(time)

    def _at(self, time: float) -> float:
        begin, end, here, there = self._move
        part = np.clip((time - begin) / max(end - begin, 1e-6), 0, 1)
        # Flash, Hogan 1985: hands (and heads) move with least jerk.
        return float(here + (there - here) * (10 * part**3 - 15 * part**4 + 6 * part**5))


def script_of(challenge: Challenge, generator: np.random.Generator) -> list[tuple[float, Pose]]:
    """When somebody who answers `challenge` moves where, told by nobody: what a recording of it shows."""
    time, script = generator.uniform(0.5, 0.9), []
    for step in challenge.steps:
        script.append((time, step.pose))
        time += generator.uniform(0.7, 1.2)
    return script


class Sway:
    """Slow, small movements in which nobody can keep still: shift, scale and roll."""

    def __init__(self, generator: np.random.Generator, amount: float = 1.0):
        self.phases = generator.uniform(0, 2 * np.pi, (4, 2))
        self.rates = generator.uniform(0.2, 0.7, (4, 2))  # per second
        self.amounts = amount * np.array([(3, 1), (2, 1), (0.01, 0.004), (1.2, 0.4)])  # pixels, pixels, share, degrees
        self.place = generator.uniform((-70, -15), (70, 25))
        self.scale = generator.uniform(0.8, 1.1)

    def matrix(self, time: float) -> np.ndarray:
        x, y, scale, roll = (self.amounts * np.sin(2 * np.pi * self.rates * time + self.phases)).sum(axis=1)
        matrix = cv2.getRotationMatrix2D((WIDTH / 2, _EYES_AT), roll, self.scale * (1 + scale))
        matrix[:, 2] += self.place + np.array((x, y))
        return matrix


def turning(head: Head, generator: np.random.Generator, *, script: list | None = None, webcam: bool = True) -> Maker:
    """A person who turns the head as asked, or as a script has it."""
    scene, shirt = room(generator), generator.uniform(20, 200) + generator.uniform(-20, 20, 3)
    mover, sway, camera = Mover(generator, (31, 42), script), Sway(generator), Webcam(generator)
    colour = generator.uniform(0.8, 1.2) * generator.uniform(0.93, 1.07, 3)
    torso = _torso(head.cut)

    def frame(time: float, status: Status | None) -> np.ndarray:
        layer = head.at(mover.angle(time, status))
        layer[..., :3] = np.clip(layer[..., :3] * colour, 0, 255)
        layer[..., :3] += torso * (shirt - layer[..., :3])
        layer[..., 3:] = np.maximum(layer[..., 3:], torso)
        layer = cv2.warpAffine(layer, sway.matrix(time), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        image = layer[..., :3] * layer[..., 3:] + scene * (1 - layer[..., 3:])
        return camera(image) if webcam else image

    return frame


def _torso(cut: int) -> np.ndarray:
    """Opacity `(480, 640, 1)` of shoulders that hide where the photos end."""
    opacity = np.zeros((HEIGHT, WIDTH), np.float32)
    top = min(cut, HEIGHT) - 12
    cv2.ellipse(opacity, (WIDTH // 2, top + 110), (200, 112), 0, 180, 360, 1.0, -1)
    opacity[top + 109 :, WIDTH // 2 - 200 : WIDTH // 2 + 200] = 1
    return cv2.GaussianBlur(opacity, (0, 0), 1.5)[..., None]


def still(photo: np.ndarray, generator: np.random.Generator) -> Maker:
    """A photo that fills the frame and does not move: a print on a stand. The camera's noise is all that changes."""
    scene, camera = _fitted(photo).astype(np.float32), Webcam(generator)
    return lambda time, status: camera(scene)


def print_moved(photo: np.ndarray, generator: np.random.Generator, *, bend: float = 0.0) -> Maker:
    """A print held before the camera and turned, tilted and shifted by hand as if it were the head.

    Args:
        photo: What is printed.
        generator: Draws how.
        bend: Curvature of the print about its vertical axis, as the angle in radians over which it curves: 0 is flat,
            3 half a cylinder.
    """
    scene, camera, sway = room(generator), Webcam(generator), Sway(generator, 3.0)
    mover, tilt, glare = Mover(generator, (35, 60)), generator.uniform(0.2, 0.6), generator.uniform(40, 120)
    paper = _fitted(photo).astype(np.float32)
    blur = generator.uniform(0.3, 1.0)

    def frame(time: float, status: Status | None) -> np.ndarray:
        angle = mover.angle(time, status)
        pitch = 12 * np.sin(2 * np.pi * tilt * time)
        sheet, inside = _sheet(paper, np.radians(angle), np.radians(pitch), bend)
        place = sway.matrix(time)
        sheet = cv2.warpAffine(cv2.GaussianBlur(sheet, (0, 0), blur), place, (WIDTH, HEIGHT))
        inside = cv2.warpAffine(inside, place, (WIDTH, HEIGHT))[..., None]
        rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        spot = np.exp(-((columns - WIDTH / 2 - 6 * angle) ** 2 + (rows - 150) ** 2) / (2 * 60**2))[..., None]
        return camera((sheet + glare * spot) * inside + scene * (1 - inside))

    return frame


def _sheet(paper: np.ndarray, yaw: float, pitch: float, bend: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws a sheet that was bent into a cylinder and turned, seen in perspective from 2.5 of its widths."""
    height, width = paper.shape[:2]
    columns = np.linspace(-0.5, 0.5, 33)  # of the paper, in its widths
    rows = np.linspace(-0.5, 0.5, 17) * height / width
    u, v = np.meshgrid(columns, rows)
    radius = 1 / bend if bend > 1e-3 else 1e6
    # Along the cylinder: its middle is nearest.
    points = np.stack([radius * np.sin(u / radius), v, radius * (np.cos(u / radius) - 1)])
    points[2] -= points[2].mean()
    turn = np.array([(np.cos(yaw), 0, np.sin(yaw)), (0, 1, 0), (-np.sin(yaw), 0, np.cos(yaw))])
    nod = np.array([(1, 0, 0), (0, np.cos(pitch), np.sin(pitch)), (0, -np.sin(pitch), np.cos(pitch))])
    x, y, z = np.einsum("ij,jrc->irc", nod @ turn, points)
    scale = 2.5 / (2.5 - z)
    target = np.stack([x * scale * width + WIDTH / 2, y * scale * width + HEIGHT / 2], axis=-1).astype(np.float32)
    source = np.stack([(u + 0.5) * width, (v * width / height + 0.5) * height], axis=-1).astype(np.float32)
    return _mesh(paper, source, target)


def _mesh(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Warps a grid of quadrangles; returns the image and its opacity, both of the frame's size."""
    drawn, inside = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    for row in range(source.shape[0] - 1):
        for column in range(source.shape[1] - 1):
            cells = [grid[row : row + 2, column : column + 2].reshape(4, 2) for grid in (source, target)]
            quad = cells[1][[0, 1, 3, 2]]
            across, along = quad[1] - quad[0], quad[3] - quad[0]
            if across[0] * along[1] - across[1] * along[0] <= 0.5:
                continue  # turned away from the camera
            left, top = np.floor(quad.min(axis=0)).astype(int) - 1
            right, bottom = np.ceil(quad.max(axis=0)).astype(int) + 2
            left, top, right, bottom = max(left, 0), max(top, 0), min(right, WIDTH), min(bottom, HEIGHT)
            if left >= right or top >= bottom:
                continue
            matrix = cv2.getPerspectiveTransform(cells[0], cells[1] - np.float32((left, top)))
            size = (right - left, bottom - top)
            patch = cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
            cover = np.zeros(size[::-1], np.uint8)
            cv2.fillConvexPoly(cover, np.round(quad - (left, top)).astype(np.int32), 1)
            np.copyto(drawn[top:bottom, left:right], patch, where=cover[..., None] > 0)
            np.maximum(inside[top:bottom, left:right], cover, out=inside[top:bottom, left:right])
    return drawn, inside


def replay(video: Maker, generator: np.random.Generator) -> Maker:
    """A screen that plays `video` before the camera: pixels that beat with the camera's, bezel, reflections."""
    scene, camera = room(generator), Webcam(generator)
    pitch = 3  # columns of one pixel of the screen: red, green, blue
    lattice = np.zeros((pitch, pitch, 3), np.float32)
    for channel in range(3):
        lattice[:, channel, channel] = 1
    lattice[-1] *= 0.6  # the gap between two rows
    # Of coarse screens the camera sees all of this, of fine ones next to nothing.
    contrast = generator.uniform(0.05, 0.8)
    lattice = np.tile(1 - contrast + contrast * lattice / lattice.mean(), (HEIGHT, WIDTH, 1)) / (1 + 2 * contrast)
    bezel = int(generator.integers(8, 30)) * pitch
    right, bottom = WIDTH * pitch + 2 * bezel, HEIGHT * pitch + 2 * bezel
    corners = np.float32([(0, 0), (right, 0), (right, bottom), (0, bottom)])
    place = np.float32([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)]) + generator.uniform(-35, 35, (4, 2))
    centre = place.mean(axis=0)
    place = centre + (place - centre) * generator.uniform(0.8, 1.05)
    glare = generator.uniform(0, 25)

    def frame(time: float, status: Status | None) -> np.ndarray:
        # What is not seen cannot be answered: the recording knows nothing of this attempt.
        shown = np.clip(video(time, None), 0, 255).repeat(pitch, axis=0).repeat(pitch, axis=1)
        screen = (shown * lattice).astype(np.uint8)
        screen = cv2.copyMakeBorder(screen, *(bezel,) * 4, cv2.BORDER_CONSTANT, value=(4, 4, 5))
        shake = generator.normal(0, 0.4, (4, 2))
        # Twice as fine as the frame, then averaged: a pixel of the camera sees an area, not a point.
        matrix = cv2.getPerspectiveTransform(corners, np.float32(2 * (place + shake)))
        seen = cv2.warpPerspective(screen, matrix, (2 * WIDTH, 2 * HEIGHT), flags=cv2.INTER_LINEAR)
        seen = (1 + 2 * contrast) * cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        inside = np.zeros((HEIGHT, WIDTH, 1), np.float32)
        cv2.fillConvexPoly(inside, np.round(place + shake).astype(np.int32), 1.0)
        return camera(np.clip(seen + glare, 0, 255) * inside + scene * (1 - inside))

    return frame


def _fitted(photo: np.ndarray) -> np.ndarray:
    """Brings a photo to the frame's height, what lies beside it grey."""
    scale = HEIGHT / photo.shape[0]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    photo = cv2.resize(photo, (round(photo.shape[1] * scale), HEIGHT), interpolation=interpolation)[:, :WIDTH]
    left = (WIDTH - photo.shape[1]) // 2
    return cv2.copyMakeBorder(photo, 0, 0, left, WIDTH - photo.shape[1] - left, cv2.BORDER_REPLICATE)
