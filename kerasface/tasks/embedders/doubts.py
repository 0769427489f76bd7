"""What known pairs say of a network that is added: whether its crops are cut, and colours shown, as they should be."""

from dataclasses import replace

import keras
import numpy as np

from kerasface.evaluation.verification import roc
from kerasface.faces.alignment import TEMPLATES, CropTemplate
from kerasface.faces.detection import Face
from kerasface.models.onnx.input_form import InputForm
from kerasface.models.onnx.network import build_network
from kerasface.models.onnx.reading import Graph
from kerasface.tasks.embedders.crops import FoundFace, sample_crops

_BATCH = 32
# Equal error rates. Of 120 photos of LFW a network of ArcFace's makes less than 0.001, with the template of face_resnet
# 0.02, and with a wrong range of pixels 0.35.
_HIGH, _CLEARLY = 0.05, 0.01
# How far genuine and impostor scores lie apart, in their standard deviations: 7.4 for the same network; with a template
# 8 pixels lower 5.0, a fifth smaller 5.6, a quarter larger 6.0, 15 pixels aside 6.4; bgr for rgb 6.9.
# It sees what is a little wrong before anybody is missed.
_FARTHER, _FEW_PAIRS = 1.05, 50


def doubts_of_sample(model: keras.Model, photo: np.ndarray, face: Face, cut: CropTemplate) -> list[str]:
    """Sees whether one face stays itself when it is moved a little, and is nearer to itself than the background is.

    One face tells little: only `doubts_of_people` sees a template that is a little wrong.

    Args:
        model: The network.
        photo: The sample portrait.
        face: Its face.
        cut: How crops are cut.
    """
    crops = sample_crops(photo, face, cut, strength=0.3)
    size = cut.image_size[0]
    elsewhere = np.stack([photo[y : y + size, x : x + size] for y in (0, 350) for x in (0, 350)])
    embeddings = embedded(model, np.concatenate([cut.cut(photo, face)[None], crops, elsewhere]))
    own, others = embeddings[1:-4] @ embeddings[0], embeddings[-4:] @ embeddings[0]
    if np.median(own) - others.max() >= 0.2:
        return []
    return [
        f"To the network the face of the sample portrait, moved a little, is as near to itself (cosine "
        f"{np.median(own):.2f}) as what is behind it ({others.max():.2f}): --input or --template is most likely wrong."
    ]


def doubts_of_people(
    graph: Graph, model: keras.Model, form: InputForm, cut: CropTemplate, people: list[FoundFace], *, mirrored: bool
) -> list[str]:
    """Measures the pairs of photos of people: as told, and with other templates and the other order of colours.

    Args:
        graph: The network's file.
        model: The network.
        form: What its file is shown.
        cut: How crops are cut.
        people: Faces, of several people, some of them twice.
        mirrored: Whether the model averages over the mirror image.
    """
    error, apart = told_apart(model, cut, people)
    order = "bgr" if form.order == "rgb" else "rgb"
    tried = {f"--input {order}": (replace(form, order=order, mean=form.mean[::-1], std=form.std[::-1]), cut)}
    for name, template in TEMPLATES.items():
        points = template.points * cut.image_size[0] / template.image_size[0]
        if not np.allclose(points, cut.points, atol=1):
            tried[f"crops cut as {name}"] = form, CropTemplate(template.name, points, cut.image_size)
    found = {
        words: told_apart(build_network(graph, other, mirrored=mirrored), template, people)
        for words, (other, template) in tried.items()
    }
    best, farthest = min(found, key=lambda words: found[words][0]), max(found, key=lambda words: found[words][1])
    told = f"Of pairs of the photos given {error:.1%} are told wrongly (equal error rate)"
    if error - found[best][0] >= max(_CLEARLY, error / 4):
        return [f"{told}, and with {best} {found[best][0]:.1%}: --template or --input is most likely wrong."]
    if found[farthest][1] >= _FARTHER * apart > 0:
        return [
            f"Scores of one person's photos and of strangers lie {apart:.1f} standard deviations apart, and with "
            f"{farthest} {found[farthest][1]:.1f}: --template or --input is most likely wrong."
        ]
    return [f"{told}, many for a face network: are --template and --input right?"] if error >= _HIGH else []


def embedded(model: keras.Model, crops: np.ndarray) -> np.ndarray:
    """Embeds crops, `(n, embedding_dim)`."""
    parts = [crops[start : start + _BATCH] for start in range(0, len(crops), _BATCH)]
    return np.concatenate([np.asarray(model(part.astype(np.float32), training=False)) for part in parts])


def told_apart(model: keras.Model, cut: CropTemplate, people: list[FoundFace]) -> tuple[float, float]:
    """Returns how well all pairs are told apart.

    Args:
        model: The network.
        cut: How crops are cut.
        people: Faces, of several people, some of them twice.

    Returns:
        The equal error rate; and the distance between the means of both kinds of scores in their standard deviations, 0
        where there are fewer than fifty pairs of a kind.
    """
    embeddings = embedded(model, np.stack([cut.cut(one.photo, one.face) for one in people]))
    persons = np.array([one.person for one in people])
    first, second = np.triu_indices(len(people), k=1)
    scores, same = np.sum(embeddings[first] * embeddings[second], axis=1), persons[first] == persons[second]
    curve = roc(scores, same)
    place = np.argmin(np.abs(curve.fmr - curve.fnmr))
    error = float((curve.fmr[place] + curve.fnmr[place]) / 2)
    if min(np.sum(same), np.sum(~same)) < _FEW_PAIRS:
        return error, 0.0
    spread = np.sqrt((scores[same].var() + scores[~same].var()) / 2)
    return error, float((scores[same].mean() - scores[~same].mean()) / max(spread, 1e-6))
