"""The command that says who is in photos, and lets the answers leave."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasface.cli.gallery import opened_search
from kerasface.cli.output import EMBEDDER, ENGINE, JSON, errors, face_lines, print_photos
from kerasface.cli.people.commands import GALLERY
from kerasface.cli.sorting import Wishes, check_usage, sorting_options, undo_sorting, write_sorted
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.streams import is_shown
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

if TYPE_CHECKING:
    from kerasface.faces.analyzer import FaceAnalyzer
    from kerasface.tasks.identification import Identifier
    from kerasface.tasks.sorting.looking import LookedAt

_FPIR = click.option(
    "--fpir",
    default=0.01,
    show_default=True,
    help="False positive identification rate to decide at: the share of strangers who may be taken for somebody.",
)
_REMEMBER = click.option(
    "--remember",
    is_flag=True,
    help="Keep what was seen of each photo, sealed next to the gallery, and look at none twice: the templates of "
    "everybody on them, strangers too. `people photos --forget` removes it.",
)


@click.command()
@click.argument("images", nargs=-1, type=UserPath())
@_FPIR
@_REMEMBER
@sorting_options
@EMBEDDER
@GALLERY
@ENGINE
@JSON
def identify(images, fpir, remember, embedder, gallery, as_json, **where) -> None:
    """Say for every face in IMAGES (files, or folders of them) who of the gallery it is, or that it is nobody known.

    In a video a face is followed as long as it is to be seen, decided on once by its best pictures, and has times.

    In one photo nobody is found twice. Scores are in units of what strangers reach, and the one needed rises with the
    number of people, so that strangers are taken for somebody no more often in a large gallery than in a small one.

    The answers can leave as a table (--csv), as photos in a folder per person (--copy, --link), or as names that other
    programs read (--xmp); a manifest takes it back (--undo). Photos are never moved, and none is changed but by
    --into-photos, which keeps it as it was.
    """
    wishes = Wishes(**where)
    check_usage(images, wishes)
    if wishes.undo is not None:
        undo_sorting(wishes.undo, as_json)
        return
    with errors():
        from kerasface.data.cache.embeddings import photo_files

        files = photo_files(images, videos=True)
        with opened_search(gallery, fpir, embedder) as (identifier, analyzer):
            point = identifier.operating_point()
            print_photos(
                _answers(files, identifier, analyzer, remember),
                _identified_lines,
                as_json,
                note=_search_note(point) if identifier.num_people == 0 or point else "",
                then=lambda results: write_sorted(results, wishes),
            )


def _answers(
    files: Sequence[Path], identifier: "Identifier", analyzer: "FaceAnalyzer", remember: bool
) -> "Iterator[tuple[LookedAt, dict]]":
    from kerasface.tasks.sorting.answers import decide_all
    from kerasface.tasks.sorting.looking import look_at_photos

    point, memory = identifier.operating_point(), identifier.gallery.seen if remember else None
    with progress_bars() as report:

        def tell(video: Path, done: float, total: float) -> None:
            report("".join(filter(is_shown, video.name)), round(done), round(total))

        for looks in look_at_photos(files, analyzer, memory, on_video=tell):
            for answer in decide_all(identifier, looks):
                decision = {} if answer.faces else {"decision": "no_face"}
                yield answer.look, {**answer.to_dict(), **decision, "gallery": point and point.to_dict()}


def _identified_lines(photo: dict) -> list[str]:
    def behind(face: dict) -> str:
        times = f" from {_clock(face['from'])} to {_clock(face['to'])}" if "from" in face else ""
        chance = f" ({face['probability_text']})" if face["probability_text"] else ""
        return f"{times}: {face['decision'].upper().replace('_', ' ')}: {face['reason']}{chance}"

    first, *faces = face_lines(photo["faces"], behind)
    return [f"{first} in {_clock(photo['seconds'])}" if "seconds" in photo else first, *faces]


def _clock(seconds: float) -> str:
    """A time in a video, such as 1:02.4 or 1:00:02.4."""
    tenths = round(10 * seconds)
    hours, minutes = f"{tenths // 36000}:" if tenths >= 36000 else "", tenths // 600 % 60
    return f"{hours}{minutes:0{2 if hours else 1}}:{tenths // 10 % 60:02}.{tenths % 10}"


def _search_note(point) -> str:
    if point is None:
        return "The gallery is empty. Enrol somebody: kerasface enroll NAME IMAGE"
    beyond = "" if point.gallery_size <= point.measured_size else f" (continued from {point.measured_size} people)"
    among = counted(point.gallery_size, "person", "people")
    return (
        f"Among {among} at most {point.fpir:.1%} of strangers may be taken for somebody; {point.fpir_measured:.2%} "
        f"were (95 % interval {point.fpir_low:.1%} to {point.fpir_high:.1%}), and {point.fnir:.0%} of known faces were "
        f"not named, with one photo enrolled of each{beyond}. Measured {point.date} on {point.data}."
        + (f" {point.own}" if point.own else "")
    )
