"""Commands that show on a picture what a model's answer comes from: a class, or how alike two faces are."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kerasface.cli.inspection.pictures import (
    LAYER,
    OUT,
    REGIONS,
    SIDE,
    build_segmenter,
    enlarged,
    face_of,
    laid_over,
    part_shares,
    tell_shares,
    write_png,
)
from kerasface.cli.output import EMBEDDER, JSON, MIN_FACE, RUNS, box_text, errors, print_json, say_note
from kerasface.train.__main__ import UserPath

if TYPE_CHECKING:
    import numpy as np

# Those of kerasface.inspection, which is too heavy to import.
_METHODS = (
    *("grad-cam", "grad-cam++", "layer-cam", "integrated-gradients", "smooth-grad"),
    *("guided-backprop", "deconvolution", "occlusion", "rise"),
)
_MATCH_METHODS = ("occlusion", "grad-cam", "layer-cam", "integrated-gradients")
_LAYER_METHODS = ("grad-cam", "grad-cam++", "layer-cam")
_METHOD, _LAYER_METHOD = "rise", "layer-cam"


@click.command()
@click.argument("image", type=UserPath())
@click.option("--model", required=True, help="Name of a model trained by `kerasface train classify`.")
@click.option(
    "--method", type=click.Choice(_METHODS), help="How it is found out.  [default: rise; layer-cam with --layer]"
)
@LAYER
@click.option("--class", "label", metavar="NAME", help="The class to explain.  [default: the most probable one]")
@REGIONS
@OUT
@MIN_FACE
@RUNS
@JSON
def attribution(image, model, method, layer, label, regions, out, min_face_size, runs, as_json) -> None:
    """Show where on a picture a model's answer comes from.

    A model of faces is asked about the face nearest the middle of IMAGE, as it sees it. Its picture with the map laid
    over it is written into the folder as NAME.attribution.png.
    """
    method = method or (_METHOD if layer is None else _LAYER_METHOD)
    _check_layer_method(layer, method)
    with errors(tensorflow=True):
        from kerasface.images.decoding import decode
        from kerasface.inspection.attribution.methods import LAYER_METHODS, METHODS
        from kerasface.inspection.attribution.targets import ClassTarget
        from kerasface.inspection.stitched import Stitched
        from kerasface.runs.store import load_run

        run, photo = load_run(runs, model), decode(image, on_note=say_note)
        segmenter = regions and build_segmenter(runs, regions, min_face_size)
        found, square = _recognized(run, photo, image, min_face_size)
        face = getattr(found, "face", None)
        if regions and face is None:
            raise ValueError(f"Parts are told of faces only. Received: regions={regions!r}, a model of whole pictures.")
        label = found.top[0][0] if label is None else label
        if label not in run.labels:
            raise ValueError(f"The model knows the classes {', '.join(run.labels)}. Received: class={label!r}.")
        stitched = Stitched(run.model, layer)
        explained = METHODS[method](stitched, square, ClassTarget(run.labels.index(label)))
        shares, warning = part_shares(segmenter, photo, face, explained.map)
        file = out / f"{image.stem}.attribution.png"
        write_png(file, laid_over(square, explained.map, explained.signed))
    probability = dict(found.top)[label]
    if as_json:
        facts = {"image": str(image), "model": model, "method": method}
        facts["layer"] = stitched.layer if method in LAYER_METHODS else None
        answer = {"class": label, "probability": probability, "decision": found.decision, "score": explained.score}
        place = face and face.to_dict()
        print_json({**facts, **answer, "face": place, "overlay": str(file), "regions": shares, "warning": warning})
        return
    from kerasface.evaluation.names import as_name

    where = f"face at {box_text(face.to_dict())}: " if face else ""
    decision = " (unknown)" if found.decision == "unknown" else ""
    click.echo(f"{image}: {where}{as_name(label)} {probability:.1%}{decision}")
    tell_shares(shares, warning)
    click.echo(file)


@click.command()
@click.argument("image_a", metavar="A", type=UserPath())
@click.argument("image_b", metavar="B", type=UserPath())
@click.option(
    "--method", type=click.Choice(_MATCH_METHODS), default="occlusion", show_default=True, help="How it is found out."
)
@LAYER
@REGIONS
@OUT
@EMBEDDER
@MIN_FACE
@RUNS
@JSON
def match(image_a, image_b, method, layer, regions, out, embedder, min_face_size, runs, as_json) -> None:
    """Show what makes the faces of photos A and B alike (red) and what makes them different (blue).

    The faces are those nearest the middle. A-B.match.png is written into the folder: both faces, and below them their
    maps in colours that compare. Of face_resnet the score is that of one view of each; `kerasface verify` averages six.
    """
    _check_layer_method(layer, method)
    with errors(tensorflow=True):
        import numpy as np

        from kerasface.faces.detection import FaceDetector
        from kerasface.faces.embedders import default_embedder, template_by_name
        from kerasface.images.decoding import decode
        from kerasface.images.squares import fit_square
        from kerasface.inspection.attribution.match import explain_match, match_model
        from kerasface.inspection.attribution.overlays import color_limit
        from kerasface.inspection.layers.mosaics import mosaic

        paths, detector = (image_a, image_b), FaceDetector(min_face_size)
        photos = [decode(path, on_note=say_note) for path in paths]
        segmenter = regions and build_segmenter(runs, regions, min_face_size)
        faces = [face_of(photo, path, detector) for photo, path in zip(photos, paths, strict=True)]
        name = embedder or default_embedder()
        stitched = match_model(layer, embedder=name, root=runs)
        template, side = template_by_name(name, runs), stitched.model.input_shape[1]
        crops = [fit_square(template.cut(photo, face), side) for photo, face in zip(photos, faces, strict=True)]
        explained = explain_match(*crops, stitched, method=method)
        maps = (explained.first, explained.second)
        limit = color_limit(*(one.map for one in maps))
        entries = []
        for path, photo, face, one in zip(paths, photos, faces, maps, strict=True):
            shares, warning = part_shares(segmenter, photo, face, one.map, template)
            entries.append({"image": str(path), "face": face.to_dict(), "regions": shares, "warning": warning})
        drawn = [laid_over(crop, one.map, one.signed, limit) for crop, one in zip(crops, maps, strict=True)]
        file = out / f"{image_a.stem}-{image_b.stem}.match.png"
        write_png(file, mosaic(np.stack([*map(enlarged, crops), *drawn]), side=SIDE, columns=2))
    if as_json:
        layer = stitched.layer if method in _LAYER_METHODS else None
        facts = {"score": explained.score, "method": method, "layer": layer, "limit": limit, "overlay": str(file)}
        print_json({**facts, "faces": entries})
        return
    click.echo(f"score {explained.score:.3f}")
    for entry in entries:
        click.echo(f"{entry['image']}: face at {box_text(entry['face'])}")
        tell_shares(entry["regions"], entry["warning"])
    click.echo(file)


def _recognized(run, photo: "np.ndarray", path: Path, min_face_size: float | None):
    """Returns what a classifier makes of the picture or its central face, all classes, and the square it looked at."""
    from kerasface.faces.detection import FaceDetector, central_face
    from kerasface.images.squares import fit_square
    from kerasface.tasks.recognition import Recognition, build_classifier

    classifier = build_classifier(run, lambda: FaceDetector(min_face_size))
    (found,) = classifier.recognize([photo], top=len(run.labels))
    if not isinstance(found, Recognition):
        if not found:
            raise ValueError(f"{path}: No face was found.")
        central = central_face([one.face for one in found], photo.shape)
        found = next(one for one in found if one.face is central)
    return found, fit_square(found.crop, run.model.input_shape[1])


def _check_layer_method(layer: str | None, method: str) -> None:
    if layer is not None and method not in _LAYER_METHODS:
        raise click.UsageError(f"--layer is for {', '.join(_LAYER_METHODS)}; {method} explains by the picture itself.")
