"""The command that shows what the layers of a model answer to a picture."""

import re
from pathlib import Path

import click

from kerasface.cli.inspection.pictures import LAYER, OUT, face_of, write_png
from kerasface.cli.output import JSON, MIN_FACE, RUNS, errors, print_json, say_note
from kerasface.terminal.progress import progress_bars
from kerasface.train.__main__ import UserPath


@click.command()
@click.argument("image", type=UserPath())
@click.option("--model", required=True, help="Name of one of your models.")
@LAYER
@click.option("--count", default=16, show_default=True, type=click.IntRange(min=1), help="Channels, most active first.")
@click.option("--filters", is_flag=True, help="Draw the filters of the first layer, too.")
@click.option(
    "--maximize",
    "channel",
    type=click.IntRange(min=0),
    metavar="CHANNEL",
    help="Make up a picture, too, to which this channel of --layer answers most; minutes for large models.",
)
@OUT
@MIN_FACE
@RUNS
@JSON
def activations(image, model, layer, count, filters, channel, out, min_face_size, runs, as_json) -> None:
    """Show what the layers of a model answer to a picture.

    Without --layer the most active channels at each resolution, from edges to parts, NAME.level-1.png and so on; with
    it those of this layer. A model of faces is shown the face nearest the middle of IMAGE, as it would see it.
    """
    if channel is not None and layer is None:
        raise click.UsageError("--maximize is for a channel of a layer: give --layer.")
    with errors(tensorflow=True):
        from kerasface.images.decoding import decode
        from kerasface.runs.store import load_run

        run = load_run(runs, model)
        square = _square(run, decode(image, on_note=say_note), image, min_face_size)
        beside = out / image.stem
        found = _levels(run.model, square, count, beside) if layer is None else []
        if layer is not None:
            found.append(_grid(run.model, square, layer, count, beside))
        if channel is not None:
            found.append(_maximized(run.model, layer, channel, square.shape[:2], out))
        if filters:
            found.append(_filters(run.model, out))
        for entry, picture in found:  # not before all of them are there
            write_png(Path(entry["file"]), picture)
    pictures = [entry for entry, _ in found]
    if as_json:
        print_json({"image": str(image), "model": model, "pictures": pictures})
        return
    for entry in pictures:
        shape = " x ".join(map(str, entry["shape"]))
        channels = f", channels {', '.join(map(str, entry['channels']))}" if entry["channels"] else ""
        click.echo(f"{entry['kind']} of {entry['layer']}, {shape}{channels}\n  {entry['file']}")


def _square(run, photo, path: Path, min_face_size: float | None):
    """Cuts what the model takes out of a photo, as its card says: a face's crop, the square around it, or the middle.

    Raises:
        ValueError: If a model of faces is shown a photo without.
        RunError: If the card does not tell the size.
    """
    from kerasface.faces.detection import FaceDetector
    from kerasface.inspection.subjects import model_square

    face = face_of(photo, path, FaceDetector(min_face_size)) if run.card.input.looks_at_faces else None
    return model_square(photo, run.card.input, face)


def _levels(model, square, count: int, beside: Path) -> list[tuple]:
    from kerasface.inspection.layers.depth import depth_strip

    levels = depth_strip(model, square, count=count)
    if not levels:
        raise ValueError(
            f"The model gives no maps: there is nothing to see of {model.name}, which has no convolutions."
        )
    entries = []
    for number, level in enumerate(levels, start=1):
        file = beside.with_name(f"{beside.name}.level-{number}.png")
        entries.append((_entry("maps", level.layer, level.map_shape, level.channels, file), level.picture))
    return entries


def _grid(model, square, layer: str, count: int, beside: Path) -> tuple:
    from kerasface.inspection.layers.activations import feature_maps
    from kerasface.inspection.layers.mosaics import feature_grid, strongest_channels
    from kerasface.inspection.stitching import find_layer

    path, maps = find_layer(model, layer), feature_maps(model, square, layer)
    channels = strongest_channels(maps, count)
    file = beside.with_name(f"{beside.name}.{_file_name(path)}.png")
    return _entry("maps", path, maps.shape, channels, file), feature_grid(maps, channels=channels)


def _maximized(model, layer: str, channel: int, size: tuple[int, int], out: Path) -> tuple:
    from kerasface.inspection.layers.maximization import maximize
    from kerasface.inspection.stitching import find_layer

    with progress_bars() as report:
        picture = maximize(
            model, layer, channel, image_size=size, on_progress=lambda done, total: report("steps", done, total)
        )
    path = find_layer(model, layer)
    file = out / f"{_file_name(path)}.channel-{channel}.png"
    return _entry("maximum", path, picture.shape, (channel,), file), picture


def _filters(model, out: Path) -> tuple:
    from kerasface.inspection.layers.filters import filter_grid, first_filters

    found = first_filters(model)
    file = out / "filters.png"
    return _entry("filters", found.layer, found.weights.shape, (), file), filter_grid(found.weights)


def _entry(kind: str, layer: str, shape, channels, file: Path) -> dict:
    return {"kind": kind, "layer": layer, "shape": list(shape), "channels": list(channels), "file": str(file)}


def _file_name(path: str) -> str:
    """The path of a layer as part of a file's name."""
    return re.sub(r"[^\w.-]", "-", path)
