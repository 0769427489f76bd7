"""The settings of a training on the page Train: a recipe, the few that matter, and all others folded."""

from dataclasses import Field, dataclass, fields, replace
from pathlib import Path

import streamlit as st

from kerasface.files.paths import read_text, shipped, user_path
from kerasface.models.backbones import backbone_names
from kerasface.models.efficientnet_lite import LITE0
from kerasface.models.unet import encoder_names
from kerasface.models.zoo import ARCHITECTURES
from kerasface.runs.store import list_runs
from kerasface.terminal.errors import told
from kerasface.train.metric_learning.recipe import MetricRecipe
from kerasface.train.recipe import CONFIGS, ClassifyRecipe, build_recipe, check_paths, read_recipe, recipe_file
from kerasface.train.segmentation.encoders import models_to_go_on_from
from kerasface.train.segmentation.recipe import SegmentRecipe
from pages.parts.photos import plain
from pages.parts.settings import setting_label, settings_in_words
from pages.parts.train.data import given_with
from pages.parts.train.filling import fill, show_filled
from pages.parts.train.kinds import PAGE_KINDS, PageKind, read_source

DEFAULTS = "The defaults"
FACES, WHOLE = "Faces", "Whole pictures"
_NETWORKS = ("backbone", "encoder")  # settings that name a network
_EMPTY = {"validation": "some of the pictures above are held out"}  # what an empty box comes to
_COLUMNS = 3


@dataclass(frozen=True)
class Chosen:
    """Settings.

    Attributes:
        file: The recipe they start from, or None.
        settings: What is set otherwise than the file, or than the defaults, has it.
        recipe: All of them together, resolved.
    """

    file: Path | None
    settings: dict
    recipe: ClassifyRecipe | MetricRecipe | SegmentRecipe


def choose_recipe(kind: PageKind, data: Path) -> Chosen | None:
    """Asks for the settings of a training; None, with a sentence, while they contradict themselves or the pictures."""
    recipes = _recipes(kind)
    names, source = [DEFAULTS, *recipes], read_source(kind)
    preferred = kind.recipes.get(source)
    name = st.selectbox(
        "Recipe",
        names,
        index=names.index(preferred) if preferred in names else 0,
        key=f"{kind.prefix}recipe_{source}",
        persist_state="session",
    )
    file = recipes.get(name)
    st.caption(plain(_purpose(file)) if file else kind.defaults)
    start = _start(kind, file)
    _fill(kind, start, source, name)
    below_validation = _ask(kind, start, f"{kind.prefix}{source}")
    try:
        chosen = read_choice(kind)
    except ValueError as error:
        st.error(plain(settings_in_words(told(error))), icon=":material/tune:")
        return None
    if problem := problem_of_given(kind, data, chosen.recipe):
        below_validation.error(plain(settings_in_words(problem)), icon=":material/folder_off:")
        return None
    return chosen


def problem_of_given(kind: PageKind, data: Path, recipe) -> str | None:
    """Why the pictures to judge on do not fit; kept until a folder or a setting that says so changes."""
    if recipe.validation is None:
        return None
    read = [getattr(recipe, name, None) for name in ("validation", "min_images", "curation", "classes", "groups")]
    times = [place.stat().st_mtime_ns if place.exists() else 0 for place in (data, Path(recipe.validation))]
    key = kind.name, str(data), *read, *times
    if st.session_state.get("train_given", (None,))[0] != key:
        try:
            problem = kind.kind.steps().check_given(data, recipe)
        except (ValueError, OSError) as error:
            problem = told(error)
        st.session_state["train_given"] = key, problem
    return st.session_state["train_given"][1]


def read_choice(kind: PageKind) -> Chosen:
    """The settings as the boxes hold them at this moment: what a press of Start goes by.

    Raises:
        ValueError: If they contradict themselves.
    """
    source = read_source(kind)
    name = st.session_state[f"{kind.prefix}recipe_{source}"]
    file = _recipes(kind).get(name)
    start, prefix = _start(kind, file), f"{kind.prefix}{source}"
    _fill(kind, start, source, name)
    settings, first = {}, ("faces", *kind.first)
    for entry in sorted(fields(start), key=lambda entry: entry.name not in first):  # as they stand
        value = _from_box(kind, entry, st.session_state[f"{prefix}_{entry.name}"])
        if value is not None and value != getattr(start, entry.name):
            settings[entry.name] = value
    given = read_recipe(file, kind.kind.recipe) if file else {}
    recipe = build_recipe({**given, **settings}, kind.kind.recipe)
    check_paths(replace(recipe, validation=None))  # which is looked into, see `choose_recipe`
    return Chosen(file, settings, kind.kind.steps().resolve(recipe))


def _start(kind: PageKind, file: Path | None):
    """What a recipe's file says, or what there is without one."""
    return build_recipe(read_recipe(file, kind.kind.recipe) if file else {}, kind.kind.recipe)


def _fill(kind: PageKind, start, source: str | None, name: str):
    """Puts a recipe's values into the boxes."""
    start = replace(start, **given_with(kind))
    values = {entry.name: _to_box(entry, getattr(start, entry.name)) for entry in fields(start)}
    fill(values, f"{kind.prefix}{source}", name)


