"""The settings of a training: one flat record, from a TOML file, from flags, or both; and those of a classifier.

Light to import, because the command line makes a flag of every field. What the fields mean together: `defaults.py`.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from kerasface.files.parsing import toml_of
from kerasface.files.paths import read_text, shipped, user_path
from kerasface.runs.card import ModelCard
from kerasface.runs.store import list_runs

Recipe = TypeVar("Recipe")  # a frozen dataclass of settings, such as `ClassifyRecipe`

CONFIGS = "configs"  # folder of recipes
CHOICES = {
    "classifier": ("softmax", "cosine", "arcface", "cosface"),
    "augment": ("none", "light", "standard", "strong"),
    "mix": ("none", "mixup", "cutmix"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("constant", "cosine", "one_cycle", "plateau"),
    "class_weights": ("none", "balanced"),
    "precision": ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    "strategy": ("auto", "one", "mirrored"),
}
_OPTIONS = (
    *("norm", "dropout", "dropblock", "dropblock_size", "pooling", "head", "activation", "num_layers"),
    *("conv_groups", "depth_multiplier"),
)


WEIGHTS_HELP = (
    "Start from `pretrained` weights, from `none`, or from those of a file: .keras or .weights.h5. "
    "[pretrained where there are any]"
)
_WEIGHT_FILES = (".keras", ".weights.h5")
_WEIGHT_WORDS = ("pretrained", "none")


def setting(default, text: str, *, is_path: bool = False):
    """A field of a recipe: its default, the help that its flag shows, and whether it names a file or a folder."""
    return field(default=default, metadata={"help": text, "is_path": is_path})


@dataclass(frozen=True)
class ClassifyRecipe:
    """The settings of a training; `None` is resolved by `resolve`. Each field is a key of a TOML file and a flag."""

    faces: bool = setting(True, "Find and align the face in each photo; otherwise whole images are taken.")
    image_size: int | None = setting(
        None, "Side of the training images in pixels. [150 for face_resnet, 224 for efficientnet_lite0, else 112]"
    )
    min_images: int | None = setting(
        None, "Classes with fewer images are left out of the training. [2; 1 with validation]"
    )
    validation: str | None = setting(
        None,
        "Folder of classes, or listing, to judge on, under the names trained on, instead of holding some out. [none]",
        is_path=True,
    )
    holdout: float = setting(0.2, "Share of each class's images held out for validation.")
    groups: str | None = setting(
        None, "Pattern of file names whose first group names a person, to hold persons out. [none]"
    )
    unknown: str | None = setting(
        None, "Folder of strangers, to measure and limit their acceptance. [none]", is_path=True
    )
    curation: str | None = setting(
        None,
        "List of pictures to leave out or to take for another class, as the page Train writes it. [none]",
        is_path=True,
    )
    backbone: str | None = setting(
        None,
        "face_resnet, efficientnet_lite0 (of ImageNet's pictures), an architecture of the zoo, or a name of "
        "keras.applications; or a model of yours, to go on from it. [face_resnet for faces, else efficientnet_lite0]",
    )
    weights: str | None = setting(None, WEIGHTS_HELP, is_path=True)
    mirror: bool | None = setting(
        None, "Average over image and mirror image, in training and use: twice the work. [yes for face_resnet]"
    )
    norm: str | None = setting(None, "Normalisation: batch, layer, group, instance or none. [the architecture's own]")
    dropout: float | None = setting(None, "Rate of dropout in front of the classifier. [0.5 for alexnet, else 0]")
    dropblock: float | None = setting(None, "Rate of DropBlock in the last blocks. [0]")
    dropblock_size: int | None = setting(None, "Side of its blocks in pixels of the map. [7]")
    pooling: str | None = setting(None, "How blocks halve the map: max, average or strided. [max; average for lenet]")
    head: str | None = setting(None, "From map to vector: gap (global average pooling) or flatten. [gap]")
    activation: str | None = setting(
        None, "Activation: sigmoid, tanh, relu, leaky_relu, maxout or elu. [relu; tanh for lenet]"
    )
    num_layers: int | None = setting(None, "Layers with weights of an mlp: 2 or 3. [2]")
    conv_groups: int | None = setting(
        None, "Parts that the channels of a MobileNet's 1x1 convolutions are divided into: 1, 2, 4 or 8. [1]"
    )
    depth_multiplier: int | None = setting(
        None, "Maps that a MobileNet's depthwise convolution makes of each channel: 1, 2 or 4. [1]"
    )
    head_units: int | None = setting(None, "Units of a hidden layer in front of the classifier. [none]")
    classifier: str | None = setting(
        None, "softmax; cosine: from each class's mean direction; arcface or cosface. [cosine for face_resnet]"
    )
    margin: float | None = setting(None, "Margin of arcface (radians) or cosface. [0.5, 0.35]")
    scale: float = setting(64.0, "Scale of the cosines of cosine, arcface and cosface.")
    head_epochs: int | None = setting(
        None, "Epochs on the frozen backbone's features, which are computed once. [0 for cosine, else 60]"
    )
    copies: int = setting(0, "Augmented copies of each image whose features are computed as well.")
    epochs: int | None = setting(None, "Epochs through the network. [0 for face_resnet, 30 from scratch, else 10]")
    unfreeze: int | None = setting(None, "Blocks trained in fine-tuning, from the end. [by the number of images]")
    layer_decay: float = setting(0.75, "Factor on the learning rate from each block to the one before it.")
    augment: str = setting("light", "Augmentation: none, light, standard or strong.")
    mix: str = setting("none", "Mixing of images and labels: none, mixup or cutmix.")
    mixup_alpha: float | None = setting(
        None, "Both parameters of the beta distribution that mixup draws its shares from. [0.2]"
    )
    flip: bool = setting(True, "Mirror half of the images when augmenting.")
    optimizer: str = setting("adamw", "adamw, or sgd with momentum.")
    momentum: float = setting(0.9, "Momentum of sgd.")
    head_learning_rate: float = setting(0.01, "Highest learning rate on the features.")
    learning_rate: float | None = setting(None, "Highest learning rate through the network. [by optimizer and start]")
    weight_decay: float = setting(0.01, "Decoupled weight decay.")
    schedule: str = setting("cosine", "Learning rate: constant, cosine, one_cycle or plateau.")
    warmup: float = setting(0.05, "Share of the steps in which the learning rate rises, with cosine.")
    label_smoothing: float = setting(0.1, "Share of the target's probability spread over all classes.")
    class_weights: str = setting("none", "none, or balanced: rare classes weigh more.")
    ema: float = setting(0.0, "Momentum of the averaged weights that are kept, such as 0.99; 0 for none.")
    clip_norm: float = setting(0.0, "Largest norm of all gradients together; 0 for no limit.")
    accumulate: int = setting(1, "Batches whose gradients are averaged for one update.")
    early_stopping: int = setting(0, "Epochs without a better validation loss after which a stage ends; 0 for never.")
    head_batch_size: int = setting(128, "Features per step of the head's training.")
    batch_size: int = setting(32, "Images per step through the network.")
    precision: str = setting("auto", "auto, float32, mixed_bfloat16 or mixed_float16.")
    strategy: str = setting("auto", "auto, one device, or mirrored over all of this machine.")
    checkpoint_seconds: float = setting(60.0, "Seconds between two checkpoints.")
    tensorboard: bool = setting(False, "Write an event file for TensorBoard into the model's folder.")
    seed: int = setting(0, "Seed of split, initial weights, order and augmentation.")

    @property
    def pretrained(self) -> bool:
        """Whether training starts from weights that were learned; of a resolved recipe."""
        return self.weights != "none"

    def architecture_options(self) -> dict:
        """Returns the options of the architecture that were given."""
        return {name: value for name in _OPTIONS if (value := getattr(self, name)) is not None}


def read_recipe(path: str | Path, kind: type = ClassifyRecipe) -> dict:
    """Reads a TOML file of settings.

    Args:
        path: The file. `configs/NAME.toml` that is not there is taken from those that come with KerasFace.
        kind: The dataclass whose fields they are.

    Returns:
        The settings it gives, by field.

    Raises:
        ValueError: If the file cannot be read, is no flat TOML, or has an unknown field: the nearest is named.
    """
    try:
        settings = toml_of(read_text(recipe_file(path)))
    except OSError as error:
        raise ValueError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValueError(f"The recipe {path} is not valid TOML: {error}.") from error
    return known(settings, kind, f"The recipe {path}")


def recipe_file(path: str | Path) -> Path:
    """Returns where a recipe is read: as named, else, for `configs/NAME.toml`, among those that come with KerasFace."""
    own = Path(path)
    return own if own.exists() or own.parts[:1] != (CONFIGS,) else shipped(own)


def read_settings(texts: Iterable[str], kind: type[Recipe]) -> dict:
    """Reads settings that are written `FIELD=VALUE`, the value as TOML has it; a word needs no quotation marks.

    Raises:
        ValueError: If one is written otherwise, or is no field of the recipe.
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"A setting is written FIELD=VALUE. Received: {text}.")
        settings[name.strip().replace("-", "_")] = toml_value(value)
    return known(settings, kind, "--set")


