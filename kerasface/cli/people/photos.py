"""The command that tells on which photos somebody is."""

import click

from kerasface.cli.output import JSON, errors, print_json
from kerasface.cli.people.commands import GALLERY, opened_gallery
from kerasface.terminal.words import counted


@click.command()
@click.argument("name", required=False)
@click.option("--forget", is_flag=True, help="Forget all photos that `identify --remember` looked at.")
@GALLERY
@JSON
def photos(name, forget, gallery, as_json) -> None:
    """Show on which photos NAME is, with whom and since when; without NAME, how many photos are remembered.

    Looks at what `identify --remember` has kept of photos, and decides anew who is on them, and at the photos that NAME
    was enrolled with.
    """
    if forget and name:
        raise click.UsageError("--forget is for all photos: give no NAME with it.")
    with errors(), opened_gallery(gallery) as opened:
        if name is None:
            _tell_or_forget(opened, gallery, forget, as_json)
            return
        from kerasface.tasks.identification import Identifier
        from kerasface.tasks.sorting.of_person import company, photos_of

        person = opened.person(name)
        found = photos_of(Identifier(opened), person.person_id)
        others, is_remembered = company(found), opened.seen.count() > 0
    since = next((one.date for one in found if one.date), None)
    if as_json:
        print_json(
            {"name": person.name, "since": since, "with": others, "photos": [photo.to_dict() for photo in found]}
        )
        return
    for photo in found:
        beside = f"  with {', '.join(photo.others)}" if photo.others else ""
        click.echo(f"{photo.photo}  {(photo.date or 'no date').replace('T', ' ')}{beside}")
    start = f", since {since[:10]}" if since else ""
    with_whom = "; with " + ", ".join(f"{other} on {count}" for other, count in others.items()) if others else ""
    click.echo(f"{counted(len(found), 'photo')} of {person.name}{start}{with_whom}")
    if not is_remembered:
        click.echo("Only photos that were enrolled: `kerasface identify DIR --remember` looks at others.")


def _tell_or_forget(opened, gallery, forget: bool, as_json: bool) -> None:
    count = opened.seen.count()
    if forget:
        opened.seen.forget()
    if as_json:
        print_json({"gallery": str(gallery), "num_photos": count, "forgotten": forget})
    else:
        click.echo(f"{gallery}: {counted(count, 'photo')} {'forgotten' if forget else 'remembered'}")
