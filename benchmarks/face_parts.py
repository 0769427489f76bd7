"""How well does the segmentation that comes along do on ordinary photos, and how fast and large is it?

    python benchmarks/face_parts.py --data ../shared/data

Photos of LFW have no masks. But MTCNN tells where eyes, nose and mouth are: its nose point must lie on `nose`, each eye
point within 3 pixels (of a face brought to 256) of `eyes`, the middle of the corners of the mouth on `mouth`, and the
corners of the photo on none of these. One photo each of people drawn at random; the face nearest its middle counts.

How much of FASSEG's masks is opinion: some pictures are in `train` and in `validation`, pixel by pixel, with masks of
their own in each. How the two masks agree is what a perfect pupil of the first could reach on the second.
"""

from pathlib import Path

import cv2
import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, interleaved, print_columns, print_header, print_row

from kerasface.evaluation.segmentation import SegmentationCounts
from kerasface.evaluation.verification import wilson_interval
from kerasface.faces.detection import Face, central_face
from kerasface.images.decoding import decode
from kerasface.models.runtime import compile_network
from kerasface.runs.store import load_run
from kerasface.tasks.segmentation import Segmenter

NEAR = 3  # pixels, of a face brought to 256
POINTS = (
    "nose point on nose",
    "eye points near eyes",
    "middle of the mouth on mouth",
    "corners of the photo on no part",
)


def points_in_place(face: Face, mask: np.ndarray, scale: float, classes: tuple[str, ...]) -> list[list[bool]]:
    """Returns of each kind of points, in the order of `POINTS`, which lie where they should.

    Args:
        face: The face that counts.
        mask: Class ids of the whole photo.
        scale: Pixels of the model per pixel of the photo.
        classes: Names of the classes, by class id.
    """
    height, width = mask.shape

    def at(values: np.ndarray, point):
        x, y = (round(float(value)) for value in point)
        return values[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    eyes, nose, mouth = (classes.index(name) for name in ("eyes", "nose", "mouth"))
    away = cv2.distanceTransform((mask != eyes).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * scale
    middle = (face.landmarks[3] + face.landmarks[4]) / 2
    return [
        [at(mask, face.landmarks[2]) == nose],
        [at(away, point) <= NEAR for point in face.landmarks[:2]],
        [at(mask, middle) == mouth],
        [mask[row, col] not in (eyes, nose, mouth) for row in (0, -1) for col in (0, -1)],
    ]


def measure_photos(segmenter: Segmenter, paths: list[Path]) -> None:
    found: list[list[bool]] = [[] for _ in POINTS]
    without = 0
    for path in paths:
        photo = decode(path)
        result = segmenter.segment_faces(photo)
        if not result.faces:
            without += 1
            continue
        face = central_face([entry.face for entry in result.faces], photo.shape)
        size, context = segmenter.side, segmenter.run.card.input.context
        scale = size / (context * face.box[3])
        for kind, values in zip(found, points_in_place(face, result.mask, scale, segmenter.classes), strict=True):
            kind += values
    print_columns(f"{len(paths) - without} photos of LFW, {without} without a face", "in place", "95 % interval")
    for name, values in zip(POINTS, found, strict=True):
        low, high = wilson_interval(sum(values), len(values))
        print_row(name, f"{np.mean(values):.2%}", f"{low:.2%} to {high:.2%}")


def measure_opinion(segmenter: Segmenter, fasseg: Path) -> None:
    """Prints how two masks of one picture agree, and how the model agrees with the second of them."""
    known = {decode(path).tobytes(): path for path in (fasseg / "train" / "images").glob("frontal_*.jpg")}
    drawn_twice, by_model = SegmentationCounts(segmenter.classes), SegmentationCounts(segmenter.classes)
    for path in sorted((fasseg / "validation" / "images").glob("*.jpg")):
        photo = decode(path)
        if first := known.get(photo.tobytes()):
            mask = _mask_of(path)
            drawn_twice.add(mask, _mask_of(first))
            by_model.add(mask, segmenter.segment_whole(photo).mask)
    print()
    columns = ("pictures", "pixel accuracy", "mean IoU", *segmenter.classes)
    print_columns("against the masks of validation, where train has the same picture", *columns)
    for name, counts in (("masks of train", drawn_twice), ("the model", by_model)):
        result = counts.result()
        rates = (f"{result.iou[name]:.3f}" for name in segmenter.classes)
        print_row(name, result.num_images, f"{result.pixel_accuracy:.2%}", f"{result.mean_iou:.3f}", *rates)


def _mask_of(path: Path) -> np.ndarray:
    return cv2.imread(str(path.parent.parent / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)


def measure_speed(segmenter: Segmenter, repeats: int) -> None:
    network = compile_network(segmenter.run.model, max_batch=8)
    faces = np.random.default_rng(0).integers(0, 256, (8, 256, 256, 3), dtype=np.uint8)
    seconds = interleaved({"1": lambda: network(faces[:1]), "8": lambda: network(faces)}, repeats)
    print()
    print_columns("faces of 256 x 256 at once", "milliseconds each")
    for count, took in seconds.items():
        print_row(count, f"{1000 * took / int(count):.1f}")


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--model", default="face-parts", help="name of the run")
    parser.add_argument("--runs", default="saved_models", help="folder of the runs")
    parser.add_argument("--photos", type=int, default=1000, help="people of whom one photo is taken")
    parser.add_argument("--skip", type=int, default=0, help="people left out before, in the drawn order")
    parser.add_argument("--repeats", type=int, default=30, help="times each batch is timed")
    arguments = parser.parse_args()
    print_header()
    segmenter = Segmenter(load_run(arguments.runs, arguments.model))
    size = (Path(arguments.runs) / arguments.model / "model.keras").stat().st_size
    print(f"{segmenter.run.model.count_params():,} parameters, file of {size / 2**20:.1f} MiB\n")
    people = sorted((lfw_folder(arguments.data) / "images").iterdir())
    order = np.random.default_rng(0).permutation(len(people))[arguments.skip : arguments.skip + arguments.photos]
    measure_photos(segmenter, [sorted(people[index].glob("*.jpg"))[0] for index in order])
    measure_opinion(segmenter, arguments.data / "fasseg")
    measure_speed(segmenter, arguments.repeats)


if __name__ == "__main__":
    main()
