"""What the settings of a training are called on every page: in words, one meaning to a word."""

import re
from dataclasses import fields

from kerasface.train.kinds import KINDS

_LABELS = {
    "ema": "Averaged weights (EMA)",
    "groups": "Pattern of persons",
    "augment": "Augmentation",
    "weights": "Initial weights",  # weights alone are how many a network has
}
_NAMES = {entry.name for kind in KINDS.values() for entry in fields(kind.recipe)}
_WITH_VALUE = re.compile(rf"(?<![\w/.-])({'|'.join(_NAMES)})=(?=\S)")
_ALONE = re.compile(rf"(?<![\w/.-])({'|'.join(name for name in _NAMES if '_' in name)})(?![\w/.-]|=)")


def setting_label(name: str) -> str:
    """The label of a setting: `learning_rate` is the Learning rate."""
    return _LABELS.get(name, name.replace("_", " ").capitalize())


def setting_words(name: str) -> str:
    """The label of a setting within a sentence."""
    label = setting_label(name)
    return label[0].lower() + label[1:]


def settings_in_words(sentence: str) -> str:
    """A sentence about settings, each called as its box is: `head_epochs=0` is head epochs 0."""
    sentence = _WITH_VALUE.sub(lambda found: f"{setting_words(found[1])} ", sentence)
    return _ALONE.sub(lambda found: setting_words(found[1]), sentence)
