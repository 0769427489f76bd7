"""What a metric run says of itself: its card, its metrics, and what must be told in sentences."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasface.models.freezing import weights_fingerprint
from kerasface.runs.card import EmbeddingSpace, ModelCard
from kerasface.terminal.words import counted
from kerasface.train.classification.card import provenance
from kerasface.train.classification.data import PreparedData
from kerasface.train.engine.network import weights_of
from kerasface.train.engine.session import Session
from kerasface.train.metric_learning.judging import JudgedEmbeddings

NAMES = {
    "plain": "backbone as it is",
    "pixels": "raw pixels",
    "stretched": "stretched where faces crowd",
    "trained": "trained head",
    "fine_tuned": "fine-tuned",
}


@dataclass(frozen=True, eq=False)
class MetricOutcome:
    """What came of a metric training.

    Attributes:
        model: The embedder to keep, in float32.
        kept: Which of the candidates it is.
        held_out: How each candidate does on people held out: `plain` and, as far as they came up, `stretched`,
            `trained` and `fine_tuned`, in this order; of a network from random weights `pixels` and `trained`.
        trained_on: How each does on the people trained on.
        history: One row per epoch.
        alarms: Events of the alarms for collapse.
        seconds: Seconds of each stage.
        stopped: Whether it was stopped before its end; it can be resumed then.
    """

    model: keras.Model
    kept: str
    held_out: dict[str, JudgedEmbeddings]
    trained_on: dict[str, JudgedEmbeddings]
    history: list[dict]
    alarms: list[dict]
    seconds: dict[str, float]
    stopped: bool

    @property
    def before(self) -> str:
        """The candidate that the others are compared with: what there was before the training."""
        return next(iter(self.held_out))


def metrics_of(outcome: MetricOutcome, prepared: PreparedData, session: Session) -> dict:
    """Returns the contents of the run's `metrics.json`."""
    sides = {"train": prepared.train, "validation": prepared.validation}
    counts = {name: np.unique(prepared.labels[part], return_counts=True)[1] for name, part in sides.items()}
    return {
        "kept": outcome.kept,
        "held_out": {name: judged.summary() for name, judged in outcome.held_out.items()},
        "trained_on": {name: judged.summary() for name, judged in outcome.trained_on.items()},
        "num_alarms": len(outcome.alarms),
        **{f"num_people_{name}": len(found) for name, found in counts.items()},
        **{f"num_single_{name}": int(np.sum(found == 1)) for name, found in counts.items()},
        **{f"num_{name}": len(part) for name, part in sides.items()},
        "num_rejected": len(prepared.rejected),
        "num_moved": len(prepared.moved),
        **{name: round(value, 3) for name, value in outcome.seconds.items()},
        "seconds": round(session.seconds(), 3),
    }


def notes_of(outcome: MetricOutcome, prepared: PreparedData) -> list[str]:
    """Returns what must be said about the run, in sentences."""
    notes = []
    if outcome.stopped:
        notes.append("The training was stopped before its end; --resume goes on with it.")
    before = outcome.held_out[outcome.before]
    if outcome.kept == "plain":
        after = list(outcome.held_out.values())[-1]
        notes.append(
            "It did not help people that nothing was trained on, so the backbone is kept as it is: genuine pairs "
            f"accepted at an FMR of 0.1 % went from {before.tar:.2%} to {after.tar:.2%}"
            + (f", {_missed(before, after)}." if before.identification else ".")
        )
    else:
        after = outcome.held_out[outcome.kept]
        begun = "Kept: " + NAMES[outcome.kept]
        if outcome.before == "pixels":
            begun = "Trained from random weights, and compared with raw pixels"
        notes.append(
            f"{begun}. On people held out, genuine pairs accepted at an FMR of 0.1 % went from "
            f"{before.tar:.2%} to {after.tar:.2%}" + (f", {_missed(before, after)}." if before.identification else ".")
        )
        notes.append("Its embeddings can be compared with one another alone: galleries must be enrolled anew.")
        if len(outcome.held_out) > 2:
            notes.append("The best was chosen on the people that it was judged on: expect a little less on others.")
    if before.identification is None:
        notes.append(
            "Searches were not judged: nobody held out has one image alone, so that nobody is unknown to a gallery."
        )
    counts = np.bincount(prepared.labels[prepared.train])
    if single := int(np.sum(counts == 1)):
        notes.append(f"Trained on with one image: {counted(single, 'person', 'people')}, no genuine pair of theirs.")
    notes += [f"In epoch {event['epoch']}: {event['text']}" for event in outcome.alarms[:3]]
    if len(outcome.alarms) > 3:
        notes.append(f"In the report: {counted(len(outcome.alarms) - 3, 'more alarm')}.")
    if prepared.rejected:
        notes.append(f"{counted(len(prepared.rejected), 'file')} not used; the reasons are in rejected.csv.")
    notes += prepared.notes
    if len(prepared.moved) and not prepared.given:
        notes.append(
            f"Left out: {counted(len(prepared.moved), 'image')} of people held out: the training side has copies."
        )
    return notes


def card_of(outcome: MetricOutcome, prepared: PreparedData, metrics: dict, session: Session) -> ModelCard:
    """Returns the run's card; what `write_run` fills in is left out."""
    recipe, judged = session.recipe, outcome.held_out[outcome.kept]
    return ModelCard(
        task="embed",
        input=prepared.input,
        backbone=recipe.backbone,
        embedding=EmbeddingSpace(
            dim=outcome.model.output_shape[-1],
            score="cosine",
            # Comparable where it is equal: with embeddings of this very model alone.
            fingerprint=f"{recipe.backbone}-metric-{weights_fingerprint(outcome.model)[:16]}",
        ),
        thresholds={fmr: vars(rate) for fmr, rate in judged.verification.tar_at_fmr.items()},
        metrics=metrics,
        weights=weights_of(recipe),
        **provenance(prepared, session),
    )


def _missed(before: JudgedEmbeddings, after: JudgedEmbeddings) -> str:
    return (
        f"people missed at an FPIR of 1 % from {before.fnir_of_cosines:.1%} to {after.fnir_of_cosines:.1%} by their "
        f"cosines, and from {before.fnir:.1%} to {after.fnir:.1%} with scores normalized by a cohort"
    )
