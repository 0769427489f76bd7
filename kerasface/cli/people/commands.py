"""Commands that look after the people in a gallery, and what the gallery's other commands share with them."""

from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path

import click

from kerasface.cli.output import ENGINE, JSON, box_text, engine_used, errors, print_json
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath


class GalleryPlace(UserPath):
    """The file of a gallery, as a `Path`, or the address of one on a server, as an `Address`."""

    name = "file or address"

    def __init__(self):
        super().__init__(dir_okay=False)

    def convert(self, value, param, context):
        if isinstance(value, str) and "://" in value:
            from kerasface.gallery.postgres.address import Address
            from kerasface.gallery.store import GalleryError

            try:
                return Address.parse(value)
            except GalleryError as error:
                self.fail(str(error), param, context)
        return super().convert(value, param, context)


GALLERY = click.option(
    "--gallery",
    type=GalleryPlace(),
    default=Path("kerasface.gallery"),
    show_default=True,
    envvar="KERASFACE_GALLERY",
    show_envvar=True,
    help="The gallery's file, or its address on a server: postgresql://...",
)
PURPOSE = click.option("--purpose", help="What the person agreed to be recognised for: records a consent.")
EXPIRES = click.option("--expires", help="Until when, such as 2027-12-31 or 2027-12-31T18:00:00+00:00; with --purpose.")


@click.group()
def people() -> None:
    """Look after the people in a gallery."""


@people.command("list")
@GALLERY
@JSON
def list_people(gallery, as_json) -> None:
    """List everybody in the gallery, with the number of samples and the consent."""
    with errors(), opened_gallery(gallery) as opened:
        from kerasface.faces.rates.own_points import points_of
        from kerasface.gallery.store import GalleryError

        found = [person_row(person) for person in opened.people()]
        try:
            points = points_of(opened).text
        except (GalleryError, ValueError) as error:  # no reason not to list people
            points = str(error)
    if as_json:
        print_json(found)
        return
    for row in found:
        click.echo(f"{row['name']}  {counted(row['num_samples'], 'sample')}  {_consent_text(row)}")
    click.echo(f"{counted(len(found), 'person', 'people')} in {gallery}")
    if points:
        click.echo(points)


@people.command()
@click.option("--forget", is_flag=True, help="Drop them: those that ship decide again.")
@GALLERY
@JSON
def thresholds(forget, gallery, as_json) -> None:
    """Show the thresholds of one's own that the gallery decides by, if it keeps any.

    `evaluate population DIR --keep GALLERY` measures them on a folder of people and keeps them.
    """
    with errors(), opened_gallery(gallery) as opened:
        from kerasface.faces.rates.own_points import points_of

        if forget:
            opened.forget_own_points()
        points = points_of(opened)
    own = points.own
    if as_json:
        print_json({"gallery": str(gallery), "own": own and public_points(own), "not_used": points.refusal or None})
        return
    told = own.sentences() if own else [points.refusal or "None of one's own: the thresholds that ship decide."]
    click.echo("\n".join([f"{gallery}: {told[0]}", *told[1:]]))


@people.command()
@click.argument("name")
@GALLERY
@JSON
def show(name, gallery, as_json) -> None:
    """Show what the gallery holds of NAME: samples, consent, history."""
    with errors(), opened_gallery(gallery) as opened:
        person = opened.person(name)
        samples = opened.samples(person.person_id)
        merges = opened.merges(person.person_id)
        history = [change for change in opened.history() if change.person_id == person.person_id]
    if as_json:
        rows = [
            {"sample_id": sample.sample_id, "source": sample.source, "source_hash": sample.source_hash}
            | {"created": sample.created, "quality": sample.quality, "embedder": sample.embedder}
            for sample in samples
        ]
        changes = [{"time": change.time, "action": change.action, "detail": change.detail} for change in history]
        parts = [{"name": merge.name, "time": merge.time, "num_samples": merge.num_samples} for merge in merges]
        print_json({**person_row(person), "samples": rows, "merged": parts, "history": changes})
        return
    click.echo(f"{person.name}  {person.person_id}  {_consent_text(person_row(person))}")
    for sample in samples:
        click.echo(f"  sample {sample.sample_id}  {sample.created}  {sample.source}")
    for merge in merges:
        click.echo(
            f"  {merge.name} with {counted(merge.num_samples, 'sample')} merged into it; `people unmerge` undoes it"
        )
    for change in history:
        click.echo(f"  {change.time}  {change.action}  {change.detail}")


