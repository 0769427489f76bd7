"""Commands that make one person of two, two of one, or nobody of one; and how those that lose something ask first."""

import click

from kerasface.cli.output import JSON, confirmed, errors, print_json
from kerasface.cli.people.commands import GALLERY, opened_gallery, person_row, print_person
from kerasface.terminal.words import counted


@click.command()
@click.argument("name")
@click.argument("other")
@click.option("--force", is_flag=True, help="Do not ask where the two do not look like one person.")
@click.option("--dry-run", is_flag=True, help="Only say how alike they are.")
@GALLERY
@JSON
def merge(name, other, force, dry_run, gallery, as_json) -> None:
    """Give all samples of OTHER to NAME: both are one person.

    How alike the two are is said first, and where they do not look like one person, you are asked. `people unmerge`
    takes it back.
    """
    with errors(), opened_gallery(gallery) as opened:
        from kerasface.tasks.likeness import likeness

        into, gone = opened.person(name), opened.person(other)
        found = likeness(opened, into.person_id, gone.person_id)
        if not as_json:
            click.echo(found.text)
        if dry_run:
            if as_json:
                print_json({"merged": False, "likeness": found.to_dict()})
            return
        if not found.is_alike and not force:
            if as_json:
                click.echo(found.text, err=True)
            if not confirmed(f"Make {gone.name} and {into.name} one person all the same?"):
                raise click.ClickException(f"Nothing was merged. --force merges {other} into {name} without asking.")
        person = opened.merge(into.person_id, gone.person_id)
    if as_json:
        print_json({**person_row(person), "merged": True, "likeness": found.to_dict()})
        return
    click.echo(f"{person.name} has {counted(person.num_samples, 'sample')} now, {gone.name} is gone.")
    click.echo(f'Undo: kerasface people unmerge "{person.name}" "{gone.name}"')


@click.command()
@click.argument("name")
@click.argument("other", required=False)
@GALLERY
@JSON
def unmerge(name, other, gallery, as_json) -> None:
    """Undo `people merge NAME OTHER`: OTHER, or who was merged last, is a person again, as both were before.

    What was changed since stays changed: new samples stay with NAME, deleted ones do not come back, and a consent that
    has been ended is ended for both.
    """
    with errors(), opened_gallery(gallery) as opened:
        person, number = opened.person(name), None
        if other is not None:
            merges = opened.merges(person.person_id)
            number = next((merge.number for merge in merges if other in (merge.name, merge.person_id)), None)
            if number is None:
                there = ", ".join(merge.name for merge in merges) or "nobody"
                raise ValueError(f"{other} was not merged into {name}, as far as it can be undone: {there} was.")
        back = opened.unmerge(person.person_id, number)
        person = opened.person(person.person_id)
    if as_json:
        print_json({"people": [person_row(person), person_row(back)]})
        return
    counts = [f"{one.name} has {counted(one.num_samples, 'sample')}" for one in (back, person)]
    click.echo(f"{back.name} is a person again: {', '.join(counts)}.")


@click.command()
@click.argument("name")
@click.argument("new_name")
@click.option(
    "--sample", "samples", multiple=True, required=True, type=int, help="Number of a sample, as `show` has it."
)
@GALLERY
@JSON
def split(name, new_name, samples, gallery, as_json) -> None:
    """Take samples from NAME and make another person of them, NEW_NAME."""
    with errors(), opened_gallery(gallery) as opened:
        person = opened.split(opened.person(name).person_id, samples, new_name)
    print_person(person, f"{person.name} has {counted(person.num_samples, 'sample')}", as_json)


@click.command()
@click.argument("name")
@click.option("--sample", type=int, help="Delete this sample alone, by its number.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@GALLERY
@JSON
def delete(name, sample, yes, gallery, as_json) -> None:
    """Delete NAME for good: name, templates and traces, from every file of the gallery."""
    with errors(), opened_gallery(gallery) as opened:
        person = opened.person(name)
        if sample is not None and sample not in {entry.sample_id for entry in opened.samples(person.person_id)}:
            raise ValueError(f"{name} has no sample {sample}. `kerasface people show {name}` lists them.")
        what = name if sample is None else f"sample {sample} of {name}"
        told = what if sample is not None else f"{name} with {counted(person.num_samples, 'sample')}"
        if not yes and not confirmed(f"Delete {told} from {gallery}? It cannot be undone"):
            raise click.ClickException(f"Nothing was deleted: {what} is still in {gallery}. --yes deletes unasked.")
        if sample is not None:
            opened.delete_sample(sample)
        else:
            opened.delete_person(person.person_id)
        stays = opened.what_stays()
    if as_json:
        print_json({"deleted": told, "person_id": person.person_id, "stays": stays or None})
        return
    click.echo(f"{told}: deleted")
    if stays:
        click.echo(stays)
