"""Trains a segmentation: a folder of pictures and masks in, a run out.

On a pretrained encoder it goes in two stages: the decoder alone, and then the encoder's last blocks with it. The
pictures are few and the world is large, so every picture is seen in many disguises (`data/mask_augmentation.py`).
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from kerasface.data.cache.store import default_cache_folder
from kerasface.evaluation.segmentation import SegmentationCounts, image_mean_iou
from kerasface.models.runtime import device_name, with_dtype_policy
from kerasface.runs.store import DEFAULT_ROOT, Run, check_name, write_run
from kerasface.tasks.segmentation import Segmenter
from kerasface.train.classification.stages import dtype_policy, training_context
from kerasface.train.classification.training import StageProgress, TrainedRun
from kerasface.train.engine.loop import run_stage
from kerasface.train.engine.session import Session
from kerasface.train.engine.snapshots import keep_snapshots
from kerasface.train.recipe import write_recipe
from kerasface.train.segmentation.card import SegmentOutcome, card_of, contract_of, metrics_of, notes_of
from kerasface.train.segmentation.data import PreparedMasks, prepare_masks
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.report import WorstMask, write_segment_report
from kerasface.train.segmentation.stages import build_model, decoder_stage, fine_tune_stage, scratch_stage

_WORST = 12  # masks in the report


def train_segmentation(
    data: str | Path,
    name: str,
    *,
    recipe: SegmentRecipe | None = None,
    runs: str | Path = DEFAULT_ROOT,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
    on_event: Callable[[dict], None] | None = None,
) -> TrainedRun:
    """Trains a segmentation on a folder of pictures and masks and writes the run `runs/name`.

    While it runs, `runs/.name.running` holds its log and checkpoints; see `session.py`.

    Args:
        data: Folder with `images` and `masks`, see `data/masks.py`.
        name: Name of the run; one of the same name is replaced, and kept as `.<name>.previous`.
        recipe: The settings.
        runs: Folder of the runs.
        cache: Folder for decoded pictures; `default_cache_folder()` if not given.
        on_progress: Called with stage, done and total.
        on_event: Called with every event that goes into the log.

    Raises:
        ValueError: If the folder does not hold pictures with masks, a class is empty, or a setting is out of range or
            contradicts another.
        ModelFileError: If a pretrained weight file is missing or altered.
        RunError: If the name is no folder name, a training of that name runs or was left off, or the run cannot be
            written.
        TrainingDivergedError: If the loss became NaN or infinite.
        TrainingStoppedError: If it was asked to stop before its first step.
    """
    recipe = resolve_segment(recipe or SegmentRecipe())
    check_name(name)
    _check_buildable(recipe)
    with Session.start(runs, name, recipe, data, on_event) as session:
        return _run(session, runs, cache, on_progress)


def resume_segmentation(
    name: str,
    *,
    runs: str | Path = DEFAULT_ROOT,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
    on_event: Callable[[dict], None] | None = None,
) -> TrainedRun:
    """Goes on with a training that was stopped or killed, from its last checkpoint; arguments as `train_segmentation`.

    On the same machine it ends with the weights that an uninterrupted training would have.

    Raises:
        RunError: If there is no such training, it runs, its checkpoint is damaged, or the pictures changed meanwhile.
    """
    with Session.resume(runs, name, on_event, SegmentRecipe) as session:
        return _run(session, runs, cache, on_progress)


def _run(session: Session, runs, cache, on_progress) -> TrainedRun:
    report = session.with_log(on_progress)
    recipe = session.recipe
    cache = Path(cache) if cache else default_cache_folder()
    prepared = prepare_masks(session.facts["data"], recipe, cache, lambda *counts: report("images", *counts))
    session.check_data(prepared.fingerprint)
    session.event(
        "start",
        name=session.name,
        recipe=asdict(recipe),
        device=device_name(),
        precision=dtype_policy(recipe.precision),
        num_classes=len(prepared.classes),
        num_train=len(prepared.train),
        num_validation=len(prepared.validation),
        num_rejected=len(prepared.rejected),
    )
    with training_context(recipe):
        outcome = _train(prepared, session, report)
    return _write(outcome, prepared, session, runs)


def _train(prepared: PreparedMasks, session: Session, report: StageProgress) -> SegmentOutcome:
    recipe = session.recipe
    encoder, model = build_model(recipe, len(prepared.classes))

    def outcome(before, history: list[dict], seconds: dict[str, float], stopped: bool) -> SegmentOutcome:
        used = for_use(model, recipe)
        result, worst = _judge(used, prepared, recipe)
        return SegmentOutcome(used, encoder.backbone, result, before, worst, history, seconds, stopped)

    if recipe.weights == "none":
        result = run_stage(scratch_stage(model, prepared, recipe), session, on_progress=report)
        return outcome(None, result.history, {"train_seconds": result.seconds}, result.stopped)
    found = session.read_checkpoint()
    if found is not None and found[1]["stage"] == "fine_tune":
        model.set_weights(found[0]["kept/head"])
        history, seconds, stopped = found[1]["extra"]["history"], found[1]["extra"]["seconds"], False
    elif recipe.head_epochs:
        result = run_stage(decoder_stage(encoder, model, prepared, recipe), session, on_progress=report)
        history, seconds, stopped = result.history, result.seconds, result.stopped
    else:
        history, seconds, stopped = [], 0.0, False
    times = {"head_seconds": seconds}
    if stopped or recipe.epochs == 0:
        return outcome(None, history, times, stopped)
    before = _judge(for_use(model, recipe), prepared, recipe)[0] if recipe.head_epochs else None
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


def _judge(model: keras.Model, prepared: PreparedMasks, recipe: SegmentRecipe):
    """Segments the pictures held out as wholes: how the model does, and the masks that came out worst."""
    segmenter = Segmenter(Run("trained", contract_of(recipe, prepared), model))
    counts, judged = SegmentationCounts(prepared.classes), []
    for index, file in enumerate(prepared.validation_files):
        image, true = _whole(prepared.validation[np.array([index])][0])
        predicted = segmenter.segment_whole(image).mask
        counts.add(true, predicted)
        score = image_mean_iou(true, predicted, len(prepared.classes))
        judged = sorted([*judged, WorstMask(file, image, true, predicted, score)], key=lambda mask: mask.mean_iou)
        judged = judged[:_WORST]
    return counts.result(), judged


def _whole(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes picture and mask off their canvas, `(side, side, 4)`."""
    inside = pair[..., 3] != 255
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    part = pair[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return np.ascontiguousarray(part[..., :3]), np.ascontiguousarray(part[..., 3])


def _write(outcome: SegmentOutcome, prepared: PreparedMasks, session: Session, runs) -> TrainedRun:
    """Writes the run; the folder of the training in progress goes if it came to its end."""
    metrics = metrics_of(outcome, prepared, session)
    notes = notes_of(outcome, prepared, session)
    session.event("end", stopped=outcome.stopped, metrics=metrics)
    facts = {"pictures trained on": f"{len(prepared.train):,}", "pictures held out": f"{len(prepared.validation):,}"}
    report = write_segment_report(
        session.name,
        outcome.result,
        outcome.before,
        outcome.history,
        outcome.worst,
        facts,
        notes,
        prepared.colours,
    )
    folder = write_run(
        runs,
        session.name,
        model=outcome.model,
        card=card_of(outcome, prepared, metrics, session),
        metrics=metrics,
        history=outcome.history,
        rejected=prepared.rejected,
        files={
            "report.html": report,
            "recipe.toml": write_recipe(session.recipe),
            "events.jsonl": (session.folder / "events.jsonl").read_text(encoding="utf-8"),
        },
    )
    keep_snapshots(session.folder, folder)
    if not outcome.stopped:
        session.remove()
    return TrainedRun(folder, metrics, prepared.rejected, {}, notes, outcome.stopped)


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
