"""Commands that look after the people in a gallery, and what the gallery's other commands share with them."""

from contextlib import contextmanager
from pathlib import Path

import click

from kerasface.cli.output import JSON, box_text, errors, print_json
from kerasface.train.__main__ import UserPath

GALLERY = click.option(
    "--gallery",
    type=UserPath(dir_okay=False),
    default=Path("kerasface.gallery"),
    show_default=True,
    envvar="KERASFACE_GALLERY",
    help="The gallery's file.",
)
PURPOSE = click.option("--purpose", help="What the person agreed to be recognised for: records a consent.")
EXPIRES = click.option("--expires", help="Until when, such as 2027-12-31; with --purpose.")


@click.group()
def people() -> None:
    """Look after the people in a gallery."""


@people.command("list")
@GALLERY
@JSON
def list_people(gallery, as_json) -> None:
    """List everybody in the gallery, with the number of samples and the consent."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        found = [_person_row(person) for person in opened.people()]
    if as_json:
        print_json(found)
        return
    for row in found:
        click.echo(f"{row['name']}  {row['num_samples']} samples  {_consent_text(row)}")
    click.echo(f"{len(found)} people in {gallery}")


@people.command()
@click.argument("name")
@GALLERY
@JSON
def show(name, gallery, as_json) -> None:
    """Show what the gallery holds of NAME: samples, consent, history."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        person = opened.person(name)
        samples = opened.samples(person.person_id)
        history = [change for change in opened.history() if change.person_id == person.person_id]
    if as_json:
        rows = [
            {"sample_id": sample.sample_id, "source": sample.source, "source_hash": sample.source_hash}
            | {"created": sample.created, "quality": sample.quality, "embedder": sample.embedder}
            for sample in samples
        ]
        changes = [{"time": change.time, "action": change.action, "detail": change.detail} for change in history]
        print_json({**_person_row(person), "samples": rows, "history": changes})
        return
    click.echo(f"{person.name}  {person.person_id}  {_consent_text(_person_row(person))}")
    for sample in samples:
        click.echo(f"  sample {sample.sample_id}  {sample.created}  {sample.source}")
    for change in history:
        click.echo(f"  {change.time}  {change.action}  {change.detail}")


@people.command()
@click.argument("name")
@click.argument("new_name")
@GALLERY
@JSON
def rename(name, new_name, gallery, as_json) -> None:
    """Give NAME another name, NEW_NAME."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        person = opened.rename(opened.person(name).person_id, new_name)
    _print_person(person, f"{name} is now {person.name}", as_json)


@people.command()
@click.argument("name")
@click.argument("other")
@GALLERY
@JSON
def merge(name, other, gallery, as_json) -> None:
    """Give all samples of OTHER to NAME: both are one person."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        person = opened.merge(opened.person(name).person_id, opened.person(other).person_id)
    _print_person(person, f"{person.name} has {person.num_samples} samples now, {other} is gone", as_json)


@people.command()
@click.argument("name")
@click.argument("new_name")
@click.option(
    "--sample", "samples", multiple=True, required=True, type=int, help="Number of a sample, as `show` has it."
)
@GALLERY
@JSON
def split(name, new_name, samples, gallery, as_json) -> None:
    """Take samples from NAME and make another person of them, NEW_NAME."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        person = opened.split(opened.person(name).person_id, samples, new_name)
    _print_person(person, f"{person.name} has {person.num_samples} samples", as_json)


@people.command()
@click.argument("name")
@click.option("--sample", type=int, help="Delete this sample alone, by its number.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@GALLERY
@JSON
def delete(name, sample, yes, gallery, as_json) -> None:
    """Delete NAME for good: name, templates and traces, from every file of the gallery."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        person = opened.person(name)
        if sample is not None and sample not in {entry.sample_id for entry in opened.samples(person.person_id)}:
            raise ValueError(f"{name} has no sample {sample}. `kerasface people show {name}` lists them.")
        what = f"sample {sample} of {name}" if sample is not None else f"{name} with {person.num_samples} samples"
        if not yes:
            click.confirm(f"Delete {what} from {gallery}? It cannot be undone", abort=True, err=True)
        if sample is not None:
            opened.delete_sample(sample)
        else:
            opened.delete_person(person.person_id)
    if as_json:
        print_json({"deleted": what, "person_id": person.person_id})
    else:
        click.echo(f"{what}: deleted")


@people.command()
@click.argument("name")
@PURPOSE
@EXPIRES
@GALLERY
@JSON
def consent(name, purpose, expires, gallery, as_json) -> None:
    """Record what NAME agreed to; without --purpose the consent is withdrawn from the record.

    Once a consent has expired, nobody is told to be this person any more.
    """
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        person = opened.set_consent(opened.person(name).person_id, consent_of(purpose, expires))
    _print_person(person, f"{person.name}: {_consent_text(_person_row(person))}", as_json)