def _to_box(entry: Field, value):
    """What the box of a field shows for a value of a recipe."""
    if entry.name == "faces":
        return FACES if value else WHOLE
    return "" if value is None and _is_text(entry) else value


def _from_box(kind: PageKind, entry: Field, shown):
    if entry.name == "faces":
        return shown == FACES
    if not isinstance(shown, str) or entry.name in kind.kind.choices:
        return shown
    text = shown.strip()
    return str(user_path(text)) if text and entry.metadata["is_path"] else text or None


def _is_text(entry: Field) -> bool:
    """Whether a setting is typed: no number, no choice."""
    choices = {name for page in PAGE_KINDS.values() for name in page.kind.choices}
    return "str" in str(entry.type) and entry.name not in choices and entry.name not in _NETWORKS


def _recipes(kind: PageKind) -> dict[str, Path]:
    """The recipes of this kind of training by name, as a command names them; the user's own go before ours."""
    names = {path.name for folder in (Path(CONFIGS), shipped(CONFIGS)) for path in folder.glob("*.toml")}
    paths = (Path(CONFIGS, name) for name in sorted(names))
    return {path.stem: path for path in paths if _is_of(kind, path)}


def _is_of(kind: PageKind, path: Path) -> bool:
    try:
        _start(kind, path)
    except ValueError:
        return False  # of a training of another kind
    return True


def _purpose(path: Path) -> str:
    """What a recipe's comment says of it; the command in it is shown below anyway."""
    lines = [line for line in read_text(recipe_file(path)).splitlines() if line.startswith("# ")]
    return " ".join(line.removeprefix("# ").strip() for line in lines if not line.startswith("#   "))


def _ask(kind: PageKind, start, prefix: str):
    """The widgets. Their values are put by `fill` and read by `read_choice`: a recipe brings no other boxes.

    Returns:
        The place below the box that says what is judged on.
    """
    entries = {entry.name: entry for entry in fields(start)}
    with st.grid(min_column_width=190):  # pixels: what the first of them needs to show both its words
        if kind.has_faces:
            text, key = entries["faces"].metadata["help"], f"{prefix}_faces"
            st.segmented_control("Look at", (FACES, WHOLE), required=True, help=text, key=key, persist_state="session")
        for name in kind.first:
            _ask_for(kind, entries[name], getattr(start, name), f"{prefix}_{name}")
    _ask_for(kind, entries["validation"], start.validation, f"{prefix}_validation")
    below = st.empty()
    with st.expander("All other settings", icon=":material/tune:"):
        st.caption("What is left empty is chosen for you, as the help of each setting says.")
        others = [entry for name, entry in entries.items() if name not in ("faces", "validation", *kind.first)]
        for first in range(0, len(others), _COLUMNS):
            for column, entry in zip(
                st.columns(_COLUMNS, gap="medium"), others[first : first + _COLUMNS], strict=False
            ):
                with column:
                    _ask_for(kind, entry, getattr(start, entry.name), f"{prefix}_{entry.name}")
        show_filled(prefix)
    return below


def _ask_for(kind: PageKind, entry: Field, value, key: str):
    """A widget for one field of the recipe, made of its type, its choices and its help; `value` is the recipe's."""
    label = setting_label(entry.name)
    type_name = str(entry.type)
    keep = {"help": entry.metadata["help"], "key": key, "persist_state": "session"}
    options = list(kind.kind.choices.get(entry.name, (True, False) if "bool" in type_name else ()))
    words = {None: "chosen for you", True: "yes", False: "no"}
    if entry.name in _NETWORKS:
        networks, own = _networks(kind)
        words |= {name: f"{name} (model)" for name in own}
        chosen = st.session_state[key]
        options = [*own, *networks, *([chosen] if chosen and chosen not in (*own, *networks) else [])]
    if options:
        if value is None:
            options.insert(0, None)
        placeholder = words[None]  # what Streamlit shows where None is chosen
        st.selectbox(label, options, format_func=lambda one: words.get(one, str(one)), placeholder=placeholder, **keep)
        return
    empty = "chosen for you" if value is None else f"{value}"
    if "int" in type_name:
        st.number_input(label, 0, None, None, step=1, placeholder=empty, **keep)
    elif "float" in type_name:
        st.number_input(label, 0.0, None, None, step=0.01, format="%g", placeholder=empty, **keep)
    else:
        is_none = entry.metadata["help"].endswith("[none]")
        st.text_input(label, placeholder=_EMPTY.get(entry.name, "none" if is_none else "chosen for you"), **keep)


def _networks(kind: PageKind) -> tuple[list[str], list[str]]:
    """The networks that a training may begin with, the usual ones first, and the models that it can go on from."""
    if kind.name == "segment":
        names, own = encoder_names(), models_to_go_on_from()
    else:
        names = backbone_names()
        own = [run.name for run in list_runs() if run.card and run.card.task in ("embed", "classify")]
    usual = [name for name in ("face_resnet", "plain", LITE0, *ARCHITECTURES) if name in names]
    return list(dict.fromkeys([*usual, *names])), [name for name in own if name not in names]
