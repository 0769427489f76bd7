"""Which models the page Architectures takes apart, and what they cost: counted once, and shared as it is no secret."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import streamlit as st

from kerasface.inspection.cost.arithmetic import LayerRecord, ModelCost, layer_table, model_cost
from kerasface.inspection.cost.comparison import build_by_name
from kerasface.inspection.cost.worked import Worked, worked_sums
from kerasface.models.backbones import APPLICATIONS
from kerasface.models.efficientnet_lite import LITE0
from kerasface.models.shipped import IMAGE_SIZE
from kerasface.models.unet import build_encoder, build_unet
from kerasface.models.zoo import ARCHITECTURES
from kerasface.runs.store import list_runs, load_run
from pages.parts.listed_runs import show_broken_runs

# Larger ones would give a dense layer on all pixels more than a gigabyte of weights.
SIDES = (32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 299, 320, 384)
SIDE = 224  # pixels; that of most published numbers
UNET_ENCODERS = ("plain", "face_resnet", LITE0, "MobileNetV2")
UNET_CLASSES = 6  # as the face parts have


@dataclass(frozen=True)
class Choice:
    """A model that can be taken apart.

    Attributes:
        name: An architecture, as `build_by_name` takes it; `"unet"`; or the backbone of a run, empty if it has none.
        encoder: Of a U-Net.
        run: Folder with the runs, name of one, and the hash of its model; None of an architecture.
        fixed: Whether its size is its own.
    """

    name: str
    encoder: str = ""
    run: tuple[str, str, str] | None = None
    fixed: bool = False


@dataclass(frozen=True)
class Costs:
    """A model in numbers, for one image.

    Attributes:
        image_size: Height and width in pixels.
        records: Its layers.
        sums: How their numbers come about, by the name of the layer.
        total: Of all layers.
    """

    image_size: tuple[int, int]
    records: tuple[LayerRecord, ...]
    sums: dict[str, Worked]
    total: ModelCost


def list_choices() -> dict[str, Choice]:
    """All models by what they are called on the page: the zoo, U-Nets, the user's own, `keras.applications`."""
    summaries = list_runs()
    show_broken_runs(summaries)
    found = {name: Choice(name) for name in ARCHITECTURES}
    found["face_resnet"] = Choice("face_resnet", fixed=True)
    found[LITE0] = Choice(LITE0)
    found |= {f"U-Net on {encoder}": Choice("unet", encoder) for encoder in UNET_ENCODERS}
    for summary in (summary for summary in summaries if summary.card):
        place = str(summary.path.parent.absolute()), summary.name, summary.card.model_sha256
        name = "unet" if summary.card.task == "segment" else summary.card.backbone or ""
        found[f"{summary.name} (trained here)"] = Choice(name, run=place, fixed=True)
    return found | {name: Choice(name) for name in APPLICATIONS}


@st.cache_data(show_spinner=False, max_entries=100)
def costs_of(choice: Choice, side: int) -> Costs:
    """Builds a model and takes it apart; the model itself, which may have a gigabyte, is not kept.

    Args:
        choice: Which one.
        side: Height and width of the image, for a model whose size is not fixed.

    Raises:
        ValueError: If it does not take images of this size, or has no graph of layers.
        RunError: If the run cannot be loaded.
    """
    model, size = _built(choice, side)
    records = tuple(layer_table(model, size))
    return Costs(tuple(records[0].output_shape[:2]), records, worked_sums(model, records), model_cost(records))


def named_costs(name: str, side: int) -> Costs:
    """As `costs_of`, for the name of an architecture; `face_resnet` keeps its size."""
    own = name == "face_resnet"
    return costs_of(Choice(name, fixed=own), IMAGE_SIZE[0] if own else side)


def _built(choice: Choice, side: int) -> tuple[keras.Model, Sequence[int] | None]:
    """The model, and the size that it is to take where its own input leaves it open."""
    if choice.run:
        run = load_run(*choice.run[:2])
        open_size = None in run.model.inputs[0].shape[1:3]
        return run.model, run.card.input.image_size if open_size else None
    size = (side, side)
    if choice.name == "unet":
        return build_unet(UNET_CLASSES, build_encoder(choice.encoder, size)), None
    return build_by_name(choice.name, None if choice.fixed else size), None
