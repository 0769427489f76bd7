"""The command that tells the class of every pixel of photos."""

import itertools
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from kerasface.cli.output import (
    ENGINE,
    IMAGES,
    JSON,
    MIN_FACE,
    RUNS,
    engine_used,
    errors,
    face_lines,
    notes_of,
    print_json,
)
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.streams import to_json
from kerasface.train.__main__ import UserPath

_DEFAULT_MODEL = "face-parts"
_SUMMARY = "segmentation.json"
_JPEG_QUALITY = 92


@click.command()
@IMAGES
@click.option(
    "--out",
    required=True,
    type=UserPath(file_okay=False),
    help="Folder to write into; made if missing.",
)
@click.option("--model", default=_DEFAULT_MODEL, show_default=True, help="Name of a model that segments.")
@click.option("--whole", is_flag=True, help="Segment each picture as a whole; no face is looked for.")
@click.option(
    "--opacity",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="How much the colours hide of the photo.",
)
@MIN_FACE
@RUNS
@ENGINE
@JSON
def segment(images, out, model, whole, opacity, min_face_size, runs, as_json) -> None:
    """Tell skin, hair, eyes, nose and mouth of every face in IMAGES, or what else a MODEL knows, pixel by pixel.

    For each photo NAME.mask.png (class ids, as a palette that shows their colours) and NAME.overlay.jpg are written
    into the folder, and segmentation.json with boxes, areas and classes of all of them. Photos of one name get numbers.
    """
    with errors():
        from kerasface.data.photos import read_photos
        from kerasface.faces.detection import FaceDetector

        segmenter = _segmenter(runs, model, None if whole else FaceDetector(min_face_size))
        targets = _targets(images, out)
        results = []
        with progress_bars() if len(images) > 1 else nullcontext() as report:
            for photo in (photo for batch in read_photos(images) for photo in batch):
                mask_file, overlay_file = targets[len(results)]
                if photo.problem is not None:
                    found = {"error": photo.problem}
                else:
                    found = _segmented(photo, segmenter, whole, opacity, mask_file, overlay_file)
                results.append({"image": str(photo.path), **found, **notes_of(photo)})
                if report:
                    report("photos", len(results), len(images))
        digest = segmenter.run.card.model_sha256
        _write_json(out / _SUMMARY, {"model": model, "model_sha256": digest, "whole": whole, "photos": results})
    problems = [result["error"] for result in results if "error" in result]
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if as_json:
        print_json(results)
    else:
        for result in results:
            if "error" not in result:
                click.echo("\n  ".join(_lines(result)))
    if problems:
        raise SystemExit(1)


def _segmenter(runs: str, model: str, detector):
    from kerasface.runs.store import load_run
    from kerasface.tasks.segmentation import Segmenter

    return Segmenter(load_run(runs, model), detector)


def _segmented(photo, segmenter, whole: bool, opacity: float, mask_file: Path, overlay_file: Path) -> dict:
    """Segments one photo and writes its two files; returns what is told of it."""
    from PIL import Image

    from kerasface.faces.drawing import draw_mask, mask_png
    from kerasface.files.writing import write_atomically

    found = segmenter.segment_whole(photo.image) if whole else segmenter.segment_faces(photo.image)
    if not whole and not found.faces:
        return {"error": f"{photo.path}: No face was found. Segment the picture as a whole: --whole."}
    overlay = Image.fromarray(draw_mask(photo.image, found.mask, found.colors, opacity=opacity))
    write_atomically(mask_file, mask_png(found.mask, found.colors))
    write_atomically(overlay_file, lambda file: overlay.save(file, "JPEG", quality=_JPEG_QUALITY))
    return {"mask": str(mask_file), "overlay": str(overlay_file), **found.to_dict(), **engine_used()}


def _targets(images: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """Returns where mask and overlay of each photo go: named after it, with a number where that name is taken.

    Names that differ in case alone are one on some disks, and no photo that is read is written over.
    """

    def key(path: Path) -> str:
        return str(path.resolve()).casefold()

    taken = {key(path) for path in images}
    targets = []
    for path in images:
        for number in itertools.count(1):
            stem = path.stem if number == 1 else f"{path.stem}-{number}"
            files = (out / f"{stem}.mask.png", out / f"{stem}.overlay.jpg")
            if taken.isdisjoint(map(key, files)):
                break
        taken.update(map(key, files))
        targets.append(files)
    return targets


def _lines(result: dict) -> list[str]:
    def areas(entry: dict) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in entry["areas"].items() if share)

    first, *others = face_lines(result["faces"], lambda face: f": {areas(face) or 'background only'}")
    return [
        f"{result['image']}: {first if result['faces'] else areas(result)}",
        *others,
        result["mask"],
        result["overlay"],
    ]


def _write_json(file: Path, content: dict) -> None:
    from kerasface.files.writing import write_atomically

    write_atomically(file, (to_json(content, indent=1) + "\n").encode("utf-8"))
