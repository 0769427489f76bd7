"""The command that turns small pictures of faces in a gallery on and off."""

from functools import partial

import click

from kerasface.cli.output import JSON, errors, print_json
from kerasface.cli.people.commands import GALLERY, opened_gallery
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted


@click.command()
@click.argument("state", required=False, type=click.Choice(["on", "off"]))
@GALLERY
@JSON
def thumbnails(state, gallery, as_json) -> None:
    """Say whether the gallery keeps small pictures of faces, or turn that on or off.

    Off by default: templates show nobody, but whoever gets hold of a gallery with pictures, and of its key, sees
    everybody in it. On, pictures are sealed with their samples; those that are there get theirs from their photos,
    where these still are. Off removes all of them, for good.
    """
    with errors(), opened_gallery(gallery) as opened:
        from kerasface.tasks.thumbnails import keep_pictures

        removed = opened.drop_thumbnails() if state == "off" else 0
        if state == "on":
            with progress_bars() as report:
                keep_pictures(opened, partial(report, "pictures"))
        samples = [sample for person in opened.people() for sample in opened.samples(person.person_id)]
        kept, have = opened.keeps_thumbnails, sum(sample.thumbnail is not None for sample in samples)
    if as_json:
        counts = {"num_pictures": have, "num_samples": len(samples), "num_removed": removed}
        print_json({"gallery": str(gallery), "kept": kept, **counts})
    elif kept:
        of = counted(len(samples), "sample")
        click.echo(f"{gallery}: small pictures of faces are kept; {have:,} of {of} have one")
    else:
        gone = f"; {counted(removed, 'picture')} removed" if removed else ""
        click.echo(f"{gallery}: no pictures of faces are kept{gone}")
