"""What a segmentation run says of itself: its card, its metrics, and what must be told in sentences."""

from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasface.data.folders import read_about
from kerasface.evaluation.segmentation import SegmentationResult
from kerasface.models.backbones import Backbone
from kerasface.runs.card import ModelCard, ModelInput
from kerasface.terminal.words import counted
from kerasface.train.classification.card import provenance
from kerasface.train.engine.network import weights_of
from kerasface.train.engine.session import Session
from kerasface.train.segmentation.data import PreparedMasks
from kerasface.train.segmentation.recipe import SegmentRecipe
from kerasface.train.segmentation.report import JudgedSet
from kerasface.train.segmentation.sets import LearnedSet


@dataclass(frozen=True, eq=False)
class SegmentOutcome:
    """What came of a segmentation training.

    Attributes:
        model: The model to keep, in float32.
        backbone: What its encoder was built of.
        sets: How it does on the pictures held out of each set, at the size in which they are stored, by its own labels.
        before: The same of the first set, before the encoder's last blocks were trained: of the decoder on the frozen
            encoder, or of the segmentation that it went on from; `None` where there was neither.
        history: One row per epoch.
        seconds: Seconds of each stage.
        stopped: Whether it was stopped before its end; it can be resumed then.
        whole: Whether it went on from a segmentation with its decoder.
    """

    model: keras.Model
    backbone: Backbone
    sets: tuple[JudgedSet, ...]
    before: SegmentationResult | None
    history: list[dict]
    seconds: dict[str, float]
    stopped: bool
    whole: bool = False

    @property
    def result(self) -> SegmentationResult:
        """How it does on the first set, whose classes are the model's."""
        return self.sets[0].rates.result


def metrics_of(outcome: SegmentOutcome, prepared: PreparedMasks, session: Session) -> dict:
    """Returns the contents of the run's `metrics.json`."""
    result = outcome.result
    throughput = [row["images_per_second"] for row in outcome.history]
    return {
        **_figures(result),
        **_figures_by_set(outcome),
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


def _figures(result: SegmentationResult) -> dict:
    return {name: value for name, value in result.to_dict().items() if name not in ("confusion", "classes")}


def _figures_by_set(outcome: SegmentOutcome) -> dict:
    """The figures of every set, where there are several: those above are of the first."""
    if len(outcome.sets) == 1:
        return {}
    return {"sets": {each.name: {**_figures(each.rates.result), "num_train": each.num_train} for each in outcome.sets}}


def notes_of(outcome: SegmentOutcome, prepared: PreparedMasks, session: Session) -> list[str]:
    """Returns what must be said about the run, in sentences."""
    notes = []
    if outcome.stopped:
        notes.append("The training was stopped before its end; --resume goes on with it.")
    if outcome.whole:
        notes.append(f"It went on from {session.recipe.encoder} with its decoder, which has no stage of its own then.")
    if unknown := [each.name for each in prepared.sets if not each.person_known]:
        of = f" of {', '.join(unknown)}" if len(prepared.sets) > 1 else ""
        notes.append(
            f"Pictures{of} were held out one by one: if several show the same person, the figures flatter the model. "
            "`groups` holds persons out."
        )
    if prepared.rejected:
        notes.append(f"{counted(len(prepared.rejected), 'file')} not used; the reasons are in rejected.csv.")
    if prepared.moved:
        notes.append(
            f"Left out: {counted(len(prepared.moved), 'picture')} held out, of which the training side has copies."
        )
    for each in outcome.sets:
        if missing := [name for name, value in each.rates.result.iou.items() if value is None]:
            of = f" of {each.name}" if len(outcome.sets) > 1 else ""
            notes.append(
                f"No picture held out{of} shows {', '.join(missing)}: nothing is known about how well it is found."
            )
    return notes


def card_of(outcome: SegmentOutcome, prepared: PreparedMasks, metrics: dict, session: Session) -> ModelCard:
    """Returns the run's card; what `write_run` fills in is left out."""
    stated = provenance(prepared, session)
    if len(prepared.sets) > 1:
        stated["data"]["sets"] = [_stated(each) for each in prepared.sets]
    return replace(contract_of(session.recipe, prepared), metrics=metrics, weights=weights_of(session.recipe), **stated)


def _stated(each: LearnedSet) -> dict:
    """What the card says of one set among several."""
    stands_for = {
        label: [each.map.classes[index] for index in meant]
        for label, meant in zip(each.map.labels, each.map.stands_for, strict=True)
    }
    about = read_about(each.root)
    return {"name": each.name, "share": each.share, "coarse": each.map.coarse, "labels": stands_for, **about}


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
