"""The network that a training will build, on the page Train: its blocks in a row, frozen, trained and new."""

import html
from dataclasses import asdict
from itertools import groupby

import streamlit as st

from kerasface.models.pretrained import ModelFileError
from kerasface.runs.records import RunError
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted, rounded
from kerasface.train.kinds import KINDS
from kerasface.train.plan import COMPUTED, FROZEN, NEW, TRAINED, PlannedBlock, TrainingPlan, plan_training
from kerasface.train.recipe import build_recipe
from pages.parts.photos import plain
from pages.parts.settings import settings_in_words

MOST = 4  # blocks of one state in a row that are all shown; of more the first and the last
CSS = """
.kf-plan { display: flex; flex-wrap: wrap; gap: 0.35rem; align-items: stretch; padding: 0 !important; margin: 0;
  list-style: none; }
.kf-plan li { border: 1px solid; border-radius: 0.4rem; padding: 0.3rem 0.55rem; font-size: 0.8rem; line-height: 1.25;
  margin: 0; overflow-wrap: anywhere; max-width: 11rem; }
.kf-plan b { display: block; font-size: 0.875rem; }
.kf-plan .frozen, .kf-plan .computed { border-color: rgba(128, 140, 138, 0.6); background: rgba(128, 140, 138, 0.14); }
.kf-plan .trained { border-color: #2a9d8f; background: rgba(42, 157, 143, 0.22); }
.kf-plan .new { border-color: #d97757; background: rgba(217, 119, 87, 0.2); }
.kf-plan .end { border-style: dashed; border-color: rgba(128, 140, 138, 0.6); align-self: center; }
"""
WORDS = {
    FROZEN: "frozen",
    TRAINED: "trained further",
    NEW: "trained from random weights",
    COMPUTED: "computed, not trained",
}


def show_plan(kind: str, recipe, *, num_images: int, num_classes: int):
    """Draws the blocks, and says in which stages they are trained."""
    settings = {name: value for name, value in asdict(recipe).items() if value is not None}
    try:
        with st.spinner("Building the network once"):
            plan = _plan(kind, tuple(sorted(settings.items())), num_images, num_classes)
    except (ValueError, ModelFileError, RunError, OSError) as error:
        st.error(plain(settings_in_words(told(error))), icon=":material/error:")
        return
    st.html(f"<style>{CSS}</style>{plan_html(plan)}")
    totals = {state: sum(block.num_params for block in plan.blocks if block.state == state) for state in WORDS}
    parts = [f"{WORDS[state]} {rounded(number)}" for state, number in totals.items() if number]
    st.caption(f"Of {rounded(sum(totals.values()))} weights: {', '.join(parts)}.")
    st.markdown("\n".join(f"{number}. {plain(sentence)}" for number, sentence in enumerate(plan.stages, start=1)))


@st.cache_data(max_entries=64, show_spinner=False)
def _plan(kind: str, settings: tuple, num_images: int, num_classes: int) -> TrainingPlan:
    recipe = build_recipe(dict(settings), KINDS[kind].recipe)
    return plan_training(recipe, num_images=num_images, num_classes=num_classes)


def plan_html(plan: TrainingPlan) -> str:
    """The blocks as a list that breaks into lines where there is no room; a long stretch of one kind is shortened."""
    items = ['<li class="end">picture</li>']
    for state, same in groupby(plan.blocks, key=lambda block: block.state):
        blocks = list(same)
        # The head stands alone, whatever is in front of it.
        ends = [blocks.pop()] if blocks[-1] is plan.blocks[-1] else []
        if len(blocks) <= MOST:
            items += [_item(block) for block in blocks]
        else:
            between = blocks[1:-1]
            weights = sum(block.num_params for block in between)
            items += [
                _item(blocks[0]),
                _item(PlannedBlock(f"… {counted(len(between), 'block')} …", weights, state)),
                _item(blocks[-1]),
            ]
        items += [_item(block) for block in ends]
    return f'<ul class="kf-plan" aria-label="The network, block by block">{"".join(items)}</ul>'


def _item(block: PlannedBlock) -> str:
    words = f"{rounded(block.num_params)} weights<br>{WORDS[block.state]}"
    return f'<li class="{block.state}"><b>{html.escape(block.name)}</b>{words}</li>'