@people.command()
@click.argument("name")
@click.argument("new_name")
@GALLERY
@JSON
def rename(name, new_name, gallery, as_json) -> None:
    """Give NAME another name, NEW_NAME."""
    with errors(), opened_gallery(gallery) as opened:
        person = opened.rename(opened.person(name).person_id, new_name)
    print_person(person, f"{name} is now {person.name}", as_json)


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
    with errors(), opened_gallery(gallery) as opened:
        person = opened.set_consent(opened.person(name).person_id, consent_of(purpose, expires))
    print_person(person, f"{person.name}: {_consent_text(person_row(person))}", as_json)


@people.command()
@click.option(
    "--accept", is_flag=True, help="Then take the file as it is: an older copy that you put back, or a damaged one."
)
@GALLERY
@JSON
def check(accept, gallery, as_json) -> None:
    """Read the whole gallery and name everything that is wrong with it; exit code 1 if anything is.

    Rows that somebody deleted or put back without the key are named, and so is a file that is older than what this
    machine has seen.
    """
    with errors(), opened_gallery(gallery) as opened:
        problems = opened.check()
        if accept and problems:
            for problem in problems:
                click.echo(f"accepted: {problem}", err=True)
            opened.accept()
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
@ENGINE
@JSON
def not_this_person(name, image, face, lift, gallery, as_json) -> None:
    """Remember that a face in IMAGE is not NAME: later runs never say so again."""
    with errors():
        from kerasface.data.cache.images import content_keys
        from kerasface.faces.detection import FaceDetector
        from kerasface.images.decoding import decode

        faces = FaceDetector().detect([decode(image)])[0]
        if face > len(faces):
            raise ValueError(f"{image} has {counted(len(faces), 'face')}. Received: --face {face}.")
        ((source_hash,), _) = content_keys([image])
        with opened_gallery(gallery) as opened:
            person = opened.person(name)
            change = opened.lift_refusal if lift else opened.refuse_match
            change(source_hash, faces[face - 1].box, person.person_id)
    what = f"{image}, face at {box_text(faces[face - 1].to_dict())}: {'may be' if lift else 'is not'} {name}"
    if as_json:
        print_json(
            {"image": str(image), "name": name, **faces[face - 1].to_dict(), "refused": not lift, **engine_used()}
        )
    else:
        click.echo(what)


@contextmanager
def opened_gallery(path, *, create: bool | str = False, named: str | None = None):
    """The gallery at a path or an address, for what needs no network; see `gallery.opening.open_gallery` for `create`.

    Where an embedder is named, a gallery of another one is refused.
    """
    from kerasface.faces.embedders import find_embedder, load_embedder
    from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
    from kerasface.gallery.opening import open_gallery, recorded_embedder

    embedder = recorded_embedder(path) or (embedder_fingerprint(), EMBEDDING_DIM)
    find_embedder(embedder[0])  # makes known what was measured of it
    if named is not None:
        wanted = load_embedder(named)
        embedder = wanted.fingerprint, wanted.embedding_dim
    with open_gallery(path, embedder=embedder[0], embedding_dim=embedder[1], create=create) as gallery:
        yield gallery


def consent_of(purpose: str | None, expires: str | None):
    """The consent that the options tell of, or `None`; a day ends at its last second."""
    from kerasface.gallery.store import Consent, now_text

    if expires is not None:
        expires = _end_of(expires)
        if purpose is None:
            raise click.UsageError("--expires belongs to a consent: give --purpose too.")
    if purpose is not None and not purpose.strip():
        raise click.BadParameter("it is empty; say what the person agreed to.", param_hint="'--purpose'")
    return None if purpose is None else Consent(now_text(), purpose, expires)


def _end_of(text: str) -> str:
    """The moment that a day, or a time with offset, means as the end of a consent.

    Raises:
        click.BadParameter: If it is neither, or has passed.
    """
    try:
        end = datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
    except ValueError:
        try:
            end = datetime.fromisoformat(text)
        except ValueError:
            end = None
    wanted = "a day such as 2027-12-31, or a time with its offset such as 2027-12-31T18:00:00+00:00"
    if end is None or end.tzinfo is None:
        raise click.BadParameter(f"{text!r} is not {wanted}.", param_hint="'--expires'")
    if end <= datetime.now(UTC):
        raise click.BadParameter(f"{text!r} has passed; give {wanted}, in the future.", param_hint="'--expires'")
    return end.isoformat()


def public_points(points) -> dict:
    """Own thresholds as JSON-ready values, without the embeddings of a part."""
    return points.to_dict() | {"part": bool(points.part)}


def person_row(person) -> dict:
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


def print_person(person, text: str, as_json: bool) -> None:
    if as_json:
        print_json(person_row(person))
    else:
        click.echo(text)
