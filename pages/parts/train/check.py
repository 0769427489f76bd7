"""What the page Train finds in the pictures before a training: broken ones, duplicates, and how augmentation looks."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.files.paths import default_cache_folder
from kerasface.models.pretrained import ModelFileError
from kerasface.plotting.segmentation import data_url
from kerasface.plotting.training import class_balance
from kerasface.runs.records import RunError
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from kerasface.train.classification.data import PreparedData
from kerasface.train.data_check import DataCheck, check_data, holds_people_out
from kerasface.train.looking import draw_preview
from kerasface.train.metric_learning.recipe import MetricRecipe
from kerasface.train.recipe import ClassifyRecipe
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask
from pages.parts.settings import settings_in_words
from pages.parts.train.data import show_files
from pages.parts.train.kinds import PageKind

# What `prepare` reads, and what the preview depends on besides.
READ = ("faces", "image_size", "min_images", "validation", "holdout", "groups", "unknown", "curation", "seed")
DRAWN = ("augment", "mix", "mixup_alpha", "flip", "seed")
GROUPS, BEHIND = 12, 6  # duplicates shown, and pictures of each
SIDE = 72  # pixels of one
_CHECK = "train_check"  # the button's key
_REDRAW = 0.15  # seconds between two states of the bar
_TELLING = 3.0  # seconds, from which on the speed so far says something


@dataclass(frozen=True, eq=False)
class _Looked:
    prepared: PreparedData
    check: DataCheck
    sheets: dict  # by the settings of augmentation


def show_check(kind: PageKind, data: Path, recipe: ClassifyRecipe | MetricRecipe):
    """A button; then the bar of what is decoded; then what was found. What was computed stays for a training."""
    shown = _as_shown(recipe)
    key = (str(data), kind.name, recipe.backbone, *(getattr(shown, name) for name in READ))
    looked = st.session_state.get("train_looked", ((None,), None))
    if looked[0] != key:
        place = st.empty()
        with place.container():
            st.markdown(
                "Decode every picture, find what is broken or there twice, and see what augmentation makes of it."
            )
            if not ask("Check the pictures", icon=":material/fact_check:", key=_CHECK):
                return
        found = _look(kind, data, recipe, place)
        answered(_CHECK)
        if found is None:
            return
        st.session_state["train_looked"] = key, found
        st.rerun()
    _show(looked[1], shown)


def _as_shown(recipe: ClassifyRecipe | MetricRecipe) -> ClassifyRecipe:
    """The settings that say how pictures are read, split and augmented."""
    if isinstance(recipe, ClassifyRecipe):
        return recipe
    split = {
        "validation": recipe.validation,
        "holdout": recipe.holdout,
        "augment": recipe.augment,
        "flip": recipe.flip,
        "classifier": "cosine",
    }
    return replace(recipe.for_reading(), **split)


def _look(kind: PageKind, data: Path, recipe: ClassifyRecipe | MetricRecipe, place) -> _Looked | None:
    with place.container():
        bar = st.progress(0.0, text="Reading the pictures")
        st.button("Stop", icon=":material/stop:", on_click=answered, args=(_CHECK,), key="train_check_stop")
    try:
        prepared = kind.kind.steps().prepare(data, recipe, default_cache_folder(), _reporter(bar))
        bar.progress(1.0, text="Comparing the pictures with one another")
        found = _Looked(prepared, check_data(prepared, _as_shown(recipe)), {})
    except (ValueError, OSError, ModelFileError, RunError) as error:
        place.error(plain(settings_in_words(told(error))), icon=":material/block:")
        return None
    return found


def _reporter(bar):
    began, drawn = time.monotonic(), 0.0

    def report(done: int, total: int):
        nonlocal drawn
        now = time.monotonic()
        if now - drawn < _REDRAW:
            return
        drawn = now
        left = ""
        if done and now - began > _TELLING:
            left = f", {in_words((now - began) / done * (total - done))} left"
        bar.progress(done / total if total else 1.0, text=f"Picture {done:,} of {total:,}{left}")

    return report


def in_words(seconds: float) -> str:
    """A time for people: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _show(looked: _Looked, recipe: ClassifyRecipe):
    prepared, check = looked.prepared, looked.check
    with st.container(horizontal=True):
        for name, value in {
            "Classes": len(prepared.names),
            "To learn from": len(prepared.train),
            "Held out": len(prepared.validation),
            "Of strangers": len(prepared.unknown),
            "Not used": len(prepared.rejected),
            "Duplicates": sum(len(group) - 1 for group in [*check.exact, *check.near]),
        }.items():
            st.metric(name, f"{value:,}", width="content")
    for sentence in check.warnings:
        st.warning(plain(settings_in_words(sentence)), icon=":material/warning:")
    if not check.warnings:
        st.success("Nothing stands against a training on these pictures.", icon=":material/check:")
    show_chart(
        class_balance(prepared.balance()),
        key="train_balance",
        alt="How many pictures each class has, to learn from and held out",
    )
    show_files(counted(len(prepared.rejected), "file is not used", "files are not used"), prepared.rejected)
    left_out = [(name, f"{count} usable pictures") for name, count in prepared.left_out.items()]
    if not holds_people_out(prepared):
        few = f"fewer than {recipe.min_images} pictures, and"
        title = counted(len(left_out), f"class has {few} serves as strangers", f"classes have {few} serve as strangers")
        show_files(title, left_out)
    _show_duplicates("of equal files", prepared, check.exact)
    _show_duplicates("of pictures that look the same", prepared, check.near)
    with st.expander("What augmentation makes of them, with the labels it trains on", expanded=True):
        st.image(
            _sheet(looked, recipe),
            caption="Each picture is changed anew in every epoch.",
            width="stretch",
            alt="Pictures of the folder after augmentation, several times each",
        )


def _sheet(looked: _Looked, recipe: ClassifyRecipe) -> np.ndarray:
    key = tuple(getattr(recipe, name) for name in DRAWN)
    if key not in looked.sheets:
        with st.spinner("Augmenting"):
            looked.sheets.clear()
            looked.sheets[key] = draw_preview(looked.prepared, recipe)
    return looked.sheets[key]


def _show_duplicates(what: str, prepared: PreparedData, groups: list[np.ndarray]):
    if not groups:
        return
    with st.expander(f"{counted(len(groups), 'group')} {what}"):
        st.caption("All pictures of a group are kept on one side: to learn from, or held out.")
        for group in groups[:GROUPS]:
            with st.container(border=True, horizontal=True):
                for index, picture in zip(group[:BEHIND], prepared.images[group[:BEHIND]], strict=True):
                    file = prepared.files[index]
                    with st.container(width=SIDE + 40, gap=None):
                        st.image(data_url(picture), width=SIDE, alt=file)
                        st.caption(plain(file))
        if len(groups) > GROUPS:
            st.caption(f"The first {GROUPS} are shown.")
