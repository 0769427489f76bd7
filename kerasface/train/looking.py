"""What one looks at before a training: augmented images, and how the loss answers to the learning rate."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.data.augmentation import preview_sheet
from kerasface.files.paths import default_cache_folder
from kerasface.files.writing import write_atomically
from kerasface.plotting.training import learning_rate_search
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.defaults import resolve
from kerasface.train.classification.stages import fine_tune_stage, head_stage, image_stage, scratch_model
from kerasface.train.classification.training import STEPS
from kerasface.train.engine.find_lr import find_learning_rate
from kerasface.train.engine.frozen import FrozenFeatures, build_head, joined
from kerasface.train.engine.loop import Stage
from kerasface.train.engine.precision import training_context
from kerasface.train.recipe import ClassifyRecipe

StageProgress = Callable[[str, int, int], None]
_PREVIEWED = 32  # images on the sheet


def write_preview(
    data: str | Path,
    recipe: ClassifyRecipe,
    path: str | Path,
    *,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
) -> None:
    """Writes a PNG of augmented training images with their soft labels, as the recipe would make them.

    Args:
        data: Folder with one folder of images per class.
        recipe: The settings.
        path: The file.
        cache: Folder for images; `default_cache_folder()` if not given.
        on_progress: Called with stage, done and total.

    Raises:
        ValueError: If data or recipe cannot be trained on.
    """
    recipe, cache, report = _settled(recipe, cache, on_progress)
    prepared = STEPS.prepare(data, recipe, cache, lambda *counts: report("images", *counts))
    content = io.BytesIO()
    Image.fromarray(draw_preview(prepared, recipe)).save(content, format="PNG")
    write_atomically(Path(path), content.getvalue())


def draw_preview(prepared: PreparedData, recipe: ClassifyRecipe, *, columns: int = 8) -> np.ndarray:
    """Returns a sheet of augmented training images with their soft labels, RGB uint8, `(height, width, 3)`.

    Args:
        prepared: The images.
        recipe: A resolved recipe.
        columns: Images in a row.
    """
    rows = np.random.default_rng(recipe.seed).permutation(prepared.train)[:_PREVIEWED]
    return preview_sheet(
        prepared.images[rows],
        prepared.labels[rows],
        prepared.names,
        recipe.augment,
        mix=recipe.mix,
        mixup_alpha=recipe.mixup_alpha,
        flip=recipe.flip,
        seed=recipe.seed,
        num_columns=columns,
    )


def search_learning_rate(
    data: str | Path,
    recipe: ClassifyRecipe,
    path: str | Path,
    *,
    cache: str | Path | None = None,
    on_progress: StageProgress | None = None,
) -> float:
    """Writes the figure of a learning-rate search for the stage that the recipe trains last, and returns the rate.

    For a recipe with `epochs` that is `learning_rate`, else `head_learning_rate`. Arguments as `write_preview`.

    Raises:
        ValueError: If data or recipe cannot be trained on, or the loss never falls.
    """
    recipe, cache, report = _settled(recipe, cache, on_progress)
    recipe = replace(recipe, schedule="constant", head_epochs=recipe.head_epochs or int(recipe.pretrained))
    prepared = STEPS.prepare(data, recipe, cache, lambda *counts: report("images", *counts))
    with training_context(recipe):
        stage = _last_stage(prepared, recipe, cache, report)
        found = find_learning_rate(
            stage.model,
            stage.batches(0, 0),
            loss=stage.model.loss,
            optimizer=stage.model.optimizer,
            on_progress=lambda *counts: report("search", *counts),
        )
    figure = learning_rate_search(found.rates, found.losses, found.smoothed, found.suggestion)
    write_atomically(Path(path), figure.to_html().encode())
    return found.suggestion


def _settled(recipe: ClassifyRecipe, cache, on_progress) -> tuple[ClassifyRecipe, Path, StageProgress]:
    nothing = on_progress or (lambda stage, done, total: None)
    return resolve(recipe), Path(cache) if cache else default_cache_folder(), nothing


def _last_stage(prepared: PreparedData, recipe: ClassifyRecipe, cache: Path, report: StageProgress) -> Stage:
    if not recipe.pretrained:
        return image_stage("train", scratch_model(prepared, recipe), prepared, recipe, dict)
    features = FrozenFeatures(prepared, recipe, cache, lambda *counts: report("features", *counts))
    head = build_head(features, prepared, recipe)
    if recipe.epochs:
        return fine_tune_stage(features.backbone, joined(features, head), prepared, recipe, dict)[0]
    return head_stage(head, features, prepared, recipe, dict)
