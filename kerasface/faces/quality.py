"""How much can be asked of a face: size, sharpness, pose, exposure, occlusion, each a number with a unit."""

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from kerasface.arrays import check_crop
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import Face

# Limits beyond which a face is not decided on. Behind each what was measured about there at the threshold of FMR 0.1 %:
# the share of genuine pairs refused where one photo is so (3 % of the same pairs unharmed, 5 % of all of LFW), and
# the false match rate where both are so: bad photos resemble one another (benchmarks/face_quality.py).
MIN_SIDE = 32.0  # pixels: 5 % from there to 40, 7 % from 28, 10 % from 20; FMR 0.12 % at 33, 0.23 % at 24
MIN_SHARPNESS = 0.045  # 11 % from there to 0.06, 14 % below, 20 % below 0.038; FMR 0.3 % at 0.05, 0.7 % at 0.04
MAX_YAW = 50.0  # degrees: 26 % beyond, 12 % beyond 40, 6 % beyond 30
MIN_VISIBILITY = 0.15  # 18 % from there to 0.2, 24 % below; FMR 2 % at 0.1, 4 % with both eyes covered
MIN_BRIGHTNESS = 15.0  # grey levels: 8 % from there to 20, 6 to 10 % below; FMR 0.6 % at 19, 2.6 % at 12
MAX_BRIGHTNESS = 225.0  # 12 % up to it, 25 % beyond; FMR 0.3 % at 216, 1.8 % at 233
MAX_CLIPPED = 0.4  # 15 % up to it, 21 % beyond
# All of them, as they are kept with error rates.
LIMITS = {
    "side": MIN_SIDE,
    "sharpness": MIN_SHARPNESS,
    "yaw": MAX_YAW,
    "visibility": MIN_VISIBILITY,
    "least brightness": MIN_BRIGHTNESS,
    "brightness": MAX_BRIGHTNESS,
    "clipped": MAX_CLIPPED,
}
MEASURES = ("side", "sharpness", "yaw", "brightness", "clipped", "visibility")  # as `problems` names them

_NOSE_DEPTH = 0.4  # in distances between the eyes; yaw then agrees best with the angles that FASSEG states
_BLACK, _WHITE = 4, 251  # grey levels from which on a pixel tells nothing
_FACE = np.s_[30:130, 35:115]  # of the crop: eyes to chin, without hair and background
_MIRRORED = [1, 0, 2, 4, 3]  # the landmarks in the order in which the mirror image has them
_HALF_WINDOW = (9, 13)  # rows and columns around an eye or the mouth


