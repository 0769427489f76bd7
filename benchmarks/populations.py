"""The people that error rates are measured on, as embeddings: LFW, 25 students of Georgia Tech, and portraits.

Each photo is one row; the face nearest its centre counts. Crops and embeddings are kept in the cache of KerasFace.
"""

from dataclasses import dataclass
from pathlib import Path

import machine  # noqa: F401 (chooses kernels before TensorFlow is imported)
import numpy as np
from scipy.sparse.csgraph import connected_components

from kerasface.data.cache.crops import crop_faces, embed_crops
from kerasface.faces.alignment import align
from kerasface.faces.detection import FaceDetector, central_face
from kerasface.faces.embedding import FaceEmbedder
from kerasface.files.paths import default_cache_folder
from kerasface.images.decoding import decode

NAMES = ("lfw", "gtech", "portraits")
CITATIONS = {
    "lfw": "Labeled Faces in the Wild, deep-funneled (Huang et al. 2007, 2012): one photo each of people who have no "
    "second one there",
    "gtech": "Georgia Tech face database (Nefian): 25 students, 15 photos each",
    "portraits": "540 studio and street portraits of nearly as many people, from the set of real and fake faces of "
    "CIPLAB, Yonsei University",
}
TERMS = {
    "lfw": "research; the photos are of the web, their owners'. No photo and no embedding of one is in this file",
    "gtech": "research. No photo and no embedding of one is in this file",
    "portraits": "research; terms unverified. No photo and no embedding of one is in this file",
}
# Cosines of the other embedder, from which two portraits may show one person, and from which they do.
DOUBTFUL, THE_SAME = 0.2, 0.5
_ARC_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


@dataclass(frozen=True, eq=False)
class Population:
    """Embedded photos of people.

    Attributes:
        name: Of `NAMES`.
        paths: Photos with a face, `n` of them, sorted.
        embeddings: `(n, embedding_dim)` float32, of length 1.
        labels: Who is on each photo, integers `(n,)`. Of portraits nobody knows: whom the other embedder takes for one
            person is one.
        doubtful: `(n, n)` bool: pairs labelled as two people that may show one all the same; `None` if there are none.
    """

    name: str
    paths: list[Path]
    embeddings: np.ndarray
    labels: np.ndarray
    doubtful: np.ndarray | None = None

    def __getitem__(self, rows: np.ndarray | slice) -> "Population":
        rows = np.arange(len(self.labels))[rows]
        doubtful = None if self.doubtful is None else self.doubtful[np.ix_(rows, rows)]
        return Population(
            self.name, [self.paths[row] for row in rows], self.embeddings[rows], self.labels[rows], doubtful
        )

    @property
    def counts(self) -> np.ndarray:
        """How many photos there are of the person on each, `(n,)`."""
        return np.bincount(self.labels)[self.labels]

    def halves(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns two masks that share the people out."""
        people = np.unique(self.labels)
        drawn = np.random.default_rng(seed).permutation(people)[: len(people) // 2]
        inside = np.isin(self.labels, drawn)
        return inside, ~inside


def read_population(data: Path, name: str, embedder: FaceEmbedder) -> Population:
    """Embeds a population's photos, those that are not in the cache.

    Raises:
        SystemExit: If the photos are not there.
    """
    paths = sorted((data / name).rglob("*.jpg"))
    if not paths:
        raise SystemExit(f"{data / name} holds no photos. Give a folder with {', '.join(NAMES)}: --data FOLDER.")
    cache, detector = default_cache_folder(), FaceDetector()
    crops = crop_faces(paths, detector, embedder.template, cache)
    paths = [paths[position] for position in crops.positions]
    embeddings = embed_crops(crops, embedder, cache)
    if name == "portraits":
        cosines = _other_cosines(data, paths, detector)
        labels = connected_components(cosines >= THE_SAME, directed=False)[1]
        return Population(name, paths, embeddings, labels, cosines >= DOUBTFUL)
    labels = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    return Population(name, paths, embeddings, labels)


def _other_cosines(data: Path, paths: list[Path], detector: FaceDetector) -> np.ndarray:
    """Cosines of all pairs of photos by another embedder."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data / "embedders" / "mobilefacenet.onnx")
    embeddings = []
    for path in paths:
        photo = decode(path)
        face = central_face(detector.detect([photo])[0], photo.shape)
        crop = align(photo, face.landmarks, _ARC_TEMPLATE, (112, 112))
        both = np.stack([crop, crop[:, ::-1]]).transpose(0, 3, 1, 2).astype(np.float32)
        embeddings.append(session.run(None, {"data": both})[0].sum(axis=0))
    unit = np.stack(embeddings)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return unit @ unit.T
