"""Trains embeddings: a folder per person in, an embedder out, judged on people that nothing was trained on.

A head on the embeddings of a frozen backbone begins as the backbone itself, with distances stretched where faces crowd
if the recipe wants it, and is trained on batches of P people with K images. Fine-tuning of the last blocks may follow.
Of all that came up on the way the best is kept, which may be the backbone as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np

from kerasface.models.engines.graphs import with_dtype_policy
from kerasface.models.heads import build_metric_head, join_embedder
from kerasface.train.classification.data import PreparedData
from kerasface.train.engine.driver import Finished, StageProgress, Steps
from kerasface.train.engine.frozen import FrozenFeatures
from kerasface.train.engine.loop import StageResult, run_stage
from kerasface.train.engine.network import network_of
from kerasface.train.engine.session import Session
from kerasface.train.metric_learning.card import MetricOutcome, card_of, metrics_of, notes_of
from kerasface.train.metric_learning.data import prepare_people
from kerasface.train.metric_learning.head import build_head
from kerasface.train.metric_learning.judging import JudgedEmbeddings, cohort_after, is_better, judge_embeddings
from kerasface.train.metric_learning.others import check_others
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.metric_learning.report import write_metric_report
from kerasface.train.metric_learning.scratch import train_from_scratch
from kerasface.train.metric_learning.stages import (
    Embed,
    embed_images,
    fine_tune_stage,
    head_stage,
    held_out_loss,
    training_people,
    watched_margin,
)
from kerasface.train.metric_learning.watch import Spread, Watch, past_alarms, spread, watched_rows

_BLOCK = 4096  # features embedded at a time


def _told(prepared: PreparedData) -> dict:
    return {
        "num_people_train": len(np.unique(prepared.labels[prepared.train])),
        "num_people_validation": len(np.unique(prepared.labels[prepared.validation])),
    }


def _train(prepared: PreparedData, session: Session, cache: Path, report: StageProgress) -> MetricOutcome:
    for sentence in prepared.notes:
        session.event("warning", text=sentence)
    if session.recipe.from_scratch:
        return train_from_scratch(prepared, session, report)
    features = FrozenFeatures(prepared, session.recipe, cache, partial(report, "features"))
    return _Training(prepared, features, session, report).run()


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Embeddings that came up on the way: how they do on both sides, and a function that makes their model."""

    held_out: JudgedEmbeddings
    trained_on: JudgedEmbeddings
    model: Callable[[], keras.Model]


