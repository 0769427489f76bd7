"""Trains a segmentation: a folder of pictures and masks in, a run out.

On a pretrained encoder it goes in two stages: the decoder alone, and then the encoder's last blocks with it. The
pictures are few and the world is large, so every picture is seen in many disguises (`data/mask_augmentation.py`).
"""

from pathlib import Path

import keras
import numpy as np

from kerasface.models.engines.graphs import with_dtype_policy
from kerasface.runs.store import Run
from kerasface.tasks.measuring.masks import MaskTrial
from kerasface.tasks.segmentation import Segmenter
from kerasface.train.engine.driver import Finished, StageProgress, Steps
from kerasface.train.engine.loop import run_stage
from kerasface.train.engine.session import Session
from kerasface.train.segmentation.card import SegmentOutcome, card_of, contract_of, metrics_of, notes_of
from kerasface.train.segmentation.data import PreparedMasks, check_given, prepare_masks
from kerasface.train.segmentation.encoders import take_over
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.report import JudgedSet, write_segment_report
from kerasface.train.segmentation.stages import build_model, decoder_stage, fine_tune_stage, scratch_stage


def _told(prepared: PreparedMasks) -> dict:
    return {"num_classes": len(prepared.classes)}


def _train(prepared: PreparedMasks, session: Session, cache: Path, report: StageProgress) -> SegmentOutcome:
    recipe = session.recipe
    encoder, model = build_model(recipe, len(prepared.classes))
    whole = take_over(recipe, prepared.classes, model)

    def outcome(before, history: list[dict], seconds: dict[str, float], stopped: bool) -> SegmentOutcome:
        used = for_use(model, recipe)
        judged = _judge(used, prepared, recipe)
        return SegmentOutcome(used, encoder.backbone, judged, before, history, seconds, stopped, whole)

    if recipe.weights == "none":
        result = run_stage(scratch_stage(model, prepared, recipe), session, on_progress=report)
        return outcome(None, result.history, {"train_seconds": result.seconds}, result.stopped)
    found = session.read_checkpoint()
    if found is not None and found[1]["stage"] == "fine_tune":
        model.set_weights(found[0]["kept/head"])
        history, seconds, stopped = found[1]["extra"]["history"], found[1]["extra"]["seconds"], False
    elif recipe.head_epochs and not (whole and recipe.epochs):
        result = run_stage(decoder_stage(encoder, model, prepared, recipe), session, on_progress=report)
        history, seconds, stopped = result.history, result.seconds, result.stopped
    else:
        history, seconds, stopped = [], 0.0, False
    times = {"head_seconds": seconds}
    if stopped or recipe.epochs == 0:
        return outcome(None, history, times, stopped)
    before = _judge(for_use(model, recipe), prepared, recipe)[0].rates.result if recipe.head_epochs or whole else None
    stage, freeze_map = fine_tune_stage(encoder, model, prepared, recipe)
    session.event("freeze_map", blocks=freeze_map)
    result = run_stage(
        stage,
        session,
        kept={"head": model.get_weights()},
        extra={"history": history, "seconds": seconds},
        on_progress=report,
    )
    times["fine_tune_seconds"] = result.seconds
    return outcome(before, history + result.history, times, result.stopped)


def for_use(model: keras.Model, recipe: SegmentRecipe) -> keras.Model:
    """Returns the trained model as it is used: in float32, averaged over mirror images if the recipe wants it."""
    if not recipe.mirror:
        return with_dtype_policy(model, "float32")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        _, used = build_model(recipe, model.output_shape[-1], mirror=True)
    finally:
        keras.config.set_dtype_policy(policy)
    used.set_weights(model.get_weights())
    return used


def _judge(model: keras.Model, prepared: PreparedMasks, recipe: SegmentRecipe) -> tuple[JudgedSet, ...]:
    """Segments the pictures held out as wholes: of each set, how the model does, and what came out worst."""
    segmenter = Segmenter(Run("trained", contract_of(recipe, prepared), model))
    return tuple(_judge_set(segmenter, prepared, index) for index in range(len(prepared.sets)))


def _judge_set(segmenter: Segmenter, prepared: PreparedMasks, which: int) -> JudgedSet:
    each = prepared.sets[which]
    trial = MaskTrial(each.map, each.colors)
    for row in np.flatnonzero(prepared.validation_sets == which):
        image, true = _whole(prepared.validation[np.array([row])][0])
        trial.add(prepared.validation_files[row], image, true, segmenter.segment_whole(image).mask)
    return JudgedSet(each.name, trial.rates(), int((prepared.train_sets == which).sum()))


def _whole(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes picture and mask off their canvas, `(side, side, 4)`."""
    inside = pair[..., 3] != 255
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    part = pair[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return np.ascontiguousarray(part[..., :3]), np.ascontiguousarray(part[..., 3])


def _finish(outcome: SegmentOutcome, prepared: PreparedMasks, session: Session) -> Finished:
    metrics = metrics_of(outcome, prepared, session)
    notes = notes_of(outcome, prepared, session)
    facts = {"pictures trained on": f"{len(prepared.train):,}", "pictures judged on": f"{len(prepared.validation):,}"}
    report = write_segment_report(session.name, outcome.sets, outcome.before, outcome.history, facts, notes)
    return Finished(
        model=outcome.model,
        card=card_of(outcome, prepared, metrics, session),
        metrics=metrics,
        history=outcome.history,
        notes=notes,
        files={"report.html": report},
        stopped=outcome.stopped,
    )


def _check_buildable(recipe: SegmentRecipe) -> None:
    """Builds the model once before any picture is read: a name or a size that it cannot be, weights that are missing.

    Raises:
        ValueError: If there is no such encoder, or it has fewer blocks than are to be trained.
    """
    encoder, _ = build_model(recipe, 2)
    blocks = len(encoder.backbone.blocks)
    if (recipe.unfreeze or 0) > blocks:
        raise ValueError(
            f"{recipe.encoder} has {blocks} blocks. Received: unfreeze={recipe.unfreeze}. Choose 1 to {blocks}."
        )


STEPS = Steps(resolve_segment, _check_buildable, check_given, prepare_masks, _told, _train, _finish)
