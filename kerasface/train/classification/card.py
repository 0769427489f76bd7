"""What a run says of itself: its card, its metrics, and what must be told in sentences."""

import datetime
from dataclasses import asdict, dataclass, replace

import keras
import numpy as np

from kerasface.data.folders import read_about
from kerasface.environment import versions
from kerasface.evaluation.classification import Temperature, top_k_accuracy
from kerasface.evaluation.names import as_name
from kerasface.evaluation.open_set import OpenSet
from kerasface.models.engines.graphs import device_name
from kerasface.runs.card import ModelCard, OpenSetThreshold
from kerasface.tasks.recognition import open_set_of, unknown_note
from kerasface.terminal.words import counted, some_names
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.judging import Judged
from kerasface.train.engine.network import weights_of
from kerasface.train.engine.session import Session
from kerasface.train.recipe import ClassifyRecipe


@dataclass(eq=False)
class Trained:
    """A trained classifier of images, before it is calibrated."""

    model: keras.Model
    judged: Judged
    history: list[dict]
    seconds: dict[str, float]
    stopped: bool
    comparison: dict | None = None  # fine-tuning against the frozen backbone
    class_means: np.ndarray | None = None  # of the embeddings, `(num_classes, dim)`; see `FrozenFeatures`


def metrics_of(
    trained: Trained, prepared: PreparedData, temperature: Temperature, strangers: OpenSet | None, session: Session
) -> dict:
    """Returns the contents of the run's `metrics.json`."""
    judged = trained.judged
    throughput = [row["images_per_second"] for row in trained.history]
    return {
        "top1": judged.top1,
        "top5": top_k_accuracy(judged.probabilities, judged.labels, 5),
        "temperature": temperature.value,
        "ece_before": temperature.before.ece,
        "ece": temperature.ece,
        "known_accepted": strangers and strangers.known_accepted,
        "unknown_accepted": strangers and strangers.unknown_accepted,
        "num_classes": len(prepared.names),
        "num_train": len(prepared.train),
        "num_validation": len(prepared.validation),
        "num_unknown": len(prepared.unknown),
        "num_rejected": len(prepared.rejected),
        "num_left_out": len(prepared.left_out),
        "num_moved": len(prepared.moved),
        "num_images_computed": prepared.num_computed,
        "images_per_second": round(float(np.median(throughput)), 1) if throughput else None,
        **{name: round(value, 3) for name, value in trained.seconds.items()},
        "seconds": round(session.seconds(), 3),
    }


def notes_of(
    trained: Trained,
    prepared: PreparedData,
    temperature: Temperature,
    card: ModelCard,
) -> list[str]:
    """Returns what must be said about the run, in sentences."""
    notes = [temperature.reason]
    if trained.stopped:
        notes.append("The training was stopped before its end; --resume goes on with it.")
    if trained.comparison and not trained.comparison["fine_tuned_kept"]:
        notes.append(
            "Fine-tuning made it worse on what was held out, or on what shows none of the classes; the frozen backbone "
            "with its head was kept."
        )
    notes += _of_strangers(card)
    if prepared.left_out:
        classes = counted(len(prepared.left_out), "class", "classes")
        notes.append(f"{classes} left out: fewer than {card.recipe['min_images']} usable images.")
    if prepared.rejected:
        notes.append(f"{counted(len(prepared.rejected), 'file')} not used; the reasons are in rejected.csv.")
    if len(prepared.moved) and not prepared.given:
        notes.append(
            f"Moved to the training side: {counted(len(prepared.moved), 'held-out image')} that would show what a "
            "training image shows."
        )
    notes += prepared.notes
    leaks = prepared.leaks
    if conflicts := len(leaks.two_labels_exact) + len(leaks.two_labels_near):
        notes.append(f"Under two names: {counted(conflicts, 'picture')}; see the report.")
    if len(leaks.shared_labels):
        notes.append(f"On both sides, through equal pictures: {counted(len(leaks.shared_labels), 'person')}.")
    return notes


def _of_strangers(card: ModelCard) -> list[str]:
    """What is to be said of what the model was not trained on."""
    notes = [unknown_note(card)]
    if card.open_set is None or card.open_set.default:
        outsiders = "strangers" if card.input.of_faces else "pictures of something else, by which it can learn to doubt"
        notes.append(f"Classes with too few images, or a folder given as `unknown`, serve as {outsiders}.")
    if shown := [as_name(name) for name in card.labels if as_name(name) != name]:
        count = "A class is named" if len(shown) == 1 else "Classes are named"
        notes.append(f"{count} {some_names(shown)}: to the model that is a name as any other.")
    return notes


def card_of(
    trained: Trained,
    prepared: PreparedData,
    recipe: ClassifyRecipe,
    metrics: dict,
    temperature: Temperature,
    strangers: OpenSet | None,
    session: Session,
) -> ModelCard:
    """Returns the run's card; what `write_run` fills in is left out."""
    card = ModelCard(
        task="classify",
        input=prepared.input,
        backbone=recipe.backbone,
        labels=tuple(prepared.names),
        metrics=metrics,
        calibration=temperature.to_dict(),
        fine_tuned=recipe.epochs > 0 and not (trained.comparison and not trained.comparison["fine_tuned_kept"]),
        weights=weights_of(recipe),
        open_set=strangers and OpenSetThreshold(score=trained.judged.score, **strangers.to_dict()),
        **provenance(prepared, session),
    )
    if strangers is not None:
        return card
    with_means = card
    if trained.class_means is not None:
        with_means = replace(card, class_means=trained.class_means.round(5).tolist())
    found = open_set_of(with_means)
    return replace(with_means, open_set=found) if found else card


def provenance(prepared: PreparedData, session: Session) -> dict:
    """Returns the part of every card that says where a run comes from: settings, data, code, versions, device, time."""
    return {
        "recipe": asdict(session.recipe),
        "data": {
            "folder": prepared.root.resolve().name,
            "fingerprint": session.facts["fingerprint"],
            **read_about(prepared.root if prepared.root.is_dir() else prepared.root.parent),
        },
        "code": session.facts["code"],
        "versions": versions() | {"backend": keras.backend.backend()},
        "device": device_name(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
