"""Embeddings on a map of two dimensions: where they come from, and where they lie.

Closeness is the cosine of embeddings: they may have any length but 0, which does not count.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.data.photos import read_photos
from kerasface.faces.regions import cut_square, inside, square_around
from kerasface.gallery.gallery import Gallery
from kerasface.images.squares import fit_square
from kerasface.inspection.maps.label_errors import unit_embeddings
from kerasface.inspection.threads import OneThread

if TYPE_CHECKING:
    from kerasface.faces.analyzer import FaceAnalyzer

Progress = Callable[[int, int], None]

FEWEST = {"pca": 2, "tsne": 5}  # points that each method needs
_THUMBNAIL = 64  # pixels
_CONTEXT = 1.25  # of a face's height
_PERPLEXITY = 30.0
_STAGES = 3  # of t-SNE
_ITERATIONS = 250  # of a stage; scikit-learn takes no fewer
_LOCAL = "What lies close together looks alike; how far apart groups lie, and how wide they are, means little."
_ONE_THREAD = 1000  # points: one core takes 3 s for so many; threads that wait for one another take longer on busy ones


@dataclass(frozen=True, eq=False)
class MapPoints:
    """What a map shows.

    Attributes:
        embeddings: `(num_points, embedding_dim)` float32.
        labels: The name of each.
        paths: Where each comes from, or `None`.
        boxes: `(num_points, 4)` float32: x, y, width, height of each face in pixels of its photo, or `None`.
        rejected: `(path, reason)` of the photos without a face or that could not be decoded.
        squares: What a model took of each, RGB uint8 `(num_points, side, side, 3)`, where there are no boxes.
    """

    embeddings: np.ndarray
    labels: list[str]
    paths: list[Path] | None = None
    boxes: np.ndarray | None = None
    rejected: list[tuple[Path, str]] = field(default_factory=list)
    squares: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Projection:
    """Embeddings in two dimensions.

    Attributes:
        positions: `(num_points, 2)` float32.
        method: A key of `FEWEST`.
        explained: Of PCA the share of the variance along each axis; `None` of other methods.
        description: What was done, and what can be read from it.
    """

    positions: np.ndarray
    method: str
    explained: tuple[float, float] | None
    description: str


def folder_points(
    folder: str | os.PathLike, analyzer: "FaceAnalyzer", on_progress: Progress | None = None
) -> MapPoints:
    """Embeds the faces under a folder; each has the name of the folder in which its photo lies.

    Of photos in folders of their own, one a person, the face nearest the centre counts; where all photos lie in
    `folder` itself, every face does.

    Raises:
        ValueError: If `folder` is no folder or holds no image, or no face was found.
    """
    from kerasface.data.cache.embeddings import (  # TensorFlow, which the other sources do not need
        embed_photos,
        image_files,
    )

    files = image_files(folder)
    folders = any(file.parent != Path(folder) for file in files)
    faces = embed_photos(files, analyzer, central_only=folders, on_progress=on_progress)
    if not faces.paths:
        raise ValueError(f"No face was found in any of the {len(files)} photos under {folder}.")
    return MapPoints(faces.embeddings, _names(faces.paths), faces.paths, faces.boxes, faces.rejected)


def file_points(file: str | os.PathLike) -> MapPoints:
    """Reads what `kerasface embed` wrote; each face has the name of the folder in which its photo lay.

    Raises:
        ValueError: If the file was not written by it, or holds no face.
        OSError: If it cannot be read.
    """
    try:
        with ExitStack() as stack:
            # Opened here: of a damaged archive NumPy leaves the file open.
            opened = file if hasattr(file, "read") else stack.enter_context(open(file, "rb"))
            arrays = stack.enter_context(np.load(opened, allow_pickle=False))
            paths, boxes, embeddings = (arrays[name] for name in ("paths", "boxes", "embeddings"))
    except OSError:
        raise
    except Exception as error:  # no archive, a damaged one, another one: NumPy raises almost any type
        raise ValueError(f"{file} is no file of embeddings. Make one: kerasface embed FOLDER --out FILE.") from error
    if embeddings.ndim != 2 or boxes.shape != (len(embeddings), 4) or paths.shape != (len(embeddings),):
        raise ValueError(
            f"{file} needs a path, a box and an embedding of each face. Received: shapes {paths.shape}, {boxes.shape}, "
            f"{embeddings.shape}. Make it anew: kerasface embed FOLDER --out FILE."
        )
    if not len(embeddings):
        raise ValueError(f"{file} holds no face.")
    paths = [Path(path) for path in paths.tolist()]
    return MapPoints(embeddings.astype(np.float32), _names(paths), paths, boxes.astype(np.float32))


def gallery_points(gallery: Gallery) -> MapPoints:
    """Takes all samples of a gallery; nobody whose consent has expired is among them.

    Raises:
        ValueError: If there are none.
    """
    embeddings, labels, paths = [], [], []
    with gallery.snapshot():
        for person in (person for person in gallery.people() if person.is_searched and person.num_samples):
            embeddings.append(gallery.embeddings(person.person_id))
            labels += [person.name] * len(embeddings[-1])
            paths += [Path(sample.source) for sample in gallery.samples(person.person_id)]
    if not embeddings:
        raise ValueError(f"The gallery {gallery.path} holds no sample. Enrol somebody.")
    return MapPoints(np.concatenate(embeddings), labels, paths)


def read_thumbnails(points: MapPoints, indices: Sequence[int], size: int = _THUMBNAIL) -> dict[int, np.ndarray]:
    """Cuts faces out of their photos, one photo at a time.

    Args:
        points: As for a map; without boxes and squares there are no thumbnails.
        indices: Which points, each once.
        size: Side in pixels.

    Returns:
        Index to RGB uint8 `(size, size, 3)`; those whose photos are there no longer are left out.
    """
    if points.squares is not None:
        return {int(index): fit_square(points.squares[index], size) for index in indices}
    found, wanted = {}, defaultdict(list)
    if points.paths is None or points.boxes is None:
        return found
    for index in indices:
        wanted[points.paths[index]].append(int(index))
    for photo in (photo for batch in read_photos(list(wanted)) for photo in batch if photo.image is not None):
        for index in wanted[photo.path]:
            square = square_around(tuple(points.boxes[index].tolist()), _CONTEXT)
            if min(inside(square, photo.image.shape)[2:]) > 0:  # not so if another photo has taken the file's place
                found[index] = cut_square(photo.image, square, size)
    return found


def project(
    embeddings: np.ndarray, method: str = "tsne", *, seed: int = 0, on_progress: Progress | None = None
) -> Projection:
    """Lays embeddings out in two dimensions.

    PCA keeps the directions in which they differ most and is quick: 100,000 take about a second. t-SNE keeps
    who is near whom; how far apart groups lie, and how wide they are, means little there. t-SNE of 5,000 takes less
    than half a minute on two cores.

    Args:
        embeddings: `(num_points, embedding_dim)`.
        method: `"pca"` or `"tsne"`.
        seed: Of what is random.
        on_progress: Called with the number of steps done and their total.

    Raises:
        ValueError: If the embeddings are malformed or too few, or the method is unknown.

    Reference:
        van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008; started from PCA and with the learning
        rate of Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics", Nature Communications 10,
        2019.
    """
    unit = unit_embeddings(embeddings)
    if method not in FEWEST:
        raise ValueError(f"A map is drawn by one of {', '.join(FEWEST)}. Received: method={method!r}.")
    if len(unit) < FEWEST[method]:
        raise ValueError(f"A map by {method} needs {FEWEST[method]} points or more. Received: {len(unit)}.")
    report = on_progress or (lambda done, total: None)
    if method == "tsne":
        return _tsne(unit, seed, report)
    report(0, 1)
    drawn = _pca(unit, seed)
    report(1, 1)
    return drawn


def _pca(unit: np.ndarray, seed: int) -> Projection:
    positions, explained = _principal(unit, 2, seed)
    told = tuple(explained.tolist())
    words = (
        f"PCA to two dimensions, which hold {sum(told):.1%} of the variance: what differs otherwise may lie together."
    )
    return Projection(positions, "pca", told, words)


def _tsne(unit: np.ndarray, seed: int, report: Progress) -> Projection:
    """In stages, so that progress can be told; scikit-learn's t-SNE cannot be asked for it.

    On 1,500 points 3 stages of 250 iterations keep as many neighbours as 1,000 iterations in one go (56 %).
    """
    from sklearn.manifold import TSNE  # takes more than a second to import
    from sklearn.neighbors import NearestNeighbors

    report(0, _STAGES + 1)
    count, dim = len(unit), min(50, *unit.shape)
    perplexity = min(_PERPLEXITY, (count - 1) / 3)
    reduced, _ = _principal(unit, dim, seed)
    search = NearestNeighbors(n_neighbors=min(count, int(3 * perplexity + 1) + 1), algorithm="brute").fit(reduced)
    graph = search.kneighbors_graph(reduced, mode="distance")
    spread = max(float(reduced[:, 0].std()), 1e-6)
    # Equal points lie in one place and could never part; they hardly do, but no division by zero is left.
    noise = np.random.default_rng(seed).normal(scale=1e-7, size=(count, 2))
    positions = (reduced[:, :2] / spread * 1e-4 + noise).astype(np.float32)
    rate = max(count / 48, 50)  # a twelfth of the points; scikit-learn's gradient lacks a factor of 4
    for stage in range(_STAGES):
        report(stage + 1, _STAGES + 1)
        # Every stage runs with the momentum 0.5 of a first one. After it 0.8 is usual, which makes steps 2.5 as long.
        settings = {"early_exaggeration": 1, "learning_rate": 2.5 * rate} if stage else {"learning_rate": rate}
        model = TSNE(metric="precomputed", perplexity=perplexity, init=positions, max_iter=_ITERATIONS, **settings)
        with OneThread() if count <= _ONE_THREAD else nullcontext():
            positions = model.fit_transform(graph)
    report(_STAGES + 1, _STAGES + 1)
    told = f"PCA to {dim} dimensions, then t-SNE with perplexity {perplexity:g}, {_STAGES * _ITERATIONS} iterations."
    told = f"{told} {_LOCAL}"
    return Projection(positions, "tsne", None, told)


def _principal(unit: np.ndarray, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions on the first principal axes, `(n, dim)` float32, and each one's share of the variance."""
    from sklearn.decomposition import PCA

    pca = PCA(dim, random_state=seed)
    with np.errstate(invalid="ignore"):  # points that are all equal have no variance to share
        # Centred first: of unit vectors in a narrow cone, float32 would lose what little sets them apart.
        positions = pca.fit_transform(unit - unit.mean(axis=0))
    return positions.astype(np.float32), np.nan_to_num(pca.explained_variance_ratio_)


def _names(paths: Sequence[Path]) -> list[str]:
    return [path.absolute().parent.name for path in paths]
