"""How an embedder errs on faces beyond the limits of quality, which are not decided on."""

from collections.abc import Mapping, Sequence

import numpy as np

from kerasface.evaluation.measured.pairs import PairScores
from kerasface.evaluation.normalization import Normalizer, normalized_scores

FEW = 100  # genuine pairs, below which nothing is said
_FMR = 0.001  # or the lowest above it that the pairs carry
_MOST = 1500  # photos beyond a limit of which all pairs of strangers are looked at

Pairs = tuple[np.ndarray, np.ndarray]


def errors_beyond_limits(
    parts: Sequence[tuple[np.ndarray, np.ndarray, Normalizer | None, Mapping[str, np.ndarray]]],
    points: Sequence[Mapping],
    *,
    listed: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict:
    """Measures pairs with a face beyond a limit: genuine ones with one or two of them, impostors with two.

    Bad photos resemble one another: that is why two of them count, where strangers are compared.

    Args:
        parts: Embeddings `(num_photos, embedding_dim)`, who is on each, what normalizes them, and for each measure of
            quality whether the face is beyond its limit, bool, `(num_photos,)`.
        points: Thresholds by false match rate, as `pair_thresholds` gives them.
        listed: Rows of the pairs to look at, `(num_pairs, 2)`, and whether each is genuine; all pairs if not given.

    Returns:
        The rate and the threshold; `within`, what pairs of faces within all limits lead to; and by measure what is
        missed beyond it, each with the number of pairs and intervals by drawing the people anew.
    """
    point = next((one for one in points if one["fmr"] >= _FMR), points[-1])
    measures = list(parts[0][3])
    rows = {name: PairScores(name, "") for name in ("within", *measures)}
    for embeddings, labels, normalizer, flaws in parts:
        statistics = None if normalizer is None else normalizer.statistics(embeddings)
        bad = np.any([flaws[name] for name in measures], axis=0)
        genuine = _genuine(labels) if listed is None else tuple(listed[0][listed[1]].T)

        def add(name: str, pairs: Pairs, same: bool, seen=(embeddings, labels, statistics)) -> None:
            rows[name].parts.append(_scored(*seen, *pairs, same))

        add("within", _where(genuine, ~bad, np.logical_and), True)
        for name in measures:
            strangers = _strangers(labels, flaws[name]) if listed is None else tuple(listed[0][~listed[1]].T)
            add(name, _where(genuine, flaws[name], np.logical_or), True)
            add(name, _where(strangers, flaws[name], np.logical_and), False)
    return {
        "fmr": point["fmr"],
        "threshold": point["threshold"],
        **{name: _rates(scores, point["threshold"]) for name, scores in rows.items()},
    }


def _genuine(labels: np.ndarray) -> Pairs:
    """Rows of all pairs of photos of one person."""
    order = np.argsort(labels, kind="stable")
    people = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    pairs = [np.stack([rows[first] for first in np.triu_indices(len(rows), k=1)]) for rows in people]
    return tuple(np.concatenate(pairs, axis=1))


def _strangers(labels: np.ndarray, flawed: np.ndarray) -> Pairs:
    """Rows of pairs of photos of two people, both beyond the limit."""
    rows = np.flatnonzero(flawed)
    if len(rows) > _MOST:
        rows = np.sort(np.random.default_rng(0).choice(rows, _MOST, replace=False))
    first, second = (rows[some] for some in np.triu_indices(len(rows), k=1))
    apart = labels[first] != labels[second]
    return first[apart], second[apart]


def _where(pairs: Pairs, flagged: np.ndarray, both) -> Pairs:
    chosen = both(flagged[pairs[0]], flagged[pairs[1]])
    return pairs[0][chosen], pairs[1][chosen]


def _scored(embeddings, labels, statistics, first: np.ndarray, second: np.ndarray, same: bool) -> tuple:
    scores = np.sum(embeddings[first] * embeddings[second], axis=1)
    if statistics is not None:
        scores = normalized_scores(scores, statistics[first], statistics[second])
    return labels[first].astype(np.int32), labels[second].astype(np.int32), scores, np.full(len(scores), same)


def _rates(scores: PairScores, threshold: float) -> dict:
    """What is missed and what matches at a threshold; `None` where there is no such pair."""
    genuine, impostor = (sum(int(np.sum(part[3] == same)) for part in scores.parts) for same in (True, False))
    values = np.full(6, np.nan)
    if genuine or impostor:
        values = scores.rates([threshold], np.random.default_rng(0))[0]
    names = ("fmr", "fmr_low", "fmr_high", "fnmr", "fnmr_low", "fnmr_high")
    told = {name: None if np.isnan(value) else float(f"{value:.3g}") for name, value in zip(names, values, strict=True)}
    return {"num_genuine": genuine, "num_impostor": impostor, **told}
