"""Watches the embeddings of a metric training for collapse: everybody in one place, or nothing left to learn."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from kerasface.data.pipelines import identity_rows
from kerasface.train.engine.session import Session

_MIN_SHARE = 0.25  # of the distance between people before the training, below which they count as collapsed
_AT_MARGIN = 0.05  # relative distance of the triplet loss from its margin that counts as standing at it
_MIN_ACTIVE = 0.001
# Of the sample that is looked at after each epoch of a stage: triplets are counted one by one.
_WATCHED = {
    "head": {"people": 32, "images": 4},
    "fine_tune": {"people": 16, "images": 2},
    "train": {"people": 32, "images": 4},
}


@dataclass(frozen=True)
class Spread:
    """How embeddings of several people lie.

    Attributes:
        impostor_distance: Mean distance of different people.
        genuine_distance: Mean distance of images of one person.
        active_triplets: Share of all triplets with a loss above 0.
        triplet_loss: Mean triplet loss over all triplets, in the unit of the margin.
    """

    impostor_distance: float
    genuine_distance: float
    active_triplets: float
    triplet_loss: float


def watched_rows(labels: np.ndarray, stage: str, seed: int) -> np.ndarray:
    """Chooses the images that are looked at after each epoch of a stage: rows of `labels`."""
    return identity_rows(labels, **_WATCHED[stage], seed=seed, epoch=0)[0]


def spread(embeddings: np.ndarray, labels: np.ndarray, margin: float) -> Spread:
    """Measures how embeddings lie.

    Args:
        embeddings: Unit embeddings, `(num_images, embedding_dim)`; a few hundred, as triplets are counted one by one.
        labels: The person of each, `(num_images,)`; genuine and impostor pairs must occur.
        margin: Of the triplet loss.
    """
    distances = np.sqrt(np.maximum(2 - 2 * embeddings.astype(np.float64) @ embeddings.T, 0))
    same = labels[:, None] == labels
    genuine = same & ~np.eye(len(labels), dtype=bool)
    losses = []
    for row, positives, negatives in zip(distances, genuine, ~same, strict=True):
        losses.append((row[positives, None] + margin - row[None, negatives]).ravel())
    losses = np.concatenate(losses)
    return Spread(
        impostor_distance=float(distances[~same].mean()),
        genuine_distance=float(distances[genuine].mean()),
        active_triplets=float(np.mean(losses > 0)),
        triplet_loss=float(np.maximum(losses, 0).mean()),
    )


def alarms(now: Spread, start: Spread, margin: float, loss: str) -> list[str]:
    """Tells in sentences what is wrong with embeddings, compared with those before the training."""
    found = []
    if now.impostor_distance < _MIN_SHARE * start.impostor_distance:
        found.append(
            f"Collapse: different people lie {now.impostor_distance:.3f} apart in the mean, before the training "
            f"{start.impostor_distance:.3f}. Lower the learning rate, or raise pull."
        )
    # Where all embeddings are equal every triplet costs the margin.
    if now.triplet_loss > start.triplet_loss and abs(now.triplet_loss - margin) <= _AT_MARGIN * margin:
        found.append(
            f"Collapse: the mean triplet loss of {now.triplet_loss:.4f} stands at its margin of {margin:.4f}, so one "
            "cannot tell one's own pictures from others. Lower the learning rate, or mine semi-hard triplets."
        )
    if loss == "triplet" and now.active_triplets < _MIN_ACTIVE:
        found.append(
            f"Nothing left to learn: {now.active_triplets:.2%} of the triplets have a loss above 0. Raise the margin, "
            "or mine batch-hard triplets."
        )
    return found


def past_alarms(history: Sequence[dict], starts: dict[str, Spread], margin: float, loss: str) -> list[dict]:
    """Returns every alarm of a training: `stage`, `epoch` and `text`.

    Args:
        history: One record per epoch with the measures of `Spread`, its `stage` and `epoch`.
        starts: How the embeddings lay as each stage began.
        margin: Of the triplet loss.
        loss: Name of the loss trained with.
    """
    measured = [(row, Spread(**{entry.name: row[entry.name] for entry in fields(Spread)})) for row in history]
    return [
        {"stage": row["stage"], "epoch": row["epoch"], "text": text}
        for row, now in measured
        for text in alarms(now, starts[row["stage"]], margin, loss)
    ]


class Watch:
    """Measures, after each epoch, the embeddings of a fixed sample of training images, and raises alarms.

    Args:
        embed: From samples to unit embeddings, for the weights at each call.
        samples: Images or features of the sample.
        labels: The person of each.
        margin: Of the triplet loss.
        loss: Name of the loss trained with.
        session: Where alarms go, as warnings.

    Attributes:
        start: How the embeddings lie as the watch begins.
    """

    def __init__(
        self,
        embed: Callable[[np.ndarray], np.ndarray],
        samples: np.ndarray,
        labels: np.ndarray,
        margin: float,
        loss: str,
        session: Session,
    ):
        self._embed, self._samples, self._labels = embed, samples, labels
        self._margin, self._loss, self._session = margin, loss, session
        self.start = spread(embed(samples), labels, margin)

    def __call__(self) -> dict:
        """Returns the measures of `Spread`, after raising what alarms there are."""
        now = spread(self._embed(self._samples), self._labels, self._margin)
        for text in alarms(now, self.start, self._margin, self._loss):
            self._session.event("warning", text=text)
        return asdict(now)
