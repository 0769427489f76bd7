"""Random changes of pictures with masks: what moves a picture moves its mask, what recolours it leaves the mask alone.

Few labelled faces, all from one studio, must stand for every face in every place. So beside the usual changes of
geometry and colour, the background is exchanged for other pictures and patterns, hair and skin change their colour,
mouths open and smile, and eyes get glasses: everything that a mask tells how to draw.

Each change is a function of pixels, mask and a NumPy generator; the same generator state gives the same picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

# Class of a pixel outside the labelled picture: it is background if something is drawn there.
OUTSIDE = 255
GRAY = 128  # of what lies outside a picture that is used as it is


@dataclass(frozen=True)
class MaskPolicy:
    """How far pictures with masks are changed; each picture draws its own values.

    Attributes:
        rotation: Largest rotation in degrees.
        zoom: Largest factor by which things become larger or smaller.
        shift: Largest shift, as a share of the side.
        stretch: Largest change of the aspect ratio, as a share of it.
        background: Probability that the background is exchanged.
        color: Strength of all changes of colour, light and sharpness; 1 is the strongest, 0 none.
        parts: Probability with which skin and hair change colour, mouths open, and eyes get glasses, each on its own;
            only where classes have these names.
        gentle: Share of the pictures that are changed a third as much, so that plain ones are not forgotten.
    """

    rotation: float = 0.0
    zoom: float = 1.0
    shift: float = 0.0
    stretch: float = 0.0
    background: float = 0.0
    color: float = 0.0
    parts: float = 0.0
    gentle: float = 0.0

    def gentler(self) -> "MaskPolicy":
        """Returns the policy with a third of all changes."""
        third = 1 / 3
        changes = {
            name: getattr(self, name) * third for name in ("rotation", "shift", "stretch", "background", "parts")
        }
        return MaskPolicy(zoom=self.zoom**third, color=self.color * third, **changes)


POLICIES: dict[str, MaskPolicy] = {
    "none": MaskPolicy(),
    "light": MaskPolicy(rotation=5, zoom=1.1, shift=0.05, color=0.3),
    "standard": MaskPolicy(rotation=15, zoom=1.3, shift=0.1, stretch=0.1, background=0.4, color=0.6, parts=0.2),
    "strong": MaskPolicy(
        rotation=30, zoom=1.8, shift=0.1, stretch=0.2, background=0.6, color=1.0, parts=0.5, gentle=0.5
    ),
}


@dataclass(frozen=True)
class MaskChanges:
    """What an augmentation of pictures with masks needs to know.

    Attributes:
        image_size: Height and width of the results.
        classes: Names of the classes, by class id.
        policy: How far pictures are changed.
        backgrounds: RGB uint8 pictures that may stand behind a face, of any size.
        flip: Whether half of the pictures are mirrored.
    """

    image_size: tuple[int, int]
    classes: tuple[str, ...]
    policy: MaskPolicy
    backgrounds: Sequence[np.ndarray] = field(default=())
    flip: bool = True


def augment_masked(
    image: np.ndarray, mask: np.ndarray, changes: MaskChanges, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Changes one picture and its mask.

    Args:
        image: RGB uint8, `(height, width, 3)`.
        mask: Class ids uint8, `(height, width)`; 255 outside the picture.
        changes: What to change.
        generator: The source of all randomness.

    Returns:
        The picture and its mask, of `changes.image_size`; no pixel is 255 any more: what came in from outside is
        background (class 0).
    """
    policy = changes.policy
    if generator.random() < policy.gentle:
        policy = policy.gentler()
    of = {name: index for index, name in enumerate(changes.classes)}
    for names, share, change in _PARTS:
        if of.keys() >= names and generator.random() < share * policy.parts:
            image, mask = change(image, mask, of, generator)
    image, mask = _move(image, mask, policy, changes, generator)
    outside = mask == OUTSIDE
    mask = np.where(outside, 0, mask).astype(np.uint8)
    if policy.background and (generator.random() < policy.background):
        image = _onto(image, mask == 0, _background(changes, generator), generator)
    elif outside.any():
        filled = np.float32(GRAY) if generator.random() < 0.5 else _background(changes, generator)
        image = _onto(image, outside, filled, generator)
    if policy.color:
        image = _recolor(image, policy.color, generator)
        image = _degrade(image, policy.color, generator)
    return image, mask