@dataclass(frozen=True)
class FaceQuality:
    """What was measured of one face.

    Attributes:
        side: Shorter side of the face's box, in pixels of the photo.
        sharpness: Standard deviation of the Laplacian, after a blur by one pixel against noise, over that of the grey
            levels; of the aligned crop. 0.12 in the median photo of LFW. It does not depend on exposure or contrast.
            Grain hides blur: 0.08 after a blur by 3 pixels and noise of 10 grey levels, 0.03 without the noise.
        yaw: Turn of the head in degrees, in (-90, 90); above 0 where the nose points to the right in the photo. On
            average 8 degrees off up to 60, and too small beyond.
        pitch: Tilt in degrees, above 0 where the face looks down. Five points show it roughly.
        roll: Turn in the plane of the photo in degrees, in (-180, 180]; above 0 clockwise.
        brightness: Mean grey level of the face, in `[0, 255]`.
        clipped: Share of the face's pixels that are black or white, in `[0, 1]`.
        visibility: The least, over the eyes and the mouth, of the contrast around it over that of the face: 0.7 in the
            median photo of LFW, near 0 under dark glasses, hands or masks of one colour. Patterned covers escape it.
    """

    side: float
    sharpness: float
    yaw: float
    pitch: float
    roll: float
    brightness: float
    clipped: float
    visibility: float

    def to_dict(self) -> dict[str, float]:
        """Returns the measures as JSON-ready numbers."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure_quality(face: Face, crop: np.ndarray) -> FaceQuality:
    """Measures one face.

    Args:
        face: Where it is in its photo.
        crop: Its aligned crop `(150, 150, 3)` uint8, RGB.

    Raises:
        ValueError: If the crop has another shape or dtype.
    """
    check_crop(crop, FACE_RESNET_CROP.image_size)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    inside = grey[_FACE]
    contrast = float(inside.std())
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    yaw, pitch, roll = head_pose(face.landmarks)
    return FaceQuality(
        side=float(min(face.box[2:])),
        # A face of one grey level has nothing that could be sharp or seen.
        sharpness=float(cv2.Laplacian(smooth, cv2.CV_32F)[_FACE].std()) / contrast if contrast >= 1 else 0.0,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        brightness=float(inside.mean()),
        clipped=float(np.mean((inside <= _BLACK) | (inside >= _WHITE))),
        visibility=min(float(smooth[window].std()) for window in _WINDOWS) / contrast if contrast >= 1 else 0.0,
    )


def problems(quality: FaceQuality) -> list[tuple[str, str]]:
    """Returns what is beyond its limit, as pairs of the measure's name and a sentence for people."""
    found = []
    if quality.side < MIN_SIDE:
        found.append(("side", f"The face is only {quality.side:.0f} pixels wide; at least {MIN_SIDE:.0f} are needed."))
    if quality.sharpness < MIN_SHARPNESS:
        found.append(
            ("sharpness", f"The face is blurred: sharpness {quality.sharpness:.3f}, {MIN_SHARPNESS} is needed.")
        )
    if abs(quality.yaw) > MAX_YAW:
        found.append(("yaw", f"The head is turned by {abs(quality.yaw):.0f} degrees; up to {MAX_YAW:.0f} is possible."))
    if quality.brightness < MIN_BRIGHTNESS:
        found.append(("brightness", f"The face is too dark: mean grey level {quality.brightness:.0f} of 255."))
    if quality.brightness > MAX_BRIGHTNESS:
        found.append(("brightness", f"The face is overexposed: mean grey level {quality.brightness:.0f} of 255."))
    if quality.clipped > MAX_CLIPPED:
        found.append(("clipped", f"{quality.clipped:.0%} of the face is pure black or white."))
    if quality.visibility < MIN_VISIBILITY:
        found.append(("visibility", "An eye or the mouth cannot be seen: dark glasses, a mask or a hand before it?"))
    return found


def head_pose(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Estimates the pose of the head from five landmarks, under scaled orthographic projection.

    Args:
        landmarks: `(5, 2)`, x and y in pixels, as `Face` has them.

    Returns:
        Yaw, pitch and roll in degrees, as in `FaceQuality`; zeros where all points coincide.

    Reference:
        DeMenthon, Davis, "Model-Based Object Pose in 25 Lines of Code", IJCV 1995: the first step (POS).
    """
    points = np.asarray(landmarks, dtype=np.float64)
    points = points - points.mean(axis=0)
    if not np.abs(points).max() > 0:
        return 0.0, 0.0, 0.0
    left, _, right = np.linalg.svd((_INVERSE @ points).T, full_matrices=False)  # of (2, 3): two scaled axes
    # The nearest rotation: what the photo's x, its y and the direction to the camera are in the head's own axes.
    x, y = left @ right
    near = np.cross(x, y)
    # It is a turn in the plane after a turn about the vertical after a tilt.
    yaw = math.atan2(-near[0], math.hypot(near[1], near[2]))
    pitch = math.atan2(-near[1], near[2])
    roll = math.atan2(y[0], x[0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def _face_model() -> np.ndarray:
    """The landmarks of a face looking ahead, in distances between its eyes, centred, `(5, 3)`: right, down, near."""
    template = FACE_RESNET_CROP.points
    flat = (template - template.mean(axis=0)) / np.linalg.norm(template[1] - template[0])
    # A head has two equal halves: a photo and its mirror image then differ in the signs of yaw and roll alone.
    flat = (flat + (flat * (-1, 1))[_MIRRORED]) / 2
    model = np.column_stack([flat, [0, 0, _NOSE_DEPTH, 0, 0]])
    return model - model.mean(axis=0)


def _feature_windows() -> list[tuple[slice, slice]]:
    """Where both eyes and the mouth are on an aligned crop."""
    left_eye, right_eye, _, *mouth = FACE_RESNET_CROP.points
    rows, columns = _HALF_WINDOW
    centres = [np.round(point).astype(int) for point in (left_eye, right_eye, np.mean(mouth, axis=0))]
    return [np.s_[y - rows : y + rows + 1, x - columns : x + columns + 1] for x, y in centres]


_INVERSE = np.linalg.pinv(_face_model())
_WINDOWS = _feature_windows()