@people.command()
@GALLERY
@JSON
def check(gallery, as_json) -> None:
    """Read the whole gallery and tell everything that is wrong with it; exit code 1 if anything is."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        problems = opened.check()
    if as_json:
        print_json({"gallery": str(gallery), "problems": problems})
    else:
        click.echo("\n".join(problems) or f"{gallery}: sound")
    if problems:
        raise SystemExit(1)


@people.command("not")
@click.argument("name")
@click.argument("image", type=UserPath())
@click.option(
    "--face", default=1, show_default=True, type=click.IntRange(min=1), help="Which face, as `identify` counts."
)
@click.option("--lift", is_flag=True, help="Take it back.")
@GALLERY
@JSON
def not_this_person(name, image, face, lift, gallery, as_json) -> None:
    """Remember that a face in IMAGE is not NAME: later runs never say so again."""
    with errors():
        from kerasface.data.image_cache import content_keys
        from kerasface.faces.detection import FaceDetector
        from kerasface.images import decode

        faces = FaceDetector().detect([decode(image)])[0]
        if face > len(faces):
            raise ValueError(f"{image} has {len(faces)} faces. Received: --face {face}.")
        ((source_hash,), _) = content_keys([image])
        with opened_gallery(gallery) as opened:
            person = opened.person(name)
            change = opened.lift_refusal if lift else opened.refuse_match
            change(source_hash, faces[face - 1].box, person.person_id)
    what = f"{image}, face at {box_text(faces[face - 1].to_dict())}: {'may be' if lift else 'is not'} {name}"
    if as_json:
        print_json({"image": str(image), "name": name, **faces[face - 1].to_dict(), "refused": not lift})
    else:
        click.echo(what)


@people.command("export")
@click.argument("file", type=UserPath(dir_okay=False))
@click.option("--passphrase", envvar="KERASFACE_PASSPHRASE", help="Encrypt with it.  [env: KERASFACE_PASSPHRASE]")
@GALLERY
@JSON
def export_people(file, passphrase, gallery, as_json) -> None:
    """Write everybody to FILE, which another gallery can import. Without a passphrase it is NOT encrypted."""
    with errors(tensorflow=False), opened_gallery(gallery) as opened:
        count = opened.export(file, passphrase=passphrase)
    if as_json:
        print_json({"file": str(file), "num_people": count, "encrypted": bool(passphrase)})
    else:
        click.echo(
            f"{file}: {count} people, {'encrypted' if passphrase else 'NOT encrypted: whoever has it can read it'}"
        )


@people.command("import")
@click.argument("file", type=UserPath())
@click.option("--passphrase", envvar="KERASFACE_PASSPHRASE", help="With which it was encrypted.")
@click.option("--merge", "merge_people", is_flag=True, help="Add to people of the same name instead of refusing them.")
@GALLERY
@JSON
def import_people(file, passphrase, merge_people, gallery, as_json) -> None:
    """Read people from FILE, as `export` wrote it, into the gallery; it is made if there is none."""
    with errors(tensorflow=False), opened_gallery(gallery, create=True) as opened:
        count = opened.import_(file, passphrase=passphrase, merge=merge_people)
    if as_json:
        print_json({"file": str(file), "num_people": count})
    else:
        click.echo(f"{gallery}: {count} people from {file}")


@contextmanager
def opened_gallery(path: Path, *, create: bool = False):
    """The gallery at `path`, for what needs no network."""
    from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
    from kerasface.gallery.store import open_gallery

    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, create=create) as gallery:
        yield gallery


def consent_of(purpose: str | None, expires: str | None):
    from kerasface.gallery.store import Consent, now_text

    if purpose is None:
        if expires is not None:
            raise ValueError("--expires belongs to a consent: give --purpose too.")
        return None
    if expires is not None and len(expires) == len("2027-12-31"):
        expires = f"{expires}T23:59:59+00:00"
    return Consent(now_text(), purpose, expires)


def _person_row(person) -> dict:
    consent = person.consent and {
        "given": person.consent.given,
        "purpose": person.consent.purpose,
        "expires": person.consent.expires,
        "valid": person.consent.is_valid(),
    }
    return {
        "name": person.name,
        "person_id": person.person_id,
        "num_samples": person.num_samples,
        "created": person.created,
        "consent": consent,
        "altered": person.is_altered,
    }


def _consent_text(row: dict) -> str:
    if row["altered"]:
        return "ALTERED WITHOUT THE KEY: not searched for; see `kerasface people check`"
    consent = row["consent"]
    if consent is None:
        return "no consent recorded"
    until = f" until {consent['expires']}" if consent["expires"] else ""
    over = "" if consent["valid"] else ", EXPIRED: not searched for"
    return f"agreed on {consent['given'][:10]} to: {consent['purpose']}{until}{over}"


def _print_person(person, text: str, as_json: bool) -> None:
    if as_json:
        print_json(_person_row(person))
    else:
        click.echo(text)
