"""Commands that bring people into a gallery: enrol them, group the unknown; and how a command opens it."""

from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import partial

import click

from kerasface.cli.output import (
    EMBEDDER,
    ENGINE,
    JSON,
    box_text,
    engine_used,
    errors,
    print_json,
    say_note,
)
from kerasface.cli.people.commands import EXPIRES, GALLERY, PURPOSE, consent_of
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath

_OVERRIDES = (
    "several_faces",
    "low_quality",
    "duplicate",
    "conflict",
)  # those of kerasface.tasks.enrollment, which is heavy
_NO_CONSENT = "No consent was recorded; --purpose does that."
_ALLOW = click.option(
    "--allow", multiple=True, type=click.Choice(_OVERRIDES), help="Enrol in spite of this; may be repeated."
)


@click.command()
@click.argument("name", required=False)
@click.argument("images", nargs=-1, type=UserPath())
@click.option("--folder", type=UserPath(), help="Enrol a folder with a folder of photos per person.")
@click.option(
    "--from-xmp", type=UserPath(), help="Enrol whom another program has named: XMP regions in a folder's photos."
)
@click.option(
    "--face",
    type=click.IntRange(min=1),
    help="Which face of the photo is meant, 1 the largest, as `detect` numbers them; for one photo.",
)
@_ALLOW
@PURPOSE
@EXPIRES
@EMBEDDER
@GALLERY
@ENGINE
@JSON
def enroll(name, images, folder, from_xmp, face, allow, purpose, expires, embedder, gallery, as_json) -> None:
    """Enrol NAME with IMAGES, or with --folder everybody in a folder with a folder of photos per person.

    With --from-xmp people come from the names that digiKam, Lightroom or Picasa have written into photos, or into
    sidecars next to them.

    One photo of a person suffices. A photo is refused, with the reason, if it shows no face or several, if the face is
    too small, blurred or dark, if the same file is enrolled already, or if it looks like somebody else who is. A person
    is enrolled with all photos that pass, or not at all.
    """
    if sum(map(bool, (folder, from_xmp, name))) != 1 or (name and not images):
        raise click.UsageError("Give NAME and IMAGES, or --folder or --from-xmp and nothing else.")
    if face is not None and len(images) != 1:
        raise click.UsageError(f"--face says which face of one photo is meant. Received: {len(images)} photos.")
    consent = consent_of(purpose, expires)
    with errors():
        from kerasface.data.folders import read_identity_folders
        from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, FaceOf

        rejected = []
        if folder:
            found = read_identity_folders(folder)
            people = {person: [] for person in found.identities}
            for path, label in found.samples:
                people[found.identities[label]].append(path)
            rejected = [{"image": str(path), "reason": reason} for path, reason in found.rejected]
        elif name:
            people = {name: [FaceOf(image, face) if face else image for image in images]}
        with (
            opened_search(gallery, CONFLICT_FPIR, embedder, create="late") as (identifier, analyzer),
            progress_bars() as report,
        ):
            enroller = Enroller(identifier, allow=allow)
            tell = partial(report, "photos")
            if from_xmp:
                results, rejected = _enroll_named(enroller, from_xmp, analyzer, consent, tell)
            else:
                results = enroller.enroll_files(people, analyzer, consent=consent, on_progress=tell)
            identifier.refresh()
            size = identifier.num_people
    enrolled = sum(result.refused is None for result in results)
    if as_json:
        photos = [result.to_dict() for result in results]
        counts = {"num_enrolled": enrolled, "num_refused": len(results) - enrolled, "gallery_size": size}
        print_json({"gallery": str(gallery), **counts, "photos": photos, "rejected": rejected, **engine_used()})
    else:
        _print_reasons(results)
        for line in rejected:
            click.echo(f"not used: {line['reason']}", err=True)
        photos, people = counted(len(results), "photo"), counted(size, "person", "people")
        click.echo(f"{gallery}: {enrolled} of {photos} enrolled, {people} in the gallery")
        if consent is None and enrolled:
            click.echo(_NO_CONSENT)
    if enrolled < len(results):
        raise SystemExit(1)


def _enroll_named(enroller, folder, analyzer, consent, report) -> tuple[list, list[dict]]:
    """Enrols the faces that XMP names in the photos of a folder; returns what became of them, and what was not used."""
    from kerasface.data.cache.embeddings import image_files
    from kerasface.tasks.sorting.named_faces import read_named_faces

    found = read_named_faces(image_files(folder), analyzer, on_progress=report)
    results = enroller.enroll_people(found.people, consent=consent)
    return results, [{"image": str(path), "reason": reason} for path, reason in found.problems]


def _print_reasons(results) -> None:
    """Says of each photo that was refused, or enrolled in spite of something, why; and of those turned by how much."""
    from kerasface.faces.turns import turn_note

    for result in results:
        if result.turned:
            say_note(f"{result.source} was {turn_note(result.turned)}.")
        if result.reason:
            click.echo(f"{'refused' if result.refused else 'enrolled all the same'}: {result.reason}", err=True)
    if any(result.refused == "several_faces" for result in results):
        click.echo("`kerasface detect` numbers the faces of a photo; --face N enrols one of them.", err=True)


