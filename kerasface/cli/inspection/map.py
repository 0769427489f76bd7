"""The command that draws embeddings on a map and looks for wrong names among them."""

from functools import partial
from pathlib import Path

import click

from kerasface.cli.output import EMBEDDER, JSON, RUNS, errors, print_json
from kerasface.cli.people.commands import GalleryPlace, opened_gallery
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.streams import NOT_TEXT
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

_REPORT = "map.html"
_METHODS = ("tsne", "pca")  # those of inspection.embedding_map


@click.command("map")
@click.argument("source", required=False, metavar="[FOLDER|FILE.npz]", type=UserPath())
@click.option("--gallery", type=GalleryPlace(), help="Draw the people of this gallery instead.")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="tsne",
    show_default=True,
    help="tsne keeps who is near whom; pca is quick, even for 100,000 faces.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of what is random.")
@click.option(
    "--out",
    required=True,
    type=UserPath(file_okay=False),
    help="Folder to write into; made if missing.",
)
@click.option("--model", help="A classifier of yours: what it makes of the photos of FOLDER before it decides.")
@EMBEDDER
@RUNS
@JSON
def map_command(source, gallery, method, seed, out, model, embedder, runs, as_json) -> None:
    """Draw faces as points on a map and list the pictures that seem to carry a wrong name.

    The faces are those of the photos in FOLDER (a folder per person), those that `kerasface embed` wrote to FILE.npz,
    or a gallery's; with --model pictures of any kind, by a classifier of yours. map.html, with the pictures under the
    pointer, is written into the folder of --out.
    """
    if (source is None) == (gallery is None):
        raise click.UsageError("Give a FOLDER, a FILE.npz, or --gallery, and one of them only.")
    if model and (embedder or source is None or not source.is_dir()):
        raise click.UsageError("--model looks at the photos of a FOLDER, and takes the place of --embedder.")
    # Photos alone need TensorFlow; embeddings are there already otherwise.
    with errors(tensorflow=source is not None and source.is_dir()):
        from kerasface.files.writing import write_atomically
        from kerasface.inspection.maps.embedding_map import project
        from kerasface.inspection.maps.label_errors import suspected_label_errors

        with progress_bars() as report:
            points = _features(source, model, runs, report) if model else _points(source, gallery, embedder, report)
            drawn = project(
                points.embeddings, method, seed=seed, on_progress=lambda done, total: report("map", done, total)
            )
            suspects = suspected_label_errors(
                points.embeddings, points.labels, on_progress=lambda done, total: report("neighbours", done, total)
            )
            html = _document(f"Map of {source or gallery}", points, drawn, suspects, seed)
        write_atomically(out / _REPORT, html.encode("utf-8", NOT_TEXT))
    rejected = [{"image": str(path), "reason": reason} for path, reason in points.rejected]
    if as_json:
        counts = {"num_points": len(points.labels), "num_names": len(set(points.labels))}
        found = {"label_errors": [_row(points, suspect) for suspect in suspects], "rejected": rejected}
        print_json({"out": str(out / _REPORT), "method": method, "description": drawn.description, **counts, **found})
        return
    for row in (_row(points, suspect) for suspect in suspects):
        place = row["image"] or f"picture {row['index']}"
        click.echo(f"{place}: named {row['label']}, looks like {row['suggested']} (margin {row['margin']:.3f})")
    for line in rejected:
        click.echo(f"not used: {line['reason']}", err=True)
    names = counted(len(set(points.labels)), "name")
    thing = "picture" if model else "face"
    click.echo(f"{counted(len(points.labels), thing)} of {names}, misnamed as it seems: {len(suspects)}")
    click.echo(f"{drawn.description}\n{out / _REPORT}")


def _points(source: Path | None, gallery: Path | None, embedder: str | None, report):
    from kerasface.inspection.maps.embedding_map import file_points, folder_points, gallery_points

    if gallery is not None:
        with opened_gallery(gallery) as opened:
            return gallery_points(opened)
    if not source.is_dir():
        return file_points(source)
    from kerasface.faces.analyzer import FaceAnalyzer
    from kerasface.faces.embedders import load_embedder

    analyzer = FaceAnalyzer(embedder=load_embedder(embedder))
    return folder_points(source, analyzer, lambda done, total: report("photos", done, total))


def _features(source: Path, name: str, runs: str, report):
    from kerasface.faces.detection import FaceDetector
    from kerasface.inspection.maps.features import folder_features
    from kerasface.runs.store import load_run

    run = load_run(runs, name)
    detector = FaceDetector() if run.card.input.looks_at_faces else None
    on_progress = partial(report, "photos")
    return folder_features(source, run.model, run.card.input, detector, on_progress)


def _document(title: str, points, drawn, suspects: list, seed: int) -> str:
    """The report; of many points those that are suspected, what they look like, and others at random have pictures."""
    import numpy as np

    from kerasface.inspection.maps.embedding_map import read_thumbnails
    from kerasface.plotting.embedding_map import map_figure
    from kerasface.reports.embedding_map import MAX_THUMBNAILS, embedding_map_document

    first = [index for suspect in suspects for index in (suspect.index, suspect.neighbor)]
    others = np.random.default_rng(seed).permutation(len(points.labels)).tolist()
    wanted = list(dict.fromkeys([*first, *others]))[:MAX_THUMBNAILS]
    read = read_thumbnails(points, wanted)
    axes = None
    if drawn.explained:
        axes = tuple(f"{share:.1%} of the variance" for share in drawn.explained)
    figure = map_figure(
        drawn.positions,
        points.labels,
        files=points.paths and [path.name for path in points.paths],
        marked=[suspect.index for suspect in suspects],
        axes=axes,
    )
    notes = [f"Not on the map: {counted(len(points.rejected), 'photo')} without a face, or not readable."]
    return embedding_map_document(
        title,
        figure,
        description=drawn.description,
        labels=points.labels,
        suspects=[suspect.to_dict() for suspect in suspects],
        thumbnails={index: read[index] for index in wanted if index in read},
        notes=notes if points.rejected else [],
    )


def _row(points, suspect) -> dict:
    return {"image": str(points.paths[suspect.index]) if points.paths else None, **suspect.to_dict()}