def fit_masked(image: np.ndarray, mask: np.ndarray, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Brings a picture and its mask to a size, unchanged otherwise: the whole picture, its middle in the middle.

    Returns:
        The picture, grey where its shape is another, and its mask, 255 there.
    """
    image, mask = _warped(image, mask, _fit_matrix(mask, image_size), image_size)
    image[mask == OUTSIDE] = GRAY
    return image, mask


def _move(image, mask, policy: MaskPolicy, changes: MaskChanges, generator):
    size = np.array(changes.image_size[::-1])  # columns, rows
    angle = np.deg2rad(policy.rotation * generator.uniform(-1, 1))
    zoom = policy.zoom ** generator.uniform(-1, 1)
    aspect = (1 + policy.stretch) ** generator.uniform(-0.5, 0.5)
    mirror = -1.0 if changes.flip and generator.random() < 0.5 else 1.0
    shift = policy.shift * size * generator.uniform(-1, 1, 2)
    cosine, sine = np.cos(angle) * zoom, np.sin(angle) * zoom
    turn = np.array([[cosine, sine], [-sine, cosine]]) @ np.diag([mirror * aspect, 1 / aspect])
    fit = np.vstack([_fit_matrix(mask, changes.image_size), [0, 0, 1]])
    middle = (size - 1) / 2
    moved = np.column_stack([turn, middle + shift - turn @ middle])
    return _warped(image, mask, moved @ fit, changes.image_size)


def _fit_matrix(mask, image_size) -> np.ndarray:
    """The affine map of the labelled picture into the middle of `image_size`, as large as it can be."""
    inside = mask != OUTSIDE
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    scale = min(image_size[0] / (bottom - top), image_size[1] / (right - left))
    middle = np.array([left + right, top + bottom]) / 2 - 0.5
    target = np.array([image_size[1], image_size[0]]) / 2 - 0.5
    return np.column_stack([np.eye(2) * scale, target - scale * middle])


def _warped(image, mask, matrix, image_size):
    size = (image_size[1], image_size[0])
    if abs(np.linalg.det(matrix[:, :2])) < 0.5:  # aliasing would make hair and edges flicker
        image = cv2.blur(image, (2, 2))
    moved = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    ids = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST, borderValue=OUTSIDE)
    return moved, ids


def _onto(image, hidden, background, generator):
    """Lays what is not `hidden` on another background, with an edge as soft as a lens draws it."""
    softness = generator.uniform(0.4, 1.6)  # pixels
    alpha = cv2.GaussianBlur(1 - hidden.astype(np.float32), (0, 0), softness)[..., None]
    return np.rint(image * alpha + background * (1 - alpha)).astype(np.uint8)


def _background(changes: MaskChanges, generator) -> np.ndarray:
    """A picture or a pattern of `image_size`, recoloured and out of focus by a random amount."""
    rows, cols = changes.image_size
    if len(changes.backgrounds) and generator.random() < 0.7:
        picture = changes.backgrounds[generator.integers(len(changes.backgrounds))]
        height, width = picture.shape[:2]
        side = max(1, int(min(height, width) * generator.uniform(0.25, 1.0)))
        top, left = generator.integers(height - side + 1), generator.integers(width - side + 1)
        picture = cv2.resize(
            picture[top : top + side, left : left + side], (cols, rows), interpolation=cv2.INTER_LINEAR
        )
        if generator.random() < 0.5:
            picture = picture[:, ::-1]
    else:
        picture = _pattern(rows, cols, generator)
    if generator.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), generator.uniform(0.5, 6))
    gains = generator.uniform(0.4, 1.5) * generator.uniform(0.75, 1.25, 3)
    return np.clip(picture * gains, 0, 255).astype(np.float32)


def _pattern(rows, cols, generator) -> np.ndarray:
    """A plain colour, a gradient, blotches, or overlapping shapes."""
    colors = generator.integers(0, 256, (4, 3)).astype(np.float32)
    kind = generator.integers(4)
    if kind == 0:
        picture = np.broadcast_to(colors[0], (rows, cols, 3))
    elif kind == 1:
        corners = colors.reshape(2, 2, 3)
        picture = cv2.resize(corners, (cols, rows), interpolation=cv2.INTER_LINEAR)
    elif kind == 2:
        cells = int(generator.integers(3, 24))
        small = generator.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        picture = cv2.resize(small, (cols, rows), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    else:
        picture = np.full((rows, cols, 3), colors[0], dtype=np.float32)
        for _ in range(int(generator.integers(2, 10))):
            color = tuple(generator.uniform(0, 255, 3))
            ends = [tuple(int(value) for value in generator.integers(0, (cols, rows))) for _ in range(2)]
            if generator.random() < 0.5:
                cv2.rectangle(picture, *ends, color, -1)
            else:
                cv2.line(picture, *ends, color, int(generator.integers(2, 30)))
    return picture.astype(np.float32)


def _recolor(image, strength: float, generator) -> np.ndarray:
    """Exposure, contrast, white balance, saturation, light from one side, and now and then no colour at all."""
    pixels = image.astype(np.float32)
    rows, cols = image.shape[:2]
    if generator.random() < 0.4:
        ends = 1 + 0.6 * strength * generator.uniform(-1, 1, (2, 2)).astype(np.float32)
        pixels = pixels * cv2.resize(ends, (cols, rows), interpolation=cv2.INTER_LINEAR)[..., None]
    gains = 1 + strength * (0.4 * generator.uniform(-1, 1) + 0.15 * generator.uniform(-1, 1, 3))
    mean = pixels.mean()
    pixels = (pixels - mean) * (1 + 0.4 * strength * generator.uniform(-1, 1)) + mean
    pixels = (pixels * gains).clip(0, 255)
    grey = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    saturation = 0.0 if generator.random() < 0.15 * strength else 1 + 0.6 * strength * generator.uniform(-1, 1)
    pixels = grey[..., None] + saturation * (pixels - grey[..., None])
    gamma = 2 ** (0.6 * strength * generator.uniform(-1, 1))
    return np.rint(255 * (pixels.clip(0, 255) / 255) ** gamma).astype(np.uint8)


def _degrade(image, strength: float, generator) -> np.ndarray:
    """Fewer pixels, blur, noise and JPEG, as photos from elsewhere have them."""
    rows, cols = image.shape[:2]
    if generator.random() < 0.5 * strength:
        share = generator.uniform(0.25, 1.0)
        size = (max(8, int(cols * share)), max(8, int(rows * share)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (cols, rows), interpolation=cv2.INTER_CUBIC)
    if generator.random() < 0.3 * strength:
        image = cv2.GaussianBlur(image, (0, 0), generator.uniform(0.3, 2.0))
    if generator.random() < 0.4 * strength:
        noise = generator.normal(0, generator.uniform(2, 14), image.shape)
        image = np.rint((image + noise).clip(0, 255)).astype(np.uint8)
    if generator.random() < 0.5 * strength:
        quality = int(generator.integers(25, 95))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def _tint(image, region, factor, generator) -> np.ndarray:
    """Multiplies the colours of a region, with a soft edge."""
    alpha = cv2.GaussianBlur(region.astype(np.float32), (0, 0), max(image.shape[:2]) / 170)[..., None]
    changed = image * (1 + alpha * (np.asarray(factor, dtype=np.float32) - 1))
    return cv2.convertScaleAbs(changed)


def _change_skin(image, mask, of, generator):
    """Other complexions: darker skin is browner as well."""
    region = np.isin(mask, [of[name] for name in ("skin", "nose", "mouth") if name in of])
    darkness = generator.uniform(0.25, 1.1)
    brown = np.array([1.0, 0.9 + 0.1 * min(darkness, 1), 0.75 + 0.25 * min(darkness, 1)])
    return _tint(image, region, darkness * brown, generator), mask


def _change_hair(image, mask, of, generator):
    """Other hair: darker or lighter, red, blond, grey or white."""
    region = mask == of["hair"]
    if not region.any():
        return image, mask
    level = max(float(image[region].mean()), 8.0)
    wanted = generator.uniform(15, 215)
    return _tint(image, region, wanted / level * generator.uniform(0.8, 1.2, 3), generator), mask


def _open_mouth(image, mask, of, generator):
    """Opens the mouth and bends its corners: lips part, what lies between is mouth too, the chin gives way."""
    rows, cols = np.nonzero(mask == of["mouth"])
    if len(rows) < 60:
        return image, mask
    width, height = cols.max() - cols.min() + 1, rows.max() - rows.min() + 1
    # Nothing moves beyond this part of the picture.
    part = (
        slice(max(rows.min() - 4 * height, 0), rows.max() + 4 * width),
        slice(max(cols.min() - width, 0), cols.max() + width),
    )
    light = image[mask == of.get("skin")]
    image, mask = image.copy(), mask.copy()
    image[part], mask[part] = _with_open_mouth(
        image[part], mask[part], of["mouth"], float(light.mean()) if len(light) else 128.0, generator
    )
    return image, mask


def _with_open_mouth(image, mask, mouth_id, light, generator):
    mouth = mask == mouth_id
    rows, cols = np.nonzero(mouth)
    left, right, top, bottom = cols.min(), cols.max(), rows.min(), rows.max()
    width, height = right - left + 1, bottom - top + 1
    y, x = (axis.astype(np.float32) for axis in np.mgrid[: mask.shape[0], : mask.shape[1]])
    across = (x - (left + right) / 2) / (width / 2)  # -1 and 1 at the corners
    # Between the lips, per column.
    counts = mouth.sum(axis=0)
    line = np.where(counts > 0, (y * mouth).sum(axis=0) / np.maximum(counts, 1), (top + bottom) / 2)
    line = cv2.GaussianBlur(line[None].astype(np.float32), (0, 0), width / 12)
    opening = generator.uniform(0, 1) ** 1.5 * 1.3 * min(height, width / 2)
    gap = (opening * np.sqrt(np.clip(1 - across**2, 0, 1))).astype(np.float32)
    near = np.exp(-(((y - line) / (1.2 * height + 1)) ** 2) - (np.abs(across) / 1.5) ** 4)
    lift = generator.uniform(-0.15, 0.45) * height * np.clip(across**2, 0, 1.5) * near
    # Rows above the line stay, rows below move down by the gap, ever less towards the chin.
    below = y - line - gap
    fading = np.clip(1 - below / (2.5 * width), 0, 1)
    source = np.where(y <= line, y, np.where(below <= 0, line, y - gap * fading))
    wider = generator.uniform(1.0, 1.2)
    columns = x - (across * width / 2) * (1 - 1 / wider) * near
    maps = columns.astype(np.float32), (source + lift).astype(np.float32)
    moved = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    ids = cv2.remap(mask, *maps, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    opened = (y > line) & (below < 0) & (gap > 1)
    depth = np.clip((y - line) / np.maximum(gap, 1), 0, 1)
    teeth = light * generator.uniform(0.8, 1.6) * np.array([1.0, 0.97, 0.9], dtype=np.float32)
    dark = light * generator.uniform(0.05, 0.5) * np.array([1.0, 0.6, 0.55], dtype=np.float32)
    share = generator.choice([0.0, generator.uniform(0.3, 0.7), 1.0], p=[0.25, 0.4, 0.35])
    ribs = 1 + 0.1 * np.cos(across * generator.uniform(10, 25))
    inner = np.where((depth < share)[..., None], teeth, dark) * ribs[..., None]
    alpha = cv2.GaussianBlur(opened.astype(np.float32), (0, 0), max(height / 20, 0.5))[..., None]
    moved = cv2.convertScaleAbs(moved * (1 - alpha) + inner * alpha)
    return moved, np.where(opened, np.uint8(mouth_id), ids)


def _grow_beard(image, mask, of, generator):
    """Draws stubble or a beard on the skin around the mouth; a beard is skin here, as in FASSEG."""
    rows, cols = np.nonzero(mask == of["mouth"])
    nose = np.flatnonzero((mask == of["nose"]).any(axis=1))
    if len(rows) < 60 or not len(nose):
        return image, mask
    width = cols.max() - cols.min() + 1
    y, x = (axis.astype(np.float32) for axis in np.mgrid[: mask.shape[0], : mask.shape[1]])
    away = np.hypot((x - cols.mean()) / 1.2, y - rows.mean() - 0.3 * width) / (width * generator.uniform(0.6, 1.2))
    beard = (mask == of["skin"]) * np.exp(-(away**4)) * (y > nose[-1])
    beard = cv2.GaussianBlur(beard.astype(np.float32), (0, 0), max(width / 40, 0.5))[..., None]
    hairs = generator.normal(1, 0.25, (*mask.shape, 1)).astype(np.float32).clip(0.2, 1.8)
    tone = np.float32(generator.uniform(0.15, 0.8)) * generator.uniform(0.85, 1.15, 3).astype(np.float32)
    return cv2.convertScaleAbs(image * (1 - beard) + image * tone * hairs * beard), mask


def _wear_glasses(image, mask, of, generator):
    """Draws glasses over the eyes, clear or dark; the eyes behind them stay eyes."""
    count, _, stats, centres = cv2.connectedComponentsWithStats((mask == of["eyes"]).astype(np.uint8))
    eyes = sorted(range(1, count), key=lambda index: -stats[index][cv2.CC_STAT_AREA])[:2]
    eyes = [index for index in eyes if stats[index][cv2.CC_STAT_AREA] >= 30]
    if not eyes:
        return image, mask
    # Half a lens: about as wide as the eye is.
    half = max(stats[index][cv2.CC_STAT_WIDTH] for index in eyes) * generator.uniform(0.75, 1.15)
    tall = half * generator.uniform(0.55, 0.95)
    drawn, lens = image.copy(), np.zeros(mask.shape, np.uint8)
    frame = tuple(int(value) for value in generator.integers(0, 120, 3))
    thickness = int(max(1, half * generator.uniform(0.04, 0.2)))
    middles = [centres[index] + (0, tall * 0.15) for index in eyes]
    are_round = generator.random() < 0.5
    for middle in middles:
        centre, axes = (int(middle[0]), int(middle[1])), (int(half), int(tall))
        if are_round:
            cv2.ellipse(lens, centre, axes, 0, 0, 360, 1, -1)
            cv2.ellipse(drawn, centre, axes, 0, 0, 360, frame, thickness, cv2.LINE_AA)
        else:
            corners = [(centre[0] - axes[0], centre[1] - axes[1]), (centre[0] + axes[0], centre[1] + axes[1])]
            cv2.rectangle(lens, *corners, 1, -1)
            cv2.rectangle(drawn, *corners, frame, thickness, cv2.LINE_AA)
    if len(middles) == 2:
        (one, other) = sorted(middles, key=lambda middle: middle[0])
        cv2.line(
            drawn,
            (int(one[0] + half), int(one[1])),
            (int(other[0] - half), int(other[1])),
            frame,
            thickness,
            cv2.LINE_AA,
        )
    opacity = generator.choice([generator.uniform(0, 0.3), generator.uniform(0.5, 1.0)], p=[0.6, 0.4])
    tint = generator.uniform(0, 60, 3) if opacity > 0.3 else generator.uniform(100, 255, 3)
    alpha = opacity * lens[..., None].astype(np.float32)
    return cv2.convertScaleAbs(drawn * (1 - alpha) + tint * alpha), mask


# Classes that a change needs, how often it comes among those of parts, and the change; in this order: lips are parted
# before anything is drawn over the face.
_PARTS = (
    ({"mouth"}, 1.0, _open_mouth),
    ({"skin"}, 1.0, _change_skin),
    ({"hair"}, 1.0, _change_hair),
    ({"skin", "nose", "mouth"}, 0.5, _grow_beard),
    ({"eyes"}, 1.0, _wear_glasses),
)
