"""What `identify` does with its answers beside printing them: a table, copies and links, and the way back."""

from pathlib import Path

import click

from kerasface.cli.output import errors, print_json
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

_OPTIONS = (
    click.option("--csv", "table", type=UserPath(), help="Write a table there with a row for each face."),
    click.option("--copy", type=UserPath(), help="Copy the photos there, into a folder for each person on them."),
    click.option(
        "--link",
        type=UserPath(),
        help="The same with links, which take no room: second names of the files, on another disk symbolic links.",
    ),
    click.option("--dry-run", is_flag=True, help="With --copy or --link: say what would be made, and make nothing."),
    click.option("--undo", type=UserPath(), help="Take back what the manifest in this file says was made, and end."),
)


def sorting_options(command):
    """Adds the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_usage(images, table, copy, link, dry_run: bool, undo) -> None:
    """Refuses options that contradict one another, before time is spent."""
    if undo is not None and (images or table or copy or link or dry_run):
        raise click.UsageError("--undo takes a manifest and nothing else.")
    if undo is None and not images:
        raise click.UsageError("Missing argument 'IMAGES...'.")
    if copy is not None and link is not None:
        raise click.UsageError("Give --copy or --link, one of them.")
    if dry_run and copy is None and link is None:
        raise click.UsageError("--dry-run is for --copy and --link.")
    target = copy or link
    for folder in images if target is not None else ():
        if folder.is_dir() and target.resolve().is_relative_to(folder.resolve()):
            raise click.UsageError(
                f"{target} lies in {folder}, whose photos are looked at: the next time its copies would be, too. "
                "Name a folder beside it."
            )


def write_sorted(results: list[dict], table: Path | None, copy: Path | None, link: Path | None, dry_run: bool) -> None:
    """Writes the table, and copies or links; says on stderr what was made and how to take it back."""
    from kerasface.files.writing import write_atomically
    from kerasface.tasks.sorting.placing import COPY, LINK, place_photos, plan_places
    from kerasface.tasks.sorting.table import faces_csv
    from kerasface.terminal.streams import NOT_TEXT

    if table is not None:
        write_atomically(table, faces_csv(results).encode("utf-8", NOT_TEXT))
        click.echo(f"{table}: {counted(len(results), 'photo')}", err=True)
    if (folder := copy or link) is None:
        return
    photos = {Path(one["image"]): [face["name"] for face in one.get("faces", ()) if face["name"]] for one in results}
    photos = {photo: names for photo, names in photos.items() if names}
    if dry_run:
        for photo, place, is_there in plan_places(photos, folder):
            click.echo(f"{photo} -> {place}{' (is there already)' if is_there else ''}", err=True)
        return
    placed = place_photos(photos, folder, LINK if copy is None else COPY)
    for place, reason in placed.failed:
        click.echo(f"Error: {place} was not made: {reason}.", err=True)
    done = "linked" if copy is None else "copied"
    there = f", {len(placed.present):,} were there already" if placed.present else ""
    back = f"; kerasface identify --undo {placed.manifest} takes it back" if placed.manifest else ""
    click.echo(f"{folder}: {counted(len(placed.made), 'photo')} {done}{there}{back}", err=True)
    if placed.failed:
        raise SystemExit(1)


def undo_sorting(manifest: Path, as_json: bool) -> None:
    """Takes back what a manifest says; exit code 1 if something stays."""
    with errors():
        from kerasface.tasks.sorting.placing import undo

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
