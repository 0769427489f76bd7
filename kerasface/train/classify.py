"""Trains a classifier of people: a folder per identity in, a run out.

Transfer learning in its cheapest form: the backbone is frozen, so the features of every crop are computed once and
cached, and only a softmax head is trained on them.
"""

import datetime
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from kerasface import __version__
from kerasface.data.crops import CroppedFaces, crop_faces, embed_crops
from kerasface.data.folders import IdentityFolders, read_identity_folders, split_holdout
from kerasface.data.store import default_cache_folder
from kerasface.evaluation.classification import top_k_accuracy
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedding import FaceEmbedder
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.heads import build_classifier_head, cool, join
from kerasface.models.pretrained import weight_file
from kerasface.runs import DEFAULT_ROOT, check_name, write_run
from kerasface.train.report import Predictions, Temperature, cross_fitted_temperature, write_report

# Stage, done, total: "faces" (photos), "features" (crops), "head" (epochs).
StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ClassifyRecipe:
    """The settings of a training.

    Attributes:
        min_images: Identities with fewer images are left out.
        holdout: Share of each identity's images held out for validation, at least one.
        epochs: Passes over the features.
        batch_size: Features per step.
        learning_rate: Highest rate of AdamW; a cosine brings it to zero.
        weight_decay: AdamW's.
        label_smoothing: Share of the target's probability spread over all classes, in `[0, 1)`.
        seed: Seed of split, initial weights and shuffling.
    """

    min_images: int = 2
    holdout: float = 0.2
    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 0.01
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """What came of a training.

    Attributes:
        folder: The run's folder.
        metrics: Contents of its `metrics.json`.
        rejected: `(file, reason)` of every file that was not used.
        left_out: Identities left out: name to number of usable images.
    """

    folder: Path
    metrics: dict
    rejected: list[tuple[str, str]]
    left_out: dict[str, int]


@dataclass(frozen=True, eq=False)
class _Samples:
    """Features with their labels, in two parts; `held_out` are the positions of the validation crops among all."""

    names: list[str]
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    held_out: np.ndarray
    left_out: dict[str, int]


def train_classifier(
    data: str | Path,
    name: str,
    *,
    recipe: ClassifyRecipe | None = None,
    runs: str | Path = DEFAULT_ROOT,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
) -> TrainedRun:
    """Trains a classifier on a folder of people and writes the run `runs/name`.

    Args:
        data: Folder with one folder of photos per identity. Of a photo with several faces, the one nearest the
            centre is taken.
        name: Name of the run; one of the same name is replaced, and kept as `.<name>.previous`.
        recipe: The settings.
        runs: Folder of the runs.
        cache: Folder for crops and features; `default_cache_folder()` if not given.
        on_progress: Called with stage, done and total.

    Raises:
        ValueError: If the folder does not hold two identities with enough usable photos, or a setting is out of range.
        ModelFileError: If a pretrained weight file is missing or altered.
        RunError: If the name is no folder name or the run cannot be written.
    """
    recipe = recipe or ClassifyRecipe()
    report = on_progress or (lambda stage, done, total: None)
    check_name(name)
    _check(recipe)
    started = time.perf_counter()
    folders = read_identity_folders(data, min_images=recipe.min_images)
    detector, embedder = FaceDetector(), FaceEmbedder(mirror=False, precision="float32")
    cache = Path(cache) if cache else default_cache_folder()
    crops = crop_faces(folders.paths, detector, embedder, cache, lambda *counts: report("faces", *counts))
    features = embed_crops(crops, embedder, cache, lambda *counts: report("features", *counts))
    samples = _split(folders, crops, features, recipe)
    head_started = time.perf_counter()
    head, history = _train_head(samples, recipe, lambda *counts: report("head", *counts))
    head_seconds = time.perf_counter() - head_started
    rejected = [(str(path), reason) for path, reason in [*folders.rejected, *crops.rejected]]
    probabilities = head.predict(samples.validation[0], batch_size=1024, verbose=0)
    temperature = cross_fitted_temperature(probabilities, samples.validation[1])
    cool(head, temperature.value)
    metrics = {
        "top1": top_k_accuracy(probabilities, samples.validation[1], 1),
        "top5": top_k_accuracy(probabilities, samples.validation[1], 5),
        "ece_before": temperature.before.ece,
        "ece": temperature.after.ece,
        "num_classes": len(samples.names),
        "num_train": len(samples.train[1]),
        "num_validation": len(samples.validation[1]),
        "num_rejected": len(rejected),
        "num_left_out": len(samples.left_out),
        "num_crops_computed": crops.num_computed,
        "head_seconds": round(head_seconds, 3),
        "seconds": round(time.perf_counter() - started, 3),
    }
    folder = write_run(
        runs,
        name,
        model=join(build_face_resnet(), head),
        card=_card(samples, recipe, metrics, temperature, embedder, detector, Path(data)),
        metrics=metrics,
        history=history,
        rejected=rejected,
        report=write_report(
            name,
            metrics,
            history,
            _predictions(probabilities, samples, folders, crops),
            temperature,
            _notes(samples, rejected, recipe),
        ),
    )
    return TrainedRun(folder, metrics, rejected, samples.left_out)


