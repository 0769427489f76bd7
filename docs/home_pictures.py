"""Makes the pictures of the page Home: what each page makes of the sample portrait, and of digits.

    python docs/home_pictures.py

They are made once, by the product, and lie beside the pages: Home shows them before a network is loaded. The portrait
is scikit-image's, of NASA, in the public domain.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.data import astronaut

from kerasface.data.samples import draw_digit
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.drawing import CHOSEN, draw_mask
from kerasface.inspection.layers.activations import feature_maps
from kerasface.inspection.layers.mosaics import feature_grid
from kerasface.inspection.teaching.basics import KERNELS, convolve
from kerasface.models.face_resnet import build_face_resnet_map
from kerasface.runs import store as runs
from kerasface.tasks.segmentation import Segmenter

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "pages" / "parts" / "home" / "pictures"
WIDTH, HEIGHT = 480, 320  # pixels of every picture
NAME = "The astronaut"
INK = (12, 24, 22)


def made_pictures(analyzer: FaceAnalyzer) -> dict[str, np.ndarray]:
    """What the pages show, RGB uint8 of `HEIGHT` and `WIDTH`, by page."""
    whole = astronaut()
    close_up = np.ascontiguousarray(whole[:330, 60:390][:, ::-1])
    portrait = np.ascontiguousarray(whole[:HEIGHT, 16 : 16 + WIDTH])  # in which the face stands in the middle
    both = [faces[0] for faces in analyzer.analyze([whole, close_up])]
    (faces,) = analyzer.analyze([portrait])
    box = faces[0].face.box
    maps = feature_maps(build_face_resnet_map(num_stages=1), _square(portrait, box), "stage1_block3_relu2")
    grid = feature_grid(maps, count=6, side=WIDTH // 3, columns=3)
    found = Segmenter(runs.load_run(ROOT / runs.DEFAULT_ROOT, "face-parts")).segment_faces(portrait)
    return {
        "gallery": _named(portrait, box),
        "verify": np.hstack([_fitted(entry.crop) for entry in both]),
        "segment": draw_mask(portrait, found.mask, found.colors, opacity=0.55),
        "inspect": cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA),
        "playground": _convolved(),
        "train": _sheet([draw_digit(digit) for digit in range(6)], 3),
    }


def _named(portrait: np.ndarray, box: tuple) -> np.ndarray:
    """A frame around the face and a name above it, as the view Who is who has them."""
    canvas = Image.fromarray(portrait)
    draw = ImageDraw.Draw(canvas)
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    draw.rounded_rectangle((left, top, right, bottom), 6, outline=CHOSEN, width=3)
    font = ImageFont.load_default(17)
    tag = draw.textbbox((left + 6, top - 28), NAME, font=font)
    draw.rounded_rectangle((tag[0] - 7, tag[1] - 6, tag[2] + 7, tag[3] + 6), 4, fill=CHOSEN)
    draw.text((left + 6, top - 28), NAME, font=font, fill=INK)
    return np.asarray(canvas)


def _square(image: np.ndarray, box: tuple, side: int = 160) -> np.ndarray:
    """The square around a face."""
    x, y, width, height = (round(value) for value in box)
    half = max(width, height) // 2 + 10
    row, col = max(half, y + height // 2), max(half, x + width // 2)
    return cv2.resize(image[row - half : row + half, col - half : col + half], (side, side))


def _fitted(image: np.ndarray) -> np.ndarray:
    """The middle of an image in half of a picture."""
    height, width = image.shape[:2]
    wanted = min(width, round(height * WIDTH / 2 / HEIGHT))
    left = (width - wanted) // 2
    return cv2.resize(image[:, left : left + wanted], (WIDTH // 2, HEIGHT), interpolation=cv2.INTER_AREA)


def _convolved() -> np.ndarray:
    """A digit, and what two kernels make of it: green where the answer is above 0, orange where it is below."""
    digit = draw_digit(5).mean(axis=-1) / 255
    tiles = [np.stack([digit] * 3, axis=-1)]
    for name in ("Upright edges", "Level edges"):
        answer = np.pad(convolve(digit, KERNELS[name]), 1) / 4
        strength = np.clip(np.abs(answer), 0, 1)[..., None]
        tiles.append(1 - strength * (1 - np.where(answer[..., None] > 0, (0.16, 0.62, 0.5), (0.85, 0.47, 0.34))))
    return _sheet([(255 * tile).astype(np.uint8) for tile in tiles], 3)


def _sheet(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    """Small pictures in rows, in the middle of white paper."""
    side = WIDTH // columns
    large = [cv2.resize(tile, (side, side), interpolation=cv2.INTER_NEAREST) for tile in tiles]
    rows = [np.hstack(large[first : first + columns]) for first in range(0, len(large), columns)]
    sheet = np.vstack(rows)
    missing = HEIGHT - len(sheet)
    return np.pad(sheet, ((missing // 2, missing - missing // 2), (0, 0), (0, 0)), constant_values=255)


def main():
    FOLDER.mkdir(exist_ok=True)
    for page, picture in made_pictures(FaceAnalyzer()).items():
        Image.fromarray(picture).save(FOLDER / f"{page}.webp", quality=82, method=6)


if __name__ == "__main__":
    main()
