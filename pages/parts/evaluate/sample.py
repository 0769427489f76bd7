"""People who do not exist, their drawn photos, and two made-up models that see them more or less clearly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasface.plotting.drawn_faces import NUM_TRAITS, draw_face
from kerasface.tasks.measuring.people import Embedded, People

MODELS = {"Model A": 0.36, "Model B": 0.26}  # how far a blurred face is seen from where it is
FEW, SOME, MANY = 20, 100, 300
MAX_SIMULATED = 10_000  # pairs of different people: a page that opens must not be waited for
_PHOTOS = 4  # of each person but the strangers
_DIM = 16
_SPREAD = 0.45  # of a person's photos, in those of people
_COMMON = 14.0  # what all faces have in common: scores crowd near 1, as those of real faces do
_LONGEST_BLUR = 4.0  # pixels


def simulated_people(num_people: int) -> People:
    """People with four photos each, and as many strangers with one."""
    labels = np.r_[np.repeat(np.arange(num_people), _PHOTOS), num_people + np.arange(num_people)]
    number = np.r_[np.tile(np.arange(_PHOTOS), num_people), np.zeros(num_people, dtype=int)] + 1
    names = [f"Person {label + 1:03d}" for label in range(2 * num_people)]
    paths = [Path(names[label]) / f"drawn {photo}" for label, photo in zip(labels, number, strict=True)]
    return People(f"simulated, {num_people} people", paths, labels, names)


def simulated_embeddings(people: People, model: str) -> Embedded:
    """The people as a made-up model sees them: the more blurred a photo, the more at random.

    Args:
        people: Of `simulated_people`; the same ones have the same faces.
        model: A key of `MODELS`.
    """
    generator = np.random.default_rng(0)
    count = len(people.labels)
    centers = generator.normal(size=(len(people.names), _DIM))
    faces = centers[people.labels] + _SPREAD * generator.normal(size=(count, _DIM))
    sharpness = generator.beta(3, 2, count)  # from 0 to 1
    # Noise from a generator of its own: models differ in it alone.
    noise = np.random.default_rng([0, *model.encode()]).normal(size=(count, _DIM))
    seen = faces + 2 * MODELS[model] * (1 - sharpness[:, None]) * noise
    embeddings = np.c_[np.full(count, _COMMON), seen]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)

    def pictures(photos: Sequence[int]) -> dict[int, np.ndarray]:
        blurs = _LONGEST_BLUR * (1 - sharpness)
        return {photo: draw_face(faces[photo, :NUM_TRAITS], float(blurs[photo])) for photo in photos}

    return Embedded(
        model=model,
        fingerprint="",
        normalizer=None,
        rows=np.arange(count),
        embeddings=embeddings.astype(np.float32),
        attributes={"sharpness of the face, from 0 to 1": sharpness},
        reasons={},
        pictures=pictures,
    )