def _check(recipe: ClassifyRecipe) -> None:
    rules = {
        "min_images": recipe.min_images >= 1,
        "holdout": 0 < recipe.holdout < 1,
        "epochs": recipe.epochs >= 1,
        "batch_size": recipe.batch_size >= 1,
        "learning_rate": recipe.learning_rate > 0,
        "weight_decay": recipe.weight_decay >= 0,
        "label_smoothing": 0 <= recipe.label_smoothing < 1,
        "seed": 0 <= recipe.seed < 2**32,
    }
    for field, holds in rules.items():
        if not holds:
            raise ValueError(f"{field} is out of range. Received: {field}={getattr(recipe, field)}.")


def _split(folders: IdentityFolders, crops: CroppedFaces, features: np.ndarray, recipe: ClassifyRecipe) -> _Samples:
    """Splits the usable crops; identities whose usable crops became too few are left out like those with few files."""
    labels = folders.labels[crops.positions]
    counts = np.bincount(labels, minlength=len(folders.identities))
    kept = np.flatnonzero(counts >= recipe.min_images)
    names = [folders.identities[label] for label in kept]
    left_out = folders.left_out | {
        name: int(count) for name, count in zip(folders.identities, counts, strict=True) if count < recipe.min_images
    }
    if len(kept) < 2:
        raise ValueError(
            f"Training needs at least two people with {recipe.min_images} usable photos each. Received: {len(kept)} in "
            f"{folders.root}; {len(crops.rejected)} photos could not be used, {len(left_out)} people were left out."
        )
    rows = np.flatnonzero(np.isin(labels, kept))
    features, labels = features[rows], np.searchsorted(kept, labels[rows])
    train, validation = split_holdout(labels, recipe.holdout, recipe.seed)
    if len(validation) == 0:
        raise ValueError(
            f"No photo can be held out: every person in {folders.root} has one usable photo. "
            "Give at least one of them a second one."
        )
    return _Samples(
        names=names,
        train=(features[train], labels[train]),
        validation=(features[validation], labels[validation]),
        held_out=rows[validation],
        left_out=left_out,
    )


def _train_head(samples: _Samples, recipe: ClassifyRecipe, report) -> tuple[keras.Model, list[dict]]:
    keras.utils.set_random_seed(recipe.seed)
    head = build_classifier_head(samples.train[0], len(samples.names))
    steps = -(-len(samples.train[1]) // recipe.batch_size) * recipe.epochs
    head.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps), weight_decay=recipe.weight_decay
        ),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    one_hot = np.eye(len(samples.names), dtype=np.float32)
    fitted = head.fit(
        samples.train[0],
        one_hot[samples.train[1]],
        validation_data=(samples.validation[0], one_hot[samples.validation[1]]),
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report(epoch + 1, recipe.epochs)),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    curves = fitted.history
    if not np.isfinite(curves["loss"]).all():
        raise ValueError(
            f"The loss became infinite in epoch {len(curves['loss'])}. Lower the learning rate. "
            f"Received: learning_rate={recipe.learning_rate}."
        )
    rows = zip(*curves.values(), strict=True)
    return head, [{"epoch": epoch, **dict(zip(curves, row, strict=True))} for epoch, row in enumerate(rows, start=1)]


def _predictions(
    probabilities: np.ndarray, samples: _Samples, folders: IdentityFolders, crops: CroppedFaces
) -> Predictions:
    return Predictions(
        probabilities=probabilities,
        labels=samples.validation[1],
        names=samples.names,
        files=[str(folders.paths[crops.positions[row]].relative_to(folders.root)) for row in samples.held_out],
        pictures=crops.store.array([crops.keys[row] for row in samples.held_out]),
    )


def _notes(samples: _Samples, rejected: list, recipe: ClassifyRecipe) -> list[str]:
    notes = ["Closed set: the model names one of these people for every face; strangers are not told apart yet."]
    if samples.left_out:
        notes.append(f"{len(samples.left_out)} people left out: fewer than {recipe.min_images} usable photos.")
    if rejected:
        notes.append(f"{len(rejected)} files not used; the reasons are in rejected.csv.")
    return notes


def _card(
    samples: _Samples, recipe: ClassifyRecipe, metrics: dict, temperature: Temperature, embedder, detector, data: Path
) -> dict:
    weights = weight_file(embedder.name)
    return {
        "task": "classify",
        "input": {
            "image_size": list(embedder.image_size),
            "alignment": embedder.alignment,
            "detector": detector.fingerprint,
            "values": "RGB, 0 to 255",
        },
        "backbone": embedder.name,
        "labels": samples.names,
        "metrics": metrics,
        "calibration": {
            "temperature": temperature.value,
            "applied": True,
            "ece_before": temperature.before.ece,
            "ece": temperature.after.ece,
            "num_images": len(samples.validation[1]),
        },
        "recipe": asdict(recipe),
        "data": {"folder": data.resolve().name, "num_left_out": len(samples.left_out)},
        "weights": [{"name": weights.name, "licence": weights.licence, "sha256": weights.sha256}],
        "versions": {"kerasface": __version__, "keras": keras.version(), "numpy": version("numpy")},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
