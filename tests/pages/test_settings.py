"""What settings are called on the pages."""

from dataclasses import fields

import pytest

from kerasface.train.kinds import KINDS
from pages.parts.settings import setting_label, settings_in_words


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        (
            "head_epochs=0 and epochs=0 train nothing; only classifier=cosine needs none",
            "head epochs 0 and epochs 0 train nothing; only classifier cosine needs none",
        ),
        ("Add photos or lower min_images: 3 have fewer.", "Add photos or lower min images: 3 have fewer."),
        (
            "face_resnet is gone on from with its own weights, not weights=none",
            "face_resnet is gone on from with its own weights, not initial weights none",
        ),
        ("/data/image_size/x.png is no image_size", "/data/image_size/x.png is no image size"),
    ],
)
def test_a_sentence_calls_settings_as_their_boxes_are_called(sentence, said):
    assert settings_in_words(sentence) == said


def test_no_two_settings_of_a_training_share_a_label():
    for kind in KINDS.values():
        labels = [setting_label(entry.name) for entry in fields(kind.recipe)]
        assert len(set(labels)) == len(labels)
