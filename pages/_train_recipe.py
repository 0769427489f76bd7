"""The settings of a training on the page Train: a recipe, the few that matter, and all others folded."""

from dataclasses import Field, dataclass, fields
from pathlib import Path

import streamlit as st

from kerasface.models.backbones import backbone_names
from kerasface.models.zoo import ARCHITECTURES
from kerasface.train.defaults import resolve
from kerasface.train.recipe import CHOICES, ClassifyRecipe, build_recipe, read_recipe
from pages._photos import plain
from pages._train_data import SAMPLE

CONFIGS = Path(__file__).parents[1] / "configs"
DEFAULTS = "The defaults"
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


def choose_recipe(data: Path) -> Chosen | None:
    """Asks for the settings of a training on a folder; None, with a sentence, while they contradict themselves."""
    files = {path.stem: path for path in sorted(CONFIGS.glob("*.toml")) if _is_of_classes(path)}
    names = [DEFAULTS, *files]
    source = st.session_state.get("train_source")
    preferred = {SAMPLE: "digits"}.get(source, "faces")
    name = st.selectbox(
        "Recipe",
        names,
        index=names.index(preferred) if preferred in names else 0,
        key=f"train_recipe_{source}",
        persist_state="session",
    )
    file = files.get(name)
    st.caption(plain(_purpose(file)) if file else "Faces, compared with each person's mean embedding.")
    given = read_recipe(file) if file else {}
    start = build_recipe(given)
    settings = {
        name: value for name, value in _ask(start, prefix=f"train_{source}_{name}").items() if value is not None
    }
    settings = {name: value for name, value in settings.items() if value != getattr(start, name)}
    try:
        recipe = resolve(build_recipe({**given, **settings}))
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/tune:")
        return None
    return Chosen(file and shown_path(file), settings, recipe)


def shown_path(path: Path) -> Path:
    """A path as one would type it: from the working folder, where it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _is_of_classes(path: Path) -> bool:
    try:
        build_recipe(read_recipe(path))
    except ValueError:
        return False  # of a training of another kind
    return True


def _purpose(path: Path) -> str:
    """What a recipe's comment says of it; the command in it is shown below anyway."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    return " ".join(line.removeprefix("# ").strip() for line in lines if not line.startswith("#   "))


def _ask(start: ClassifyRecipe, prefix: str) -> dict:
    """The widgets, and what is set in them by field; None where something is left to the recipe."""
    entries = {entry.name: entry for entry in fields(ClassifyRecipe)}
    columns = st.columns(4, gap="medium")
    faces, whole = "Faces", "Whole pictures"
    with columns[0]:
        kind = st.segmented_control(
            "Look at",
            (faces, whole),
            default=faces if start.faces else whole,
            required=True,
            help=entries["faces"].metadata["help"],
            key=f"{prefix}_faces",
            persist_state="session",
        )
    answers = {"faces": kind == faces}
    for column, name in zip(columns[1:], FIRST, strict=True):
        with column:
            answers[name] = _ask_for(entries[name], getattr(start, name), f"{prefix}_{name}")
    with st.expander("All other settings", icon=":material/tune:"):
        st.caption("What is left empty is chosen for you, as the help of each setting says.")
        others = [entry for name, entry in entries.items() if name not in answers]
        for first in range(0, len(others), _COLUMNS):
            for column, entry in zip(
                st.columns(_COLUMNS, gap="medium"), others[first : first + _COLUMNS], strict=False
            ):
                with column:
                    answers[entry.name] = _ask_for(entry, getattr(start, entry.name), f"{prefix}_{entry.name}")
    return answers


def _ask_for(entry: Field, value, key: str):
    """A widget for one field of the recipe, made of its type, its choices and its help."""
    label = _LABELS.get(entry.name, entry.name.replace("_", " ").capitalize())
    kind, text = str(entry.type), entry.metadata["help"]
    keep = {"help": text, "key": key, "persist_state": "session"}
    if entry.name == "backbone":
        first = ["face_resnet", *ARCHITECTURES]
        options = [*first, *(name for name in backbone_names() if name not in first)]
        return st.selectbox(label, options, index=options.index(value) if value in options else 0, **keep)
    options = list(CHOICES.get(entry.name, (True, False) if "bool" in kind else ()))
    if options:
        if value is None:
            options.insert(0, None)
        words = {None: "chosen for you", True: "yes", False: "no"}
        return st.selectbox(
            label, options, options.index(value), format_func=lambda one: words.get(one, str(one)), **keep
        )
    if "int" in kind:
        return st.number_input(label, 0, None, value, step=1, placeholder="chosen for you", **keep)
    if "float" in kind:
        return st.number_input(label, 0.0, None, value, step=0.01, format="%g", placeholder="chosen for you", **keep)
    return st.text_input(label, value or "", placeholder="none", **keep).strip() or None
