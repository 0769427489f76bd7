"""Are the faces of a folder grouped by person, and what would other ways of grouping do with the same faces?

    python benchmarks/clusters.py --data ../shared/data

Faces are those of LFW, one of each photo; its people are known, so that pairs can be counted: precision is the share of
pairs in one cluster that are of one person, recall the share of pairs of one person that are in one cluster. B-cubed F
is the same face by face (Amigo et al., "A Comparison of Extrinsic Clustering Evaluation Metrics", 2009). The thresholds
are the shipped ones, which were measured on these photos.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row
from open_set_lfw import lfw_embeddings
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering
from sklearn.metrics.cluster import contingency_matrix, pair_confusion_matrix

from kerasface.evaluation.verification import threshold_at_fmr
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point
from kerasface.gallery.clustering import cluster_faces, fmr_for

SEED = 0
# Name of a part -> smallest number of photos of its people, and how many of those people; None: all of them.
PARTS = {
    "a random part": (1, (60, 500, None)),
    "people with 3 photos or more": (3, (20, None)),
}


def ours(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """Average linkage, as `kerasface cluster` does; every face has a photo of its own."""
    return cluster_faces(
        embeddings, np.arange(len(embeddings)), threshold=threshold, normalizer=normalizer_of(embedder_fingerprint())
    )


def complete(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    linkage = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="complete", distance_threshold=1 - threshold
    )
    return linkage.fit_predict(embeddings)


def single(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """With clusters from two faces on, DBSCAN is single linkage cut at `eps`."""
    distance = np.sqrt(max(0.0, 2 - 2 * threshold))  # of unit vectors with this cosine
    return DBSCAN(eps=distance, min_samples=2, n_jobs=-1).fit_predict(embeddings)


def hdbscan(embeddings: np.ndarray) -> np.ndarray:
    return HDBSCAN(min_cluster_size=2, copy=True, n_jobs=-1).fit_predict(embeddings)


def alone(labels: np.ndarray) -> np.ndarray:
    """Gives every face that is in no cluster (-1) a cluster of its own."""
    labels = labels.copy()
    outside = labels < 0
    labels[outside] = labels.max(initial=-1) + 1 + np.arange(outside.sum())
    return labels


def rates(people: np.ndarray, labels: np.ndarray) -> tuple[float, float, float, float]:
    """Precision and recall of pairs, B-cubed F, and the share of clusters of two faces or more that hold one person."""
    labels = alone(labels)
    (_, wrongly_joined), (wrongly_parted, rightly_joined) = pair_confusion_matrix(people, labels)
    counts = contingency_matrix(people, labels).astype(np.float64)
    sizes, persons = counts.sum(axis=0), counts.sum(axis=1)
    precision = (counts**2 / sizes).sum() / len(people)
    recall = (counts**2 / persons[:, None]).sum() / len(people)
    clusters = sizes >= 2
    pure = np.mean(counts.max(axis=0)[clusters] == sizes[clusters])
    pairs = rightly_joined / (rightly_joined + wrongly_joined), rightly_joined / (rightly_joined + wrongly_parted)
    return (*pairs, 2 * precision * recall / (precision + recall), float(pure))


def part_of(people: np.ndarray, at_least: int, count: int | None) -> np.ndarray:
    """Positions of the faces of `count` people, drawn, who have `at_least` photos."""
    names, photos = np.unique(people, return_counts=True)
    names = names[photos >= at_least]
    if count is not None:
        names = np.random.default_rng(SEED).choice(names, count, replace=False)
    return np.flatnonzero(np.isin(people, names))


def measured(name: str, group: Callable[[], np.ndarray], people: np.ndarray, *facts: object) -> None:
    started = time.perf_counter()
    labels = group()
    seconds = time.perf_counter() - started
    print_row(name, *facts, *(f"{rate:.1%}" for rate in rates(people, labels)), f"{seconds:.2f}")


def main() -> None:
    arguments = benchmark_parser(__doc__).parse_args()
    print_header()
    embeddings, people = lfw_embeddings(arguments.data / "lfw" / "images", views=6)
    fingerprint = FaceEmbedder(precision="float32").fingerprint
    heads = ("pairs: precision", "recall", "B-cubed F", "clusters of one person", "s")
    print_columns("photos of LFW", "people", "faces", "FMR of the threshold", *heads)
    for name, (at_least, counts) in PARTS.items():
        for count in counts:
            rows = part_of(people, at_least, count)
            fmr = fmr_for(len(rows))
            threshold = operating_point(fingerprint, fmr).threshold
            facts = (len(np.unique(people[rows])), len(rows), f"{fmr:.2g}")
            measured(name, partial(ours, embeddings[rows], threshold), people[rows], *facts)
    print()
    print_columns("all of them by", *heads)
    fmr = fmr_for(len(people))
    measured("average linkage (ours)", partial(ours, embeddings, operating_point(fingerprint, fmr).threshold), people)
    first = embeddings[np.unique(people, return_index=True)[1]]
    threshold = threshold_at_fmr((first @ first.T)[np.triu_indices(len(first), k=1)], fmr)  # they know cosines only
    for name, group in {"complete linkage": complete, "single linkage": single}.items():
        measured(name, partial(group, embeddings, threshold), people)
    measured("HDBSCAN, which takes no threshold", partial(hdbscan, embeddings), people)


if __name__ == "__main__":
    main()
