"""Commands on photos: find, compare, embed and name the faces."""

import click

from kerasface.cli.output import (
    EMBEDDER,
    ENGINE,
    IMAGES,
    JSON,
    MIN_FACE,
    VIEWS,
    engine_used,
    errors,
    face_lines,
    print_json,
    run_photos,
    say_note,
)
from kerasface.cli.people.commands import GALLERY
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath


@click.command()
@IMAGES
@MIN_FACE
@ENGINE
@JSON
def detect(images, min_face_size, as_json) -> None:
    """Find the faces in IMAGES: boxes, five landmarks and scores."""
    with errors():
        from kerasface.faces.detection import FaceDetector

        detector = FaceDetector(min_face_size)
        run_photos(
            images,
            lambda photos: [
                {"faces": [{"number": number, **face.to_dict()} for number, face in enumerate(faces, start=1)]}
                for faces in detector.detect([photo.image for photo in photos])
            ],
            lambda photo: face_lines(photo["faces"], lambda face: f", score {face['detection_score']:.3f}"),
            as_json,
        )


@click.command()
@click.argument("image_a", metavar="A", type=UserPath())
@click.argument("image_b", metavar="[B]", required=False, type=UserPath())
@click.option("--person", help="Somebody of the gallery, whom A is compared with in place of B.")
@GALLERY
@click.option("--fmr", default=0.001, show_default=True, help="False match rate to decide at, a fraction.")
@click.option(
    "--face-a", type=click.IntRange(min=1), help="Which face of A, as `detect` counts.  [default: the largest]"
)
@click.option("--face-b", type=click.IntRange(min=1), help="Which face of B.  [default: the largest]")
@EMBEDDER
@MIN_FACE
@ENGINE
@JSON
def verify(image_a, image_b, person, gallery, fmr, face_a, face_b, embedder, min_face_size, as_json) -> None:
    """Tell whether photos A and B show the same person, or photo A the --person of a gallery that it is said to be.

    However many samples the person has, a stranger passes no more often than --fmr says.
    """
    if (image_b is None) == (person is None):
        raise click.UsageError("Give two photos, or one and --person NAME.")
    if person is not None:
        _verify_claim(image_a, person, gallery, fmr, face_a, embedder, min_face_size, as_json)
        return
    with errors():
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.detection import FaceDetector
        from kerasface.faces.embedders import load_embedder
        from kerasface.images.decoding import decode
        from kerasface.tasks.verification import verify as verify_photos

        photos = [decode(path, on_note=say_note) for path in (image_a, image_b)]
        analyzer = FaceAnalyzer(FaceDetector(min_face_size), load_embedder(embedder))
        names = (str(image_a), str(image_b))
        result = verify_photos(*photos, analyzer, fmr=fmr, names=names, faces=(face_a, face_b))
    if as_json:
        print_json({**result.to_dict(), **engine_used()})
        return
    point = result.operating_point
    click.echo(f"{result.decision.upper().replace('_', ' ')}: {result.reason}")
    if result.decision == "ambiguous":
        click.echo("Pick faces with --face-a N and --face-b N; `kerasface detect` numbers them.")
    if point is not None:
        click.echo(f"Of pairs of different people that match: {point.measured_text}.")
        missed = "" if point.fnmr is None else f"Of pairs of one person {point.fnmr:.1%} do not match "
        click.echo(f"{missed}({point.main.description}). Measured {point.date}.")
        if result.score is not None:
            click.echo(_probability_text(result))
    click.echo(
        f"{result.embedder}, {result.device}, {engine_used()['engine']}, {result.precision}, {result.seconds:.2f} s"
    )


@click.command()
@click.argument("folder", type=UserPath())
@click.option("--out", required=True, type=UserPath(dir_okay=False), help="The .npz file to write.")
@EMBEDDER
@VIEWS
@ENGINE
@JSON
def embed(folder, out, embedder, views, as_json) -> None:
    """Embed every face of every photo under FOLDER into OUT.

    OUT holds `paths` (the photo of each face), `boxes` (x, y, width, height), `embeddings` (unit length) and
    `embedder` (embeddings are comparable where it is equal).
    """
    with errors():
        import numpy as np

        from kerasface.data.cache.embeddings import embed_photos, image_files
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedders import load_embedder
        from kerasface.files.writing import write_atomically

        files = image_files(folder)
        analyzer = FaceAnalyzer(embedder=load_embedder(embedder, views=int(views)))
        with progress_bars() as report:
            faces = embed_photos(files, analyzer, on_progress=lambda done, total: report("photos", done, total))
        arrays = {
            "paths": np.array([str(path) for path in faces.paths], dtype=str),
            "boxes": faces.boxes,
            "embeddings": faces.embeddings,
            "embedder": np.array(analyzer.embedder.fingerprint),
        }
        write_atomically(out, lambda file: np.savez(file, **arrays))
    rejected = [{"image": str(path), "reason": reason} for path, reason in faces.rejected]
    if as_json:
        summary = {"out": str(out), "num_photos": len(files), "num_faces": len(faces.paths), "rejected": rejected}
        print_json({**summary, "embedder": analyzer.embedder.fingerprint, **engine_used()})
    else:
        click.echo(f"{out}: {counted(len(faces.paths), 'face')} of {counted(len(files), 'photo')}")
        for line in rejected:
            click.echo(f"not used: {line['reason']}", err=True)


def _verify_claim(image, person, gallery, fmr, face, embedder, min_face_size, as_json) -> None:
    with errors():
        from kerasface.cli.gallery import opened_file
        from kerasface.images.decoding import decode
        from kerasface.tasks.claims import verify_claim

        photo = decode(image, on_note=say_note)
        with opened_file(gallery, embedder, min_face_size=min_face_size) as (known, analyzer):
            claim = verify_claim(photo, person, known, analyzer, fmr=fmr, name=str(image), face=face)
    if as_json:
        print_json({**claim.to_dict(), **engine_used()})
        return
    click.echo(f"{claim.decision.upper().replace('_', ' ')}: {claim.reason}")
    if claim.decision == "ambiguous":
        click.echo("Pick the face with --face-a N; `kerasface detect` numbers them.")
    if (point := claim.operating_point) is not None:
        samples = counted(claim.num_samples, "sample")
        click.echo(
            f"Asked: at most {claim.fmr:.2%} of strangers pass for {claim.person}, who has {samples} in {gallery}."
        )
        click.echo(f"Of pairs of different people that match, by each sample: {point.measured_text}.")


def _probability_text(result) -> str:
    if result.probability is None:
        return "The score is not calibrated: there is no probability to tell."
    calibration = result.calibration
    return (
        f"If every second pair asked about is of one person, this one is with probability {result.probability:.1%} "
        f"(calibration error {calibration.ece:.1%}, 95 % interval {calibration.ece_low:.1%} to "
        f"{calibration.ece_high:.1%}, on {calibration.data})."
    )
