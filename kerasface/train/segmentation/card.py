"""What a segmentation run says of itself: its card, its metrics, and what must be told in sentences."""

from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasface.evaluation.segmentation import SegmentationResult
from kerasface.models.backbones import Backbone
from kerasface.runs.card import ModelCard, ModelInput
from kerasface.terminal.words import counted
from kerasface.train.classification.card import provenance
from kerasface.train.engine.network import weights_of
from kerasface.train.engine.session import Session
from kerasface.train.segmentation.data import PreparedMasks
from kerasface.train.segmentation.recipe import SegmentRecipe
from kerasface.train.segmentation.report import WorstMask


@dataclass(frozen=True, eq=False)
class SegmentOutcome:
    """What came of a segmentation training.

    Attributes:
        model: The model to keep, in float32.
        backbone: What its encoder was built of.
        result: How it does on the pictures held out, at the size in which they are stored.
        before: The same of the decoder on the frozen encoder; `None` where that was no stage.
        worst: The masks that came out worst, the worst first.
        history: One row per epoch.
        seconds: Seconds of each stage.
        stopped: Whether it was stopped before its end; it can be resumed then.
    """

    model: keras.Model
    backbone: Backbone
    result: SegmentationResult
    before: SegmentationResult | None
    worst: list[WorstMask]
    history: list[dict]
    seconds: dict[str, float]
    stopped: bool


def metrics_of(outcome: SegmentOutcome, prepared: PreparedMasks, session: Session) -> dict:
    """Returns the contents of the run's `metrics.json`."""
    result = outcome.result
    throughput = [row["images_per_second"] for row in outcome.history]
    return {
        **{name: value for name, value in result.to_dict().items() if name not in ("confusion", "classes")},
        "before_fine_tuning": outcome.before
        and {
            "pixel_accuracy": outcome.before.pixel_accuracy,
            "mean_iou": outcome.before.mean_iou,
        },
        "num_train": len(prepared.train),
        "num_validation": len(prepared.validation),
        "num_rejected": len(prepared.rejected),
        "num_moved": len(prepared.moved),
        "images_per_second": round(float(np.median(throughput)), 1) if throughput else None,
        **{name: round(value, 3) for name, value in outcome.seconds.items()},
        "seconds": round(session.seconds(), 3),
    }


def notes_of(outcome: SegmentOutcome, prepared: PreparedMasks, session: Session) -> list[str]:
    """Returns what must be said about the run, in sentences."""
    notes = []
    if outcome.stopped:
        notes.append("The training was stopped before its end; --resume goes on with it.")
    if session.recipe.groups is None and session.recipe.validation is None:
        notes.append(
            "Pictures were held out one by one: if several show the same person, the figures flatter the model. "
            "`groups` holds persons out."
        )
    if prepared.rejected:
        notes.append(f"{counted(len(prepared.rejected), 'file')} not used; the reasons are in rejected.csv.")
    if prepared.moved:
        notes.append(
            f"Left out: {counted(len(prepared.moved), 'picture')} held out, of which the training side has copies."
        )
    missing = [name for name, value in outcome.result.iou.items() if value is None]
    if missing:
        notes.append(f"No picture held out shows {', '.join(missing)}: nothing is known about how well it is found.")
    return notes


def card_of(outcome: SegmentOutcome, prepared: PreparedMasks, metrics: dict, session: Session) -> ModelCard:
    """Returns the run's card; what `write_run` fills in is left out."""
    return replace(
        contract_of(session.recipe, prepared),
        metrics=metrics,
        weights=weights_of(session.recipe),
        **provenance(prepared, session),
    )


def contract_of(recipe: SegmentRecipe, prepared: PreparedMasks) -> ModelCard:
    """Returns the part of the card that is known before the training: what the model takes and gives."""
    size = (recipe.image_size, recipe.image_size)
    return ModelCard(
        task="segment",
        input=ModelInput(kind="segment", image_size=size, values="RGB, 0 to 255", context=recipe.context),
        backbone=recipe.encoder,
        labels=tuple(prepared.classes),
        colours=tuple(map(tuple, prepared.colors)),
    )
