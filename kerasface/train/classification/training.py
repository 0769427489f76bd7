"""Trains a classifier: a folder per class in, a run out.

Pretrained backbones are trained in two stages: a head on the frozen backbone's features, which are computed once, and
then, if epochs are given, the last blocks with it. Without pretrained weights the network is trained from scratch.
"""

from pathlib import Path

import numpy as np

from kerasface.evaluation.classification import cross_fitted_temperature
from kerasface.models.engines.graphs import with_dtype_policy
from kerasface.models.heads import cool
from kerasface.models.zoo import ARCHITECTURES
from kerasface.train.classification.card import Trained, card_of, metrics_of, notes_of
from kerasface.train.classification.data import PreparedData, prepare
from kerasface.train.classification.defaults import resolve
from kerasface.train.classification.judging import Judged, is_better, judge_features, judge_images, measures, score_name
from kerasface.train.classification.records import Records
from kerasface.train.classification.report import write_report
from kerasface.train.classification.stages import (
    fine_tune_stage,
    head_stage,
    image_stage,
    scratch_model,
)
from kerasface.train.classification.validation import check_given
from kerasface.train.engine.driver import Finished, StageProgress, Steps
from kerasface.train.engine.frozen import FrozenFeatures, build_head, class_directions, joined
from kerasface.train.engine.loop import run_stage
from kerasface.train.engine.network import network_of, template_for
from kerasface.train.engine.session import Session
from kerasface.train.engine.snapshots import note_confusion
from kerasface.train.recipe import ClassifyRecipe


def _told(prepared: PreparedData) -> dict:
    return {
        "input_kind": prepared.input.kind,
        "num_classes": len(prepared.names),
        "num_unknown": len(prepared.unknown),
        "validation": prepared.given and str(prepared.given),
    }


def _train(prepared: PreparedData, session: Session, cache: Path, report: StageProgress) -> Trained:
    for sentence in prepared.notes:
        session.event("warning", text=sentence)
    train = _train_pretrained if session.recipe.pretrained else _train_from_scratch
    return train(prepared, session.recipe, session, cache, report)


def _train_pretrained(
    prepared: PreparedData, recipe: ClassifyRecipe, session: Session, cache: Path, report: StageProgress
) -> Trained:
    """The frozen stage, then the fine-tuning if epochs are given; the better of both is kept."""
    features = FrozenFeatures(prepared, recipe, cache, lambda *counts: report("features", *counts))
    head = build_head(features, prepared, recipe)
    found = session.read_checkpoint()
    past_head = found is not None and found[1]["stage"] == "fine_tune"
    judge_head = judge_features(head)
    if past_head:
        head.set_weights(found[0]["kept/head"])
        history, seconds, stopped = found[1]["extra"]["history"], found[1]["extra"]["seconds"], False
    elif recipe.head_epochs:
        stage = head_stage(
            head, features, prepared, recipe, lambda: _measured(judge_head, features.validation, prepared, session)
        )
        result = run_stage(stage, session, on_progress=report)
        history, seconds, stopped = result.history, result.seconds, result.stopped
    else:
        history, seconds, stopped = [], 0.0, False
    before = _judged(judge_head, features.validation, features.unknown, prepared, score_name(head))
    model = joined(features, head)
    means = _class_means(features, prepared, recipe)
    if stopped or recipe.epochs == 0:
        return Trained(model, before, history, {"head_seconds": seconds}, stopped, class_means=means)
    frozen = model.get_weights()
    judge = judge_images(model)
    validation = prepared.images.part(prepared.validation)
    stage, freeze_map = fine_tune_stage(
        features.backbone, model, prepared, recipe, lambda: _measured(judge, validation, prepared, session)
    )
    session.event("freeze_map", blocks=freeze_map)
    result = run_stage(
        stage,
        session,
        kept={"head": head.get_weights()},
        extra={"history": history, "seconds": seconds},
        on_progress=report,
    )
    after = _judged(judge, validation, prepared.images.part(prepared.unknown), prepared, score_name(model))
    kept = is_better(after, before)
    comparison = {"frozen": before.summary(), "fine_tuned": after.summary(), "fine_tuned_kept": kept}
    session.event("comparison", **comparison)
    if not kept:
        model.set_weights(frozen)
    return Trained(
        model,
        after if kept else before,
        history + result.history,
        {"head_seconds": seconds, "fine_tune_seconds": result.seconds},
        result.stopped,
        comparison,
        None if kept else means,
    )


