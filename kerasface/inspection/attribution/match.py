"""Why two faces are alike to the embedder: what on either makes them so, and what makes them different."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from kerasface.faces.embedders import SHIPPED
from kerasface.inspection.attribution.activation_maps import grad_cam, layer_cam
from kerasface.inspection.attribution.gradients import integrated_gradients
from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.perturbation import occlusion
from kerasface.inspection.attribution.targets import MatchTarget
from kerasface.inspection.stitched import Stitched
from kerasface.models.face_resnet import build_face_resnet
from kerasface.runs.store import DEFAULT_ROOT, load_run

MATCH_METHODS: dict[str, Callable[..., Attribution]] = {
    "occlusion": partial(occlusion, fill="blur"),
    "grad-cam": partial(grad_cam, signed=True),
    "layer-cam": partial(layer_cam, signed=True),
    "integrated-gradients": integrated_gradients,
}
DEFAULT_MATCH_METHOD = "occlusion"


@dataclass(frozen=True, eq=False)
class MatchExplanation:
    """What on two faces makes them alike.

    Attributes:
        method: Name of the method.
        score: Cosine of the two embeddings, in `[-1, 1]`, as this model gives it.
        first: Map on the first face, signed: positive where it makes the two alike, negative where different. Draw both
            with the `color_limit` of both, so that their colours compare.
        second: The same on the second face.
    """

    method: str
    score: float
    first: Attribution
    second: Attribution


def match_model(
    layer: str | None = None, *, embedder: str = SHIPPED, root: str | os.PathLike = DEFAULT_ROOT
) -> Stitched:
    """Stitches an embedder: crops to unit embeddings.

    Of the one that ships one view of each crop is explained, a sixth of the work of verification, which averages six;
    so its score differs a little.

    Args:
        layer: As `Stitched` has it.
        embedder: Its name: `face_resnet`, or a run that embeds.
        root: Folder of the runs.

    Raises:
        ModelFileError: If the weight file is missing or altered.
        RunError: If there is no such run, or it does not embed.
    """
    if embedder == SHIPPED:
        return Stitched(build_face_resnet(views=1), layer)
    run = load_run(root, embedder)
    run.check_task("embed")
    return Stitched(run.model, layer)


def explain_match(
    first: np.ndarray, second: np.ndarray, stitched: Stitched, *, method: str = DEFAULT_MATCH_METHOD
) -> MatchExplanation:
    """Explains the score of two faces on both; for the map on one, the embedding of the other is held fixed.

    Args:
        first: Aligned crop, RGB `(height, width, 3)` uint8, of the model's size.
        second: The other one.
        stitched: An embedder, such as `match_model()`: images to unit embeddings.
        method: One of `MATCH_METHODS`. `occlusion` blurs a patch at each of 15x15 places, 450 images in all, and says
            how much the score falls; the others take one or a few dozen gradients, and their maps are less faithful.

    Raises:
        ValueError: If the method is unknown, a crop does not fit, or the model does not give unit vectors.
    """
    if method not in MATCH_METHODS:
        raise ValueError(f"method must be one of {list(MATCH_METHODS)}. Received: method={method!r}.")
    for crop in (first, second):
        stitched.check_image(crop)
    embeddings = stitched.logits(np.stack([first, second]))
    if embeddings.ndim != 2 or not np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3):
        raise ValueError(
            f"A match is explained by a model that gives unit embeddings. Received: {stitched.model.name} with outputs "
            f"of shape {embeddings.shape[1:]}."
        )
    explain = MATCH_METHODS[method]
    maps = [
        explain(stitched, crop, MatchTarget(other)) for crop, other in ((first, embeddings[1]), (second, embeddings[0]))
    ]
    return MatchExplanation(method, float(embeddings[0] @ embeddings[1]), *maps)
