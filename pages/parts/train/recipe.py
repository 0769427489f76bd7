"""The settings of a training on the page Train: a recipe, the few that matter, and all others folded."""

from dataclasses import Field, dataclass, fields
from pathlib import Path

import streamlit as st

from kerasface.files.paths import read_text, shipped
from kerasface.models.backbones import backbone_names
from kerasface.models.efficientnet_lite import LITE0
from kerasface.models.zoo import ARCHITECTURES
from kerasface.terminal.errors import told
from kerasface.train.classification.defaults import resolve
from kerasface.train.recipe import CHOICES, CONFIGS, ClassifyRecipe, build_recipe, read_recipe, recipe_file
from pages.parts.photos import plain
from pages.parts.train.data import SAMPLE

DEFAULTS = "The defaults"
FACES, WHOLE = "Faces", "Whole pictures"
FIRST = ("backbone", "epochs", "augment")  # beside `faces`, which has its own words
_LABELS = {"ema": "Averaged weights (EMA)", "groups": "Pattern of persons", "augment": "Augmentation"}
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
    recipe: ClassifyRecipe


def choose_recipe() -> Chosen | None:
    """Asks for the settings of a training; None, with a sentence, while they contradict themselves."""
    names = [DEFAULTS, *_recipes()]
    source = st.session_state.get("train_source")
    preferred = {SAMPLE: "digits"}.get(source, "faces")
    name = st.selectbox(
        "Recipe",
        names,
        index=names.index(preferred) if preferred in names else 0,
        key=f"train_recipe_{source}",
        persist_state="session",
    )
    file = _recipes().get(name)
    st.caption(plain(_purpose(file)) if file else "Faces, compared with each person's mean embedding.")
    start, prefix = build_recipe(read_recipe(file) if file else {}), f"train_{source}"
    _follow(start, prefix)
    _ask(start, prefix)
    try:
        return read_choice()
    except ValueError as error:
        st.error(plain(told(error)), icon=":material/tune:")
        return None


def read_choice() -> Chosen:
    """The settings as the boxes hold them at this moment: what a press of Start goes by.

    Raises:
        ValueError: If they contradict themselves.
    """
    source = st.session_state.get("train_source")
    file = _recipes().get(st.session_state[f"train_recipe_{source}"])
    given = read_recipe(file) if file else {}
    start, prefix = build_recipe(given), f"train_{source}"
    _follow(start, prefix)
    settings, first = {}, ("faces", *FIRST)
    for entry in sorted(fields(ClassifyRecipe), key=lambda entry: entry.name not in first):  # as they stand
        value = _from_box(entry, st.session_state[f"{prefix}_{entry.name}"])
        if value is not None and value != getattr(start, entry.name):
            settings[entry.name] = value
    return Chosen(file, settings, resolve(build_recipe({**given, **settings})))


def _follow(start: ClassifyRecipe, prefix: str):
    """Puts a recipe's values into the boxes, but not over what the user set: that stays with another recipe."""
    laid = st.session_state.get(f"{prefix}_laid", {})
    values = {entry.name: _to_box(entry, getattr(start, entry.name)) for entry in fields(ClassifyRecipe)}
    for name, value in values.items():
        key = f"{prefix}_{name}"
        if key not in st.session_state or (value != laid.get(name) == st.session_state[key]):
            st.session_state[key] = value
    st.session_state[f"{prefix}_laid"] = values


def _to_box(entry: Field, value):
    """What the box of a field shows for a value of a recipe."""
    if entry.name == "faces":
        return FACES if value else WHOLE
    return value or "" if _is_text(entry) else value


def _from_box(entry: Field, shown):
    if entry.name == "faces":
        return shown == FACES
    return shown.strip() or None if _is_text(entry) else shown


def _is_text(entry: Field) -> bool:
    return "str" in str(entry.type) and entry.name not in CHOICES and entry.name != "backbone"


def shown_path(path: Path) -> Path:
    """A path as one would type it: from the working folder, where it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _recipes() -> dict[str, Path]:
    """The recipes of this kind of training by name, as a command names them; the user's own go before ours."""
    names = {path.name for folder in (Path(CONFIGS), shipped(CONFIGS)) for path in folder.glob("*.toml")}
    paths = (Path(CONFIGS, name) for name in sorted(names))
    return {path.stem: path for path in paths if _is_of_classes(path)}


def _is_of_classes(path: Path) -> bool:
    try:
        build_recipe(read_recipe(path))
    except ValueError:
        return False  # of a training of another kind
    return True


def _purpose(path: Path) -> str:
    """What a recipe's comment says of it; the command in it is shown below anyway."""
    lines = [line for line in read_text(recipe_file(path)).splitlines() if line.startswith("# ")]
    return " ".join(line.removeprefix("# ").strip() for line in lines if not line.startswith("#   "))


def _ask(start: ClassifyRecipe, prefix: str):
    """The widgets. Their values are laid by `_follow` and read by `read_choice`: a recipe brings no other boxes."""
    entries = {entry.name: entry for entry in fields(ClassifyRecipe)}
    with st.grid(min_column_width=190):  # pixels: what the first of them needs to show both its words
        text = entries["faces"].metadata["help"]
        key = f"{prefix}_faces"
        st.segmented_control("Look at", (FACES, WHOLE), required=True, help=text, key=key, persist_state="session")
        for name in FIRST:
            _ask_for(entries[name], getattr(start, name), f"{prefix}_{name}")
    with st.expander("All other settings", icon=":material/tune:"):
        st.caption("What is left empty is chosen for you, as the help of each setting says.")
        others = [entry for name, entry in entries.items() if name not in ("faces", *FIRST)]
        for first in range(0, len(others), _COLUMNS):
            for column, entry in zip(
                st.columns(_COLUMNS, gap="medium"), others[first : first + _COLUMNS], strict=False
            ):
                with column:
                    _ask_for(entry, getattr(start, entry.name), f"{prefix}_{entry.name}")


def _ask_for(entry: Field, value, key: str):
    """A widget for one field of the recipe, made of its type, its choices and its help; `value` is the recipe's."""
    label = _LABELS.get(entry.name, entry.name.replace("_", " ").capitalize())
    kind = str(entry.type)
    keep = {"help": entry.metadata["help"], "key": key, "persist_state": "session"}
    options = list(CHOICES.get(entry.name, (True, False) if "bool" in kind else ()))
    if entry.name == "backbone":
        first = ["face_resnet", LITE0, *ARCHITECTURES]
        options = [*first, *(name for name in backbone_names() if name not in first)]
    if options:
        if value is None:
            options.insert(0, None)
        words = {None: "chosen for you", True: "yes", False: "no"}
        st.selectbox(label, options, format_func=lambda one: words.get(one, str(one)), **keep)
        return
    empty = "chosen for you" if value is None else f"{value}"
    if "int" in kind:
        st.number_input(label, 0, None, None, step=1, placeholder=empty, **keep)
    elif "float" in kind:
        st.number_input(label, 0.0, None, None, step=0.01, format="%g", placeholder=empty, **keep)
    else:
        st.text_input(label, placeholder="none", **keep)