class _Training:
    """One training from features on: it collects the candidates, of which the best is kept."""

    def __init__(self, prepared: PreparedData, features: FrozenFeatures, session: Session, report: StageProgress):
        self.prepared, self.features, self.session, self.report = prepared, features, session, report
        self.recipe = session.recipe
        self.labels, self.held_out_labels = prepared.labels[prepared.train], prepared.labels[prepared.validation]
        self.candidates: dict[str, _Candidate] = {}
        self.starts: dict[str, Spread] = {}
        self._frozen = features.model.get_weights()

    def run(self) -> MetricOutcome:
        features, recipe = self.features, self.recipe
        dim = features.train[0].shape[1]
        self._add("plain", build_metric_head(dim))
        head = build_head(features.train[0], self.labels, recipe)
        if recipe.stretch:
            self._add("stretched", head)
        embeddings = embed_features(head)(features.train[0])
        sample = watched_rows(self.labels, "head", recipe.seed)
        self.starts["head"] = spread(embeddings[sample], self.labels[sample], watched_margin(recipe))
        distances = self.starts["head"].genuine_distance, self.starts["head"].impostor_distance
        found = self.session.read_checkpoint()
        if found is not None and found[1]["stage"] == "fine_tune":
            head.set_weights(found[0]["kept/head"])
            history, seconds, stopped = found[1]["extra"]["history"], found[1]["extra"]["seconds"], False
        else:
            result = self._train_head(head, embeddings, distances)
            history, seconds, stopped = result.history, result.seconds, result.stopped
        if recipe.head_epochs:
            self._add("trained", head)
        times = {"head_seconds": seconds}
        if recipe.epochs and not stopped:
            result = self._fine_tune(head, distances, history, seconds)
            history, stopped = history + result.history, result.stopped
            times["fine_tune_seconds"] = result.seconds
        return self._outcome(history, times, stopped)

    def _train_head(self, head: keras.Model, embeddings: np.ndarray, distances: tuple[float, float]) -> StageResult:
        if self.recipe.head_epochs == 0:
            return StageResult([], False, 0.0)
        embed = embed_features(head)
        people = training_people(self.features.train, self.prepared, embeddings, distances)
        validate = self._validation("head", embed, self.features.train[0], self.features.validation, distances)
        return run_stage(head_stage(head, people, self.recipe, validate), self.session, on_progress=self.report)

    def _fine_tune(self, head, distances, history: list[dict], seconds: float) -> StageResult:
        prepared, session = self.prepared, self.session
        model = join_embedder(self.features.model, head)
        embed = embed_images(model)
        train, validation = prepared.images.part(prepared.train), prepared.images.part(prepared.validation)
        people = training_people(train, prepared, embed_features(head)(self.features.train[0]), distances)
        validate = self._validation("fine_tune", embed, train, validation, distances)
        stage, freeze_map = fine_tune_stage(self.features.backbone, model, people, self.recipe, validate)
        session.event("freeze_map", blocks=freeze_map)
        result = run_stage(
            stage,
            session,
            kept={"head": head.get_weights()},
            extra={"history": history, "seconds": seconds},
            on_progress=self.report,
        )
        self.candidates["fine_tuned"] = self._candidate(embed(train), embed(validation), lambda: model)
        return result

    def _validation(self, stage: str, embed: Embed, train, validation, distances) -> Callable[[], dict]:
        """Returns what is measured after each epoch: the loss on people held out, and how the embeddings lie."""
        sample = watched_rows(self.labels, stage, self.recipe.seed)
        margin = watched_margin(self.recipe)
        watch = Watch(embed, train[sample], self.labels[sample], margin, self.recipe.loss, self.session)
        self.starts[stage] = watch.start
        held_out = watched_rows(self.held_out_labels, stage, self.recipe.seed)
        loss = held_out_loss(self.recipe, distances)
        samples, labels = validation[held_out], self.held_out_labels[held_out]
        return lambda: {"val_loss": loss(embed(samples), labels), **watch()}

    def _add(self, name: str, head: keras.Model) -> None:
        embed = embed_features(head)
        weights = head.get_weights()

        def model() -> keras.Model:
            head.set_weights(weights)
            self.features.model.set_weights(self._frozen)  # which fine-tuning may have moved
            return join_embedder(self.features.model, head)

        self.candidates[name] = self._candidate(embed(self.features.train[0]), embed(self.features.validation), model)

    def _candidate(
        self, trained_on: np.ndarray, held_out: np.ndarray, model: Callable[[], keras.Model]
    ) -> "_Candidate":
        """Judges embeddings; what normalizes their scores is drawn after the people trained on."""
        seed = self.recipe.seed
        judged = partial(judge_embeddings, seed=seed, normalizer=cohort_after(trained_on, seed))
        return _Candidate(judged(held_out, self.held_out_labels), judged(trained_on, self.labels), model)

    def _outcome(self, history: list[dict], seconds: dict[str, float], stopped: bool) -> MetricOutcome:
        kept = "plain"
        for name, candidate in self.candidates.items():
            if is_better(candidate.held_out, self.candidates[kept].held_out):
                kept = name
        held_out = {name: candidate.held_out for name, candidate in self.candidates.items()}
        self.session.event("comparison", kept=kept, **{name: judged.summary() for name, judged in held_out.items()})
        return MetricOutcome(
            model=with_dtype_policy(self.candidates[kept].model(), "float32"),
            kept=kept,
            held_out=held_out,
            trained_on={name: candidate.trained_on for name, candidate in self.candidates.items()},
            history=history,
            alarms=past_alarms(history, self.starts, watched_margin(self.recipe), self.recipe.loss),
            seconds=seconds,
            stopped=stopped,
        )


def embed_features(head: keras.Model) -> Embed:
    """Returns the embeddings of features `(n, dim)`, for the head's weights at each call."""

    def embed(features: np.ndarray) -> np.ndarray:
        blocks = [features[start : start + _BLOCK] for start in range(0, len(features), _BLOCK)]
        return np.concatenate([np.asarray(head(block, training=False), dtype=np.float32) for block in blocks])

    return embed


def _finish(outcome: MetricOutcome, prepared: PreparedData, session: Session) -> Finished:
    metrics, notes = metrics_of(outcome, prepared, session), notes_of(outcome, prepared)
    return Finished(
        model=outcome.model,
        card=card_of(outcome, prepared, metrics, session),
        metrics=metrics,
        history=outcome.history,
        notes=notes,
        files={"report.html": write_metric_report(session.name, outcome, prepared, metrics, notes)},
        left_out=prepared.left_out,
        stopped=outcome.stopped,
    )


def _check_buildable(recipe: MetricRecipe) -> None:
    """Builds the backbone once before any image is read: a name or a size that it cannot be, weights that are missing.

    Raises:
        ValueError: If there is no such backbone, or it has fewer blocks than are to be trained.
        RunError: If it is neither a backbone nor a run.
    """
    backbone = network_of(recipe)
    if (recipe.unfreeze or 0) > len(backbone.blocks):
        raise ValueError(
            f"{recipe.backbone} has {len(backbone.blocks)} blocks. Received: unfreeze={recipe.unfreeze}. "
            f"Choose 1 to {len(backbone.blocks)}."
        )


STEPS = Steps(resolve_metric, _check_buildable, check_others, prepare_people, _told, _train, _finish)
