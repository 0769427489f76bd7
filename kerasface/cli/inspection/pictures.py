"""What the commands share that look inside models by pictures: options, the face that is meant, maps laid over it."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasface.train.__main__ import UserPath

if TYPE_CHECKING:
    import numpy as np

    from kerasface.faces.detection import Face, FaceDetector
    from kerasface.tasks.segmentation import Segmenter

SIDE = 300  # pixels; smaller pictures are enlarged, so that something can be seen
LAYER = click.option("--layer", help="Layer by its path, as `kerasface inspect layers` lists them.")
OUT = click.option(
    "--out",
    required=True,
    type=UserPath(file_okay=False),
    help="Folder to write into; made if missing.",
)
REGIONS = click.option(
    "--regions",
    metavar="NAME",
    help="Name of a model that segments, such as face-parts: tells the shares of the parts.",
)


def face_of(photo: "np.ndarray", path: Path, detector: "FaceDetector") -> "Face":
    """Returns the face of a photo that is nearest its middle.

    Raises:
        ValueError: If there is none.
    """
    from kerasface.faces.detection import central_face

    (faces,) = detector.detect([photo])
    if not faces:
        raise ValueError(f"{path}: No face was found.")
    return central_face(faces, photo.shape)


def write_png(file: Path, picture: "np.ndarray") -> None:
    from PIL import Image

    from kerasface.files.writing import write_atomically

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    write_atomically(file, content.getvalue())


def build_segmenter(runs: str, name: str, min_face_size: float | None) -> "Segmenter":
    from kerasface.faces.detection import FaceDetector
    from kerasface.runs.store import load_run
    from kerasface.tasks.segmentation import Segmenter

    return Segmenter(load_run(runs, name), FaceDetector(min_face_size))


def part_shares(
    segmenter, photo: "np.ndarray", face: "Face", map: "np.ndarray", template=None
) -> tuple[dict | None, str | None]:
    """Returns the share of each part of a face in the map on its crop, and a warning; nothing without a segmenter."""
    if not segmenter:
        return None, None
    import cv2

    from kerasface.faces.alignment import FACE_RESNET_CROP
    from kerasface.inspection.attribution.regions import background_warning, region_shares
    from kerasface.tasks.segmentation import mask_in_crop

    found = segmenter.segment_faces(photo).faces
    segmented = min(found, key=lambda one: abs(one.face.landmarks - face.landmarks).sum())
    mask = cv2.resize(
        mask_in_crop(segmented, template or FACE_RESNET_CROP), map.shape[::-1], interpolation=cv2.INTER_NEAREST
    )
    shares = region_shares(map, mask, segmenter.classes)
    return shares, background_warning(shares, segmenter.classes[0])


def tell_shares(shares: dict[str, float] | None, warning: str | None) -> None:
    if shares:
        click.echo("  " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    if warning:
        click.echo(f"Warning: {warning}", err=True)


def enlarged(picture: "np.ndarray") -> "np.ndarray":
    """Brings a picture or a map with short sides to `SIDE` pixels on its longer one."""
    import cv2

    scale = max(1, SIDE / max(picture.shape[:2]))
    size = [round(scale * extent) for extent in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)


def laid_over(square: "np.ndarray", map: "np.ndarray", signed: bool, limit: float | None = None) -> "np.ndarray":
    from kerasface.inspection.attribution.overlays import overlay_map

    return overlay_map(enlarged(square), enlarged(map), signed=signed, limit=limit)