def toml_value(text: str):
    """Returns a value as TOML has it; what is none is a word."""
    try:
        return toml_of(f"value = {text}")["value"]
    except ValueError:
        return text.strip()


def known(settings: dict, kind: type[Recipe], whose: str) -> dict:
    """Returns settings if all of them are fields of a recipe.

    Args:
        settings: Values by field.
        kind: The dataclass of the recipe.
        whose: What a message says that has them, such as `"The recipe a.toml"`.

    Raises:
        ValueError: If one is no field: the nearest is named.
    """
    names = [entry.name for entry in fields(kind)]
    for name, value in settings.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Fields: {', '.join(names)}."
            raise ValueError(f"{whose} has an unknown field. Received: {name} = {value!r}.{hint}")
    return settings


def build_recipe(settings: Mapping[str, object], kind: type[Recipe] = ClassifyRecipe) -> Recipe:
    """Makes a recipe of settings, every value checked for its type; `~` in a path is the user's home.

    Args:
        settings: Values by field; fields that are missing or `None` have their defaults.
        kind: The dataclass to make.

    Raises:
        ValueError: If a value has the wrong type.
    """
    checked = {}
    for entry in fields(kind):
        if entry.name in settings and (value := settings[entry.name]) is not None:
            value = _typed(entry.name, value, str(entry.type))
            checked[entry.name] = str(user_path(value)) if entry.metadata["is_path"] else value
    return kind(**checked)


