"""Frozen means frozen: which blocks of a backbone are trained, and whether the others stayed as they were."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras
from keras import ops

from kerasface.models.backbones import Backbone, Block


@dataclass(frozen=True)
class FreezeRecord:
    """A line of the freeze map.

    Attributes:
        block: Name of the block.
        num_params: Its weights.
        num_trainable: Those of them that training changes.
        trainable: Whether the block is trained.
        batch_norm: `"frozen"`: its BatchNorm layers keep scale, shift and statistics, and use these in training
            too; `"none"`: it has no such layer.
    """

    block: str
    num_params: int
    num_trainable: int
    trainable: bool
    batch_norm: str


def freeze(backbone: Backbone, trainable_blocks: int) -> list[FreezeRecord]:
    """Freezes all but the last blocks, and every BatchNorm layer everywhere; compile the model afterwards.

    Keras keeps a BatchNorm layer in inference mode during `fit` only where the layer itself is not trainable, and
    setting a model trainable does not reach layers that were frozen one by one: so each layer is set on its own.

    Args:
        backbone: Its model is changed, also as a part of other models.
        trainable_blocks: How many blocks from the end stay trainable, from 0 to all.

    Returns:
        The freeze map: one record per block, in forward order.

    Raises:
        ValueError: If the backbone has fewer blocks.
    """
    count = len(backbone.blocks)
    if not 0 <= trainable_blocks <= count:
        raise ValueError(
            f"{backbone.name} has {count} blocks. Received: trainable_blocks={trainable_blocks}; choose 0 to {count}."
        )
    backbone.model.trainable = True  # a frozen model hides the trainable weights of its layers
    return [
        _freeze_block(backbone.model, block, trainable=index >= count - trainable_blocks)
        for index, block in enumerate(backbone.blocks)
    ]


def weights_fingerprint(model: keras.Model) -> str:
    """Returns the SHA-256 over all weights and their paths: features computed with equal weights are equal."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(f"{weight.path} {_digest(weight)}\n".encode())
    return digest.hexdigest()


def frozen_state(model: keras.Model) -> dict[str, dict[str, str]]:
    """Fingerprints what must not move in training: the weights, statistics included, of layers that are not trainable.

    Call it after `freeze`, and `check_frozen` after the first step.

    Returns:
        For each such layer, by its name, the SHA-256 of each of its weights, by their path.
    """
    return {
        path: {weight.path: _digest(weight) for weight in layer.weights}
        for path, layer in leaves(model)
        if layer.weights and not layer.trainable
    }


def check_frozen(model: keras.Model, state: dict[str, dict[str, str]]) -> None:
    """Checks that no weight in `state`, a result of `frozen_state(model)`, has moved since.

    Raises:
        RuntimeError: If one has: it names the layers and weights.
    """
    current = dict(leaves(model))
    moved = [
        f"{path} ({weight.name})"
        for path, digests in state.items()
        for weight in current[path].weights
        if _digest(weight) != digests[weight.path]
    ]
    if moved:
        raise RuntimeError(
            f"Frozen weights moved: {', '.join(moved)}. Compile the model after freezing it, and freeze BatchNorm "
            "layers one by one."
        )


def _freeze_block(model: keras.Model, block: Block, trainable: bool) -> FreezeRecord:
    parts = [layer for name in block.layers for layer in _with_parts(model.get_layer(name))]
    norms = 0
    for layer in parts:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = trainable and not is_norm
        norms += is_norm
    outer = [model.get_layer(name) for name in block.layers]
    return FreezeRecord(
        block=block.name,
        num_params=sum(layer.count_params() for layer in outer),
        num_trainable=sum(math.prod(weight.shape) for layer in outer for weight in layer.trainable_weights),
        trainable=trainable,
        batch_norm="frozen" if norms else "none",
    )


def _with_parts(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    yield layer
    for _, part in leaves(layer) if isinstance(layer, keras.Model) else ():
        yield part


def leaves(model: keras.Model) -> Iterator[tuple[str, keras.layers.Layer]]:
    """Yields every layer with its name; one in a nested model as `outer/inner`."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from ((f"{layer.name}/{path}", part) for path, part in leaves(layer))
        else:
            yield layer.name, layer


def _digest(weight: keras.Variable) -> str:
    return hashlib.sha256(ops.convert_to_numpy(weight).tobytes()).hexdigest()
