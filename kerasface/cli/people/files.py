"""Commands that take people from one gallery to another in a file, which a passphrase encrypts."""

import sys

import click

from kerasface.cli.output import JSON, errors, print_json
from kerasface.cli.people.commands import GALLERY, opened_gallery
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

_ASK = "-"
_PASSPHRASE = click.option(
    "--passphrase",
    envvar="KERASFACE_PASSPHRASE",
    is_flag=False,
    flag_value=_ASK,
    help="The passphrase; without a value, or as -, it is typed without being shown, or read from standard input, and "
    "so does not stand in the list of processes.  [env: KERASFACE_PASSPHRASE]",
)


@click.command("export")
@click.argument("file", type=UserPath(dir_okay=False))
@_PASSPHRASE
@GALLERY
@JSON
def export_people(file, passphrase, gallery, as_json) -> None:
    """Write everybody to FILE, which another gallery can import. Without a passphrase it is NOT encrypted."""
    with errors(), opened_gallery(gallery) as opened:
        count = opened.export(file, passphrase=_given(passphrase, twice=True))
    if as_json:
        print_json({"file": str(file), "num_people": count, "encrypted": passphrase is not None})
        return
    state = "NOT encrypted: whoever has it can read it" if passphrase is None else "encrypted"
    click.echo(f"{file}: {counted(count, 'person', 'people')}, {state}")


@click.command("import")
@click.argument("file", type=UserPath())
@_PASSPHRASE
@click.option("--merge", "merge_people", is_flag=True, help="Add to people of the same name instead of refusing them.")
@GALLERY
@JSON
def import_people(file, passphrase, merge_people, gallery, as_json) -> None:
    """Read people from FILE, as `export` wrote it, into the gallery: all or nobody. It is made if there is none.

    There are no photos to check; who looks like somebody else of the gallery is told.
    """
    with errors():
        from kerasface.gallery.changes.transfer import is_encrypted

        if passphrase is None and is_encrypted(file) and _is_terminal():
            passphrase = _ASK
        passphrase = _given(passphrase, twice=False)
        from kerasface.faces.rates.own_points import points_of
        from kerasface.tasks.importing import import_file

        with opened_gallery(gallery, create="late") as opened:
            found = import_file(opened, file, passphrase=passphrase, merge=merge_people)
            points = points_of(opened)
    if as_json:
        print_json({"file": str(file), **found.to_dict()})
        return
    for entry in found.look_alikes:
        click.echo(f"look-alike: {entry.text}", err=True)
    click.echo(f"{gallery}: {counted(found.num_people, 'person', 'people')} from {file}")
    if points.text:
        click.echo(points.text)


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _given(passphrase: str | None, *, twice: bool) -> str | None:
    """The passphrase, asked for where that was wanted; `None` where there is none."""
    if passphrase != _ASK:
        return passphrase
    if _is_terminal():
        try:
            return click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
        except click.Abort as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise
            click.echo(err=True)
            raise click.ClickException("No passphrase was typed; nothing was done.") from error
    if text := (sys.stdin.readline() if sys.stdin else "").rstrip("\r\n"):
        return text
    raise click.ClickException("No passphrase came from standard input; nothing was done.")