def full_paths(settings: Mapping[str, object], kind: type[Recipe]) -> dict:
    """Returns settings whose files and folders are named from the root, so that they mean the same from any folder.

    Args:
        settings: Values by field.
        kind: The dataclass whose fields they are.
    """
    return {**settings, **{name: str(path.resolve()) for name, path in _paths(settings, kind).items()}}


def check_paths(recipe) -> None:
    """Raises ValueError if a file or a folder that a recipe names is not there."""
    for name, path in _paths(asdict(recipe), type(recipe)).items():
        if not path.exists():
            raise ValueError(f"There is no file or folder {path}. Received: {name}={str(path)!r}.")


def _paths(settings: Mapping[str, object], kind: type[Recipe]) -> dict[str, Path]:
    """The files and folders among some settings; of weights, words are none."""
    named = {entry.name: settings.get(entry.name) for entry in fields(kind) if entry.metadata["is_path"]}
    return {name: Path(path) for name, path in named.items() if isinstance(path, str) and path not in _WEIGHT_WORDS}


def check_fields(recipe, choices: Mapping[str, tuple], rules: Mapping[str, bool], open_choices: tuple = ()) -> None:
    """Checks fields of a recipe on their own.

    Args:
        recipe: The settings.
        choices: What a field may be, by its name.
        rules: Whether a field is in its range, by its name.
        open_choices: Fields of `choices` that may be `None` as well.

    Raises:
        ValueError: If one is not; it is named with its value.
    """
    for name, allowed in choices.items():
        value = getattr(recipe, name)
        if value not in allowed and not (value is None and name in open_choices):
            raise ValueError(f"{name} must be one of {', '.join(allowed)}. Received: {name}={value!r}.")
    for name, holds in rules.items():
        if not holds:
            raise ValueError(f"{name} is out of range. Received: {name}={getattr(recipe, name)}.")


def check_weights(weights: str | None) -> None:
    """Raises ValueError if a recipe's `weights` are neither a word that it knows nor the name of a weight file."""
    if weights in (None, *_WEIGHT_WORDS) or weights.endswith(_WEIGHT_FILES):
        return
    raise ValueError(
        f"weights must be pretrained, none, or a file {' or '.join(_WEIGHT_FILES)}. Received: weights={weights!r}."
    )


def named_card(backbone: str) -> ModelCard | None:
    """Returns the card of the run that a recipe names as its backbone; `None` where there is no run of this name.

    Raises:
        ValueError: If that run is damaged, or of a version that this one cannot read.
    """
    found = next((run for run in list_runs() if run.name == backbone), None)
    if found is not None and found.card is None:
        raise ValueError(f"No training can go on from the model {backbone!r}: {found.problem}")
    return found and found.card


def check_groups(pattern: str | None) -> None:
    """Raises ValueError if a pattern of persons is no regular expression, or has no group that names the person."""
    if pattern is None:
        return
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"groups is no regular expression: {error}. Received: groups={pattern!r}.") from None
    if compiled.groups < 1:
        raise ValueError(
            f"groups must have a group in parentheses that names the person. Received: groups={pattern!r}."
        )


def write_recipe(recipe) -> str:
    """Returns the recipe as TOML that `read_recipe` reads; fields that are `None` are left out."""
    lines = []
    for entry in fields(recipe):
        value = getattr(recipe, entry.name)
        if value is not None:
            # JSON's strings, numbers and booleans are TOML's too.
            lines.append(f"{entry.name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _typed(name: str, value: object, annotation: str) -> object:
    """Checks one value against the field's annotation; an integer is a fine float, a boolean is no number."""
    kinds = {"bool": bool, "int": int, "float": (int, float), "str": str}
    kind = annotation.removesuffix(" | None")
    if "class '" in kind:  # a plain type rather than its name
        kind = kind.split("'")[1]
    wanted = kinds[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "bool"):
        raise ValueError(f"{name} must be of type {kind}. Received: {name}={value!r}.")
    return float(value) if kind == "float" else value