@click.command()
@click.argument("folder", type=UserPath())
@click.option("--name", "names", multiple=True, metavar="NUMBER=NAME", help="Enrol a cluster under a name.")
@click.option(
    "--fmr",
    type=float,
    help="False match rate of the threshold; a higher one makes fewer and larger clusters, with more strangers in them."
    "  [default: 0.1 / number of faces, from 0.00001 to 0.001]",
)
@_ALLOW
@PURPOSE
@EXPIRES
@EMBEDDER
@GALLERY
@ENGINE
@JSON
def cluster(folder, names, fmr, allow, purpose, expires, embedder, gallery, as_json) -> None:
    """Group the unknown faces in a FOLDER of photos by person; --name 0=Ada enrols the largest group as Ada.

    People whom the gallery knows already are named and left out. Faces are enrolled past the same gate as with
    `enroll`, all people at once or, where one of the names or numbers is wrong, nobody.
    """
    chosen, consent = _chosen_names(names), consent_of(purpose, expires)
    with errors(), ExitStack() as stack:
        from kerasface.data.cache.embeddings import image_files
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedders import load_embedder
        from kerasface.tasks.clustering import cluster_photos, enroll_clusters
        from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller
        from kerasface.tasks.identification import DEFAULT_FPIR

        files, identifier = image_files(folder), None
        if gallery.exists() or chosen:
            identifier, analyzer = stack.enter_context(opened_search(gallery, DEFAULT_FPIR, embedder, create="late"))
        else:
            analyzer = FaceAnalyzer(embedder=load_embedder(embedder))
        with progress_bars() as report:
            found = cluster_photos(
                files,
                analyzer,
                identifier=identifier,
                fmr=fmr,
                on_progress=lambda done, total: report("photos", done, total),
            )
        results = []
        if chosen:
            identifier.fpir = CONFLICT_FPIR
            results = enroll_clusters(found, chosen, Enroller(identifier, allow=allow), analyzer, consent=consent)
    _print_clusters(found, chosen, results, as_json)
    if results and consent is None and not as_json:
        click.echo(_NO_CONSENT)
    if any(result.refused for result in results):
        raise SystemExit(1)


def _print_clusters(found, chosen: dict[int, str], results: list, as_json: bool) -> None:
    faces = found.faces
    rows = [
        {
            "cluster": number,
            "name": chosen.get(number),
            "faces": [
                {"image": str(faces.paths[face]), "box": [round(float(value), 2) for value in faces.boxes[face]]}
                for face in found.members(number)
            ],
        }
        for number in range(found.num_clusters)
    ]
    alone = sum(label < 0 and name is None for label, name in zip(found.labels.tolist(), found.known, strict=True))
    known = sum(name is not None for name in found.known)
    rejected = [{"image": str(path), "reason": reason} for path, reason in faces.rejected]
    if as_json:
        counts = {"num_faces": len(faces.paths), "num_known": known, "num_alone": alone}
        point = found.operating_point.to_dict()
        enrolled = [result.to_dict() for result in results]
        rest = {"operating_point": point, "rejected": rejected, "enrolments": enrolled, **engine_used()}
        print_json({"clusters": rows, **counts, **rest})
        return
    _print_reasons(results)
    taken = Counter(result.name for result in results if result.refused is None)
    for row in rows:
        named = f", named {row['name']}" if row["name"] else ""
        click.echo(f"{row['cluster']}: {counted(len(row['faces']), 'face')}{named}")
        for face in row["faces"]:
            click.echo(f"  {face['image']} at {box_text(face)}")
    for name in dict.fromkeys(result.name for result in results):
        click.echo(f"{name}: {counted(taken[name], 'face')} enrolled")
    known_people = "somebody" if known == 1 else "people"
    click.echo(f"{counted(len(faces.paths), 'face')}: {known} of {known_people} known already, {alone} like no other")
    point = found.operating_point
    click.echo(
        f"A group's faces have a mean score of {point.threshold:.2f} or more. False match rate: {point.measured_text}"
    )
    for line in rejected:
        click.echo(f"not used: {line['reason']}", err=True)


@contextmanager
def opened_search(path, fpir: float, embedder: str | None, *, create: bool | str = False):
    """What searches a gallery, and the face front end that its templates come from."""
    from kerasface.tasks.identification import Identifier

    with opened_file(path, embedder, create=create) as (gallery, analyzer):
        yield Identifier(gallery, fpir=fpir), analyzer


@contextmanager
def opened_file(path, embedder: str | None, *, create: bool | str = False, min_face_size: float | None = None):
    """A gallery, and the face front end that its templates come from."""
    from kerasface.faces.analyzer import FaceAnalyzer
    from kerasface.faces.detection import FaceDetector
    from kerasface.faces.embedders import load_embedder_for
    from kerasface.gallery.opening import open_gallery

    own = load_embedder_for(path, embedder)
    with open_gallery(path, embedder=own.fingerprint, embedding_dim=own.embedding_dim, create=create) as gallery:
        yield gallery, FaceAnalyzer(FaceDetector(min_face_size), own)


def _chosen_names(names: tuple[str, ...]) -> dict[int, str]:
    chosen = {}
    for text in names:
        number, _, name = text.partition("=")
        if not number.isdecimal() or not name.strip():
            raise click.UsageError(f"--name is NUMBER=NAME, such as 0=Ada. Received: {text!r}.")
        chosen[int(number)] = name.strip()
    return chosen