def _class_means(features: FrozenFeatures, prepared: PreparedData, recipe: ClassifyRecipe) -> np.ndarray | None:
    """The mean embedding of each person, by which strangers are told where the head was trained to tell people apart.

    An untrained head of cosines holds them itself, and features of other backbones are no embeddings of faces.
    """
    by_means = recipe.classifier == "cosine" and recipe.head_epochs == 0
    if by_means or recipe.backbone != "face_resnet" or not prepared.input.of_faces:
        return None
    return class_directions(features.train, prepared.labels[prepared.train], len(prepared.names)).T


def _train_from_scratch(
    prepared: PreparedData, recipe: ClassifyRecipe, session: Session, cache: Path, report: StageProgress
) -> Trained:
    model = scratch_model(prepared, recipe)
    judge = judge_images(model)
    validation = prepared.images.part(prepared.validation)
    stage = image_stage("train", model, prepared, recipe, lambda: _measured(judge, validation, prepared, session))
    result = run_stage(stage, session, on_progress=report)
    judged = _judged(judge, validation, prepared.images.part(prepared.unknown), prepared, score_name(model))
    return Trained(model, judged, result.history, {"train_seconds": result.seconds}, result.stopped)


def _measured(judge, validation, prepared: PreparedData, session: Session) -> dict:
    """Judges the held-out images as a stage does after each epoch."""
    labels, (probabilities, _) = prepared.labels[prepared.validation], judge(validation)
    note_confusion(session.folder, prepared.names, labels, probabilities)
    return measures(probabilities, labels)


def _judged(judge, validation, unknown, prepared: PreparedData, score: str) -> Judged:
    probabilities, scores = judge(validation)
    # Without strangers: no rows of the same width.
    unknown_probabilities, unknown_scores = judge(unknown) if len(prepared.unknown) else (probabilities[:0], scores[:0])
    return Judged(
        probabilities=probabilities,
        labels=prepared.labels[prepared.validation],
        scores=scores,
        unknown_probabilities=unknown_probabilities,
        unknown_scores=unknown_scores,
        unknown_groups=prepared.groups[prepared.unknown],
        score=score,
    )


def _finish(trained: Trained, prepared: PreparedData, session: Session) -> Finished:
    """Calibrates the model."""
    recipe, judged = session.recipe, trained.judged
    temperature = cross_fitted_temperature(judged.probabilities, judged.labels)
    model = with_dtype_policy(trained.model, "float32")
    if temperature.applied:
        cool(model, temperature.value)
    strangers = judged.cooled(temperature).open_set()
    metrics = metrics_of(trained, prepared, temperature, strangers, session)
    card = card_of(trained, prepared, recipe, metrics, temperature, strangers, session)
    notes = notes_of(trained, prepared, temperature, card)
    records = Records(
        metrics=metrics,
        history=trained.history,
        judged=judged,
        temperature=temperature,
        open_set=strangers,
        prepared=prepared,
        comparison=trained.comparison,
        notes=notes,
    )
    return Finished(
        model=model,
        card=card,
        metrics=metrics,
        history=trained.history,
        notes=notes,
        files={"report.html": write_report(session.name, records), "records.json": records.to_json()},
        left_out=prepared.left_out,
        stopped=trained.stopped,
    )


def _check_buildable(recipe: ClassifyRecipe) -> None:
    """Builds the network once before any image is read: a size that it cannot take, weights that are missing or others.

    The architectures of the zoo from scratch take every size that a recipe may have; `face_resnet` has one.
    """
    if recipe.backbone in ARCHITECTURES and not recipe.pretrained:
        return
    if recipe.backbone == "face_resnet" and recipe.unfreeze is None and recipe.weights in ("pretrained", "none"):
        return
    backbone = network_of(recipe)
    if (recipe.unfreeze or 0) > len(backbone.blocks):
        raise ValueError(
            f"{recipe.backbone} has {len(backbone.blocks)} blocks. Received: unfreeze={recipe.unfreeze}. "
            f"Choose 1 to {len(backbone.blocks)}."
        )


def _prepare(data: str, recipe: ClassifyRecipe, cache: Path, on_progress) -> PreparedData:
    return prepare(data, recipe, cache, on_progress, template=template_for(recipe))


STEPS = Steps(resolve, _check_buildable, check_given, _prepare, _told, _train, _finish)
