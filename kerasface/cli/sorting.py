"""What `identify` does with its answers beside printing them: a table, copies, links, names, and the way back."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasface.cli.output import errors, print_json
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

if TYPE_CHECKING:
    from kerasface.tasks.sorting.manifest import Placed

_OPTIONS = (
    click.option("--csv", "table", type=UserPath(), help="Write a table there with a row for each face."),
    click.option("--copy", type=UserPath(), help="Copy the photos there, into a folder for each person on them."),
    click.option(
        "--link",
        type=UserPath(),
        help="The same with links, which take no room: second names of the files, on another disk symbolic links.",
    ),
    click.option("--xmp", is_flag=True, help="Write names and places of faces next to each photo, as PHOTO.xmp."),
    click.option("--into-photos", is_flag=True, help="With --xmp: into JPEG photos; PHOTO_original stays as it was."),
    click.option("--dry-run", is_flag=True, help="With those: say what would be made, and make nothing."),
    click.option("--undo", type=UserPath(), help="Take back what the manifest in this file says was made, and end."),
)


def sorting_options(command):
    """Adds the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Wishes:
    """Where the answers are to go, as the options say."""

    table: Path | None
    copy: Path | None
    link: Path | None
    xmp: bool
    into_photos: bool
    dry_run: bool
    undo: Path | None


def check_usage(images, wishes: Wishes) -> None:
    """Refuses options that contradict one another, before time is spent."""
    copy, link, undo = wishes.copy, wishes.link, wishes.undo
    if undo is not None and (images or wishes != Wishes(None, None, None, False, False, False, undo)):
        raise click.UsageError("--undo takes a manifest and nothing else.")
    if undo is None and not images:
        raise click.UsageError("Missing argument 'IMAGES...'.")
    if copy is not None and link is not None:
        raise click.UsageError("Give --copy or --link, one of them.")
    if wishes.into_photos and not wishes.xmp:
        raise click.UsageError("--into-photos is for --xmp.")
    if wishes.dry_run and copy is None and link is None and not wishes.xmp:
        raise click.UsageError("--dry-run is for --copy, --link and --xmp.")
    target = copy or link
    for folder in images if target is not None else ():
        if folder.is_dir() and target.resolve().is_relative_to(folder.resolve()):
            raise click.UsageError(
                f"{target} lies in {folder}, whose photos are looked at: the next time its copies would be, too. "
                "Name a folder beside it."
            )


def write_sorted(results: list[dict], wishes: Wishes) -> None:
    """Writes the table, names, and copies or links; says on stderr what was made and how to take it back."""
    from kerasface.files.writing import write_atomically
    from kerasface.tasks.sorting.table import faces_csv
    from kerasface.terminal.streams import NOT_TEXT

    if wishes.table is not None:
        write_atomically(wishes.table, faces_csv(results).encode("utf-8", NOT_TEXT))
        click.echo(f"{wishes.table}: {counted(len(results), 'photo')}", err=True)
    named = {Path(one["image"]): [face for face in one.get("faces", ()) if face["name"]] for one in results}
    named = {photo: faces for photo, faces in named.items() if faces}
    is_whole = True
    if wishes.xmp:
        videos = {Path(one["image"]) for one in results if "seconds" in one}
        if videos & named.keys():
            click.echo("Note: Videos get no names: XMP face regions are for photos.", err=True)
        photos = {photo: faces for photo, faces in named.items() if photo not in videos}
        is_whole = _write_names(photos, wishes.into_photos, wishes.dry_run)
    if wishes.copy or wishes.link:
        is_whole = _place(named, wishes) and is_whole
    if not is_whole:
        raise SystemExit(1)


def _write_names(photos: dict[Path, list[dict]], into_photos: bool, dry_run: bool) -> bool:
    from kerasface.tasks.sorting.naming import name_photos

    faces = {photo: [(face["name"], tuple(face["box"])) for face in found] for photo, found in photos.items()}
    named = name_photos(faces, into_photos=into_photos, dry_run=dry_run)
    for text in (*named.others, *named.problems):
        click.echo(text, err=True)
    if dry_run:
        for file in named.placed.made:
            click.echo(f"names -> {file}", err=True)
    else:
        _tell("XMP", "file", "written", named.placed)
    return not named.problems and not named.placed.failed


def _place(named: dict[Path, list[dict]], wishes: Wishes) -> bool:
    from kerasface.tasks.sorting.placing import COPY, LINK, place_photos, plan_places

    photos = {photo: [face["name"] for face in faces] for photo, faces in named.items()}
    folder = wishes.copy or wishes.link
    if wishes.dry_run:
        for photo, place, is_there in plan_places(photos, folder):
            click.echo(f"{photo} -> {place}{' (is there already)' if is_there else ''}", err=True)
        return True
    placed = place_photos(photos, folder, LINK if wishes.copy is None else COPY)
    _tell(folder, "photo", "linked" if wishes.copy is None else "copied", placed)
    return not placed.failed


def _tell(where: Path | str, what: str, done: str, placed: "Placed") -> None:
    """Says what was made, what could not be, and how to take it back."""
    for place, reason in placed.failed:
        click.echo(f"Error: {place} was not made: {reason}.", err=True)
    there = f", {len(placed.present):,} were there already" if placed.present else ""
    back = f"; kerasface identify --undo {placed.manifest} takes it back" if placed.manifest else ""
    click.echo(f"{where}: {counted(len(placed.made), what)} {done}{there}{back}", err=True)


def undo_sorting(manifest: Path, as_json: bool) -> None:
    """Takes back what a manifest says; exit code 1 if something stays."""
    with errors():
        from kerasface.tasks.sorting.manifest import undo

        undone = undo(manifest)
    if as_json:
        kept = [{"file": str(path), "reason": reason} for path, reason in undone.kept]
        print_json({"removed": [str(path) for path in undone.removed], "kept": kept})
    else:
        for path, reason in undone.kept:
            click.echo(f"{path} stays: {reason}.", err=True)
        click.echo(f"{manifest}: {counted(len(undone.removed), 'file')} taken back")
    if undone.kept:
        raise SystemExit(1)
