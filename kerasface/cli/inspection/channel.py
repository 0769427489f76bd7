"""The command that shows which photos excite a channel most, and what in them does."""

import re
from pathlib import Path

import click

from kerasface.cli.inspection.pictures import OUT, write_png
from kerasface.cli.output import JSON, MIN_FACE, RUNS, errors, print_json
from kerasface.terminal.progress import progress_bars
from kerasface.train.__main__ import UserPath

_SHIPPED = ("face_resnet", "efficientnet_lite0")  # networks whose weights come with pip; those of _network below


@click.command()
@click.argument("folder", type=UserPath())
@click.option("--model", help=f"Name of one of your models, or {' or '.join(_SHIPPED)}.", required=True)
@click.option("--layer", required=True, help="Layer by its path, as `kerasface inspect layers` lists them.")
@click.option(
    "--channel", "channels", type=click.IntRange(min=0), multiple=True, required=True, help="Channel; may be repeated."
)
@click.option("--count", default=9, show_default=True, type=click.IntRange(min=1), help="Photos, most exciting first.")
@OUT
@MIN_FACE
@RUNS
@JSON
def channel(folder, model, layer, channels, count, out, min_face_size, runs, as_json) -> None:
    """Show the parts of the photos in FOLDER that excite a channel most, and below each what in it does.

    What does is led back to the pixels by deconvolution (Zeiler and Fergus 2013). LAYER.channel-N.png is written into
    the folder of --out. A model of faces looks at the face nearest the middle of each photo.
    """
    with errors(tensorflow=True):
        from kerasface.inspection.layers.deconvolution import deconvolved_patches, patches_sheet
        from kerasface.inspection.layers.top_crops import top_crops

        network, taken = _network(model, runs)
        squares, used, problems = _squares(folder, taken, min_face_size)
        with progress_bars() as report:
            found = top_crops(
                network,
                layer,
                squares,
                channels,
                count=count,
                on_progress=lambda done, total: report("photos", done, total),
            )
        name, entries = re.sub(r"[^\w.-]", "-", layer), []
        for number, crops in found.items():
            sheet = patches_sheet(crops, deconvolved_patches(network, layer, number, squares, crops))
            file = out / f"{name}.channel-{number}.png"
            write_png(file, sheet)
            photos = [{"image": str(used[crop.index]), "answer": crop.score, "box": list(crop.box)} for crop in crops]
            entries.append({"channel": number, "file": str(file), "photos": photos})
    for problem in problems:
        click.echo(f"not used: {problem}", err=True)
    if as_json:
        print_json({"model": model, "layer": layer, "channels": entries, "rejected": problems})
        return
    for entry in entries:
        click.echo(f"channel {entry['channel']} of {layer}\n  {entry['file']}")
        for photo in entry["photos"]:
            click.echo(f"  {photo['answer']:.4g}  {photo['image']}")


def _network(name: str, runs: str):
    """Returns a network and what it takes of a photo."""
    from kerasface.models.efficientnet_lite import LITE0_SIDE, build_efficientnet_lite0
    from kerasface.runs.card import ModelInput
    from kerasface.runs.store import list_runs, load_run

    if name in _SHIPPED and name not in {run.name for run in list_runs(runs)}:
        if name == "face_resnet":
            from kerasface.faces.alignment import FACE_RESNET_CROP
            from kerasface.inspection.attribution.match import match_model
            from kerasface.models.shipped import IMAGE_SIZE

            taken = ModelInput(image_size=IMAGE_SIZE, alignment=FACE_RESNET_CROP.fingerprint)
            return match_model().model, taken
        return build_efficientnet_lite0(), ModelInput(kind="image", image_size=(LITE0_SIDE, LITE0_SIDE))
    run = load_run(runs, name)
    return run.model, run.card.input


def _squares(folder: Path, taken, min_face_size: float | None):
    """Returns what the model takes of each photo of a folder, the photos, and sentences on those left out."""
    from kerasface.data.cache.embeddings import image_files
    from kerasface.faces.detection import FaceDetector
    from kerasface.inspection.subjects import squares_of

    paths = image_files(folder)
    detector = FaceDetector(min_face_size) if taken.looks_at_faces else None
    with progress_bars() as report:
        return squares_of(paths, taken, detector, on_progress=lambda done: report("reading", done, len(paths)))
