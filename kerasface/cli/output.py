"""What the commands share: their options, and how results and errors are printed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasface.terminal.progress import start_tensorflow
from kerasface.terminal.streams import print_json
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath, answers

if TYPE_CHECKING:
    from kerasface.data.photos import Photo
    from kerasface.tasks.sorting.looking import LookedAt

IMAGES = click.argument("images", nargs=-1, required=True, type=UserPath())
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
RUNS = click.option(
    "--runs",
    default="saved_models",
    show_default=True,
    type=UserPath(),
    help="Folder of the models. By default those that come with KerasFace are found too, wherever you are.",
)
MIN_FACE = click.option(
    "--min-face-size",
    type=click.FloatRange(min=12),
    help="Side in pixels of the smallest face looked for.  [default: 20, more in large photos]",
)
ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "openvino", "tensorflow", "jax"]),
    expose_value=False,
    callback=lambda context, option, name: name and _use_engine(name),
    help="What computes the networks; KERASFACE_ENGINE does the same.  [default: auto, the one that starts fastest]",
)
EMBEDDER = click.option(
    "--embedder",
    help="What compares faces; `kerasface embedders list` names them.  [default: what a gallery was made with, else "
    "face_resnet, or what `kerasface embedders default` chose]",
)
VIEWS = click.option(
    "--views",
    type=click.Choice(["1", "2", "6"]),
    default="6",
    show_default=True,
    help="Views of each face to average over: itself; its mirror image too; both at three sizes.",
)


def run_photos(
    paths: Sequence[Path],
    work: "Callable[[list[Photo]], list[dict]]",
    lines: Callable[[dict], list[str]],
    as_json: bool,
    note: str = "",
) -> None:
    """Decodes `paths`, runs `work` on the decoded ones in batches, prints; exit code 1 if a file was unusable."""
    from kerasface.data.photos import read_photos

    def results() -> "Iterator[tuple[Photo, dict]]":
        for batch in read_photos(paths):
            found = iter(work([photo for photo in batch if photo.problem is None]))
            yield from ((photo, {} if photo.problem is not None else next(found)) for photo in batch)

    print_photos(results(), lines, as_json, note)


def print_photos(
    found: "Iterable[tuple[Photo | LookedAt, dict]]",
    lines: Callable[[dict], list[str]],
    as_json: bool,
    note: str = "",
    then: Callable[[list[dict]], object] = lambda results: None,
) -> None:
    """Prints what was found in photos, each as it comes; exit code 1 if a file was unusable.

    At the end `then` is called with what would be printed as JSON.
    """
    results = []
    for photo, result in found:
        if photo.problem is not None:
            results.append({"image": str(photo.path), "error": photo.problem})
            click.echo(f"Error: {photo.problem}", err=True)
            continue
        results.append({"image": str(photo.path), **result, **notes_of(photo), **engine_used()})
        if not as_json:
            first, *others = lines(result)
            click.echo("\n  ".join([f"{photo.path}: {first}", *others]))
    if as_json:
        print_json(results)
    elif note and any("error" not in result for result in results):
        click.echo(note)
    then(results)
    if any("error" in result for result in results):
        raise SystemExit(1)


def engine_used() -> dict:
    """Returns for the JSON of an answer what computed the networks."""
    from kerasface.models.runtime import engines_in_use

    return {"engine": engines_in_use()}


def notes_of(photo: "Photo | LookedAt") -> dict:
    """Says on stderr what is to be known of a photo's file; returns it for its JSON, which is empty without any."""
    for text in photo.notes:
        say_note(text)
    return {"notes": list(photo.notes)} if photo.notes else {}


def say_note(text: str) -> None:
    click.echo(f"Note: {text}", err=True)


def face_lines(faces: list[dict], behind: Callable[[dict], str]) -> list[str]:
    """Returns how many faces there are, and whether the photo was turned for them; then each with its number.

    Args:
        faces: Largest first; numbers count from 1.
        behind: Gives what is said of a face.
    """
    from kerasface.faces.turns import turn_note

    turned = turn_note(faces[0]["turned"]) if faces else ""
    number = (counted(len(faces), "face") if faces else "no faces") + (turned and f", photo {turned}")
    return [number, *(f"face {index} at {box_text(face)}{behind(face)}" for index, face in enumerate(faces, start=1))]


def confirmed(question: str) -> bool:
    """Whether the question is answered with yes; the end of the input is a no, and Ctrl-C ends the command."""
    try:
        answer = click.confirm(question, err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise
        answer = False
    if not answer:
        click.echo(err=True)  # the end of the input ends no line
    return answer


def box_text(face: dict) -> str:
    x, y, width, height = face["box"]
    return f"{x:.0f},{y:.0f} {width:.0f}x{height:.0f}"


@contextmanager
def errors(*, tensorflow: bool = False) -> Iterator[None]:
    """Turns the library's answers into one line on stderr and exit code 1.

    Args:
        tensorflow: Whether to start TensorFlow, for what builds, changes or explains networks. What only looks
            at photos leaves it to the engine.
    """
    if tensorflow:
        start_tensorflow()
    with answers():
        yield


def _use_engine(name: str) -> None:
    from kerasface.models.engines.choice import use_engine

    use_engine(name)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Gives a function that tells the seconds since the block was entered, stopped where it was left."""
    import time

    started, stopped = time.perf_counter(), []
    yield lambda: (stopped[0] if stopped else time.perf_counter()) - started
    stopped.append(time.perf_counter())
