"""A metric training of a network from random weights: everything is trained, and compared with raw pixels."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from kerasface.models.engines.graphs import with_dtype_policy
from kerasface.models.heads import build_scratch_embedder
from kerasface.train.classification.data import PreparedData
from kerasface.train.engine.driver import StageProgress
from kerasface.train.engine.loop import run_stage
from kerasface.train.engine.network import network_of
from kerasface.train.engine.session import Session
from kerasface.train.metric_learning.card import MetricOutcome
from kerasface.train.metric_learning.judging import JudgedEmbeddings, cohort_after, judge_embeddings
from kerasface.train.metric_learning.stages import (
    embed_images,
    held_out_loss,
    scratch_stage,
    training_people,
    watched_margin,
)
from kerasface.train.metric_learning.watch import Watch, past_alarms, watched_rows

_PIXELS = 16  # side of the gray pictures that raw pixels are compared in
_BLOCK = 1024


def train_from_scratch(prepared: PreparedData, session: Session, report: StageProgress) -> MetricOutcome:
    """Trains a network whose weights begin at random.

    Args:
        prepared: Images of people to train on, and of others to judge on.
        session: With a resolved recipe of `weights="none"`.
        report: Told how far the stage is.
    """
    recipe = session.recipe
    model = build_scratch_embedder(network_of(recipe).model, recipe.dim)
    embed = embed_images(model)
    sides = {"train": prepared.train, "validation": prepared.validation}
    images = {name: prepared.images.part(part) for name, part in sides.items()}
    labels = {name: prepared.labels[part] for name, part in sides.items()}
    rows = {name: watched_rows(labels[name], "train", recipe.seed) for name in sides}
    watch = Watch(
        embed,
        images["train"][rows["train"]],
        labels["train"][rows["train"]],
        watched_margin(recipe),
        recipe.loss,
        session,
    )
    start = watch.start
    distances = start.genuine_distance, start.impostor_distance
    people = training_people(images["train"], prepared, embed(images["train"]), distances)
    loss = held_out_loss(recipe, distances)
    held_out, theirs = images["validation"][rows["validation"]], labels["validation"][rows["validation"]]

    def validate() -> dict:
        return {"val_loss": loss(embed(held_out), theirs), **watch()}

    result = run_stage(scratch_stage(model, people, recipe, validate), session, on_progress=report)
    judged = {
        "pixels": _judged(_pixels, images, labels, recipe.seed),
        "trained": _judged(embed, images, labels, recipe.seed),
    }
    summaries = {name: found["validation"].summary() for name, found in judged.items()}
    session.event("comparison", kept="trained", **summaries)
    return MetricOutcome(
        model=with_dtype_policy(model, "float32"),
        kept="trained",
        held_out={name: found["validation"] for name, found in judged.items()},
        trained_on={name: found["train"] for name, found in judged.items()},
        history=result.history,
        alarms=past_alarms(result.history, {"train": start}, watched_margin(recipe), recipe.loss),
        seconds={"train_seconds": result.seconds},
        stopped=result.stopped,
    )


def _judged(embed: Callable[[np.ndarray], np.ndarray], images, labels, seed: int) -> dict[str, JudgedEmbeddings]:
    embeddings = {name: embed(part) for name, part in images.items()}
    normalizer = cohort_after(embeddings["train"], seed)
    judged = partial(judge_embeddings, seed=seed, normalizer=normalizer)
    return {name: judged(embeddings[name], labels[name]) for name in images}


def _pixels(images) -> np.ndarray:
    """What can be told without any learning: gray pictures of 16 x 16 pixels, less their mean, at length 1."""
    small = []
    for start in range(0, len(images), _BLOCK):
        for image in images[start : start + _BLOCK]:
            gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            small.append(cv2.resize(gray, (_PIXELS, _PIXELS), interpolation=cv2.INTER_AREA).reshape(-1))
    pictures = np.array(small, dtype=np.float32)
    pictures -= pictures.mean(axis=1, keepdims=True)
    return pictures / np.maximum(np.linalg.norm(pictures, axis=1, keepdims=True), 1e-6)
