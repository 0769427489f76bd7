"""Who is enrolled, who comes back and who is a stranger."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kerasface.data.trials.identities import open_set_trial


@pytest.fixture
def people(portrait, tmp_path):
    """Ada (3 photos), Bob (3, the first without a face), Cyd (2, the second cut off), Dan and Eve (1 each)."""
    root = tmp_path / "people"
    for name, count in {"Ada": 3, "Bob": 3, "Cyd": 2, "Dan": 1, "Eve": 1}.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(portrait[: 300 - 10 * number]).save(root / name / f"{number}.png")
    Image.fromarray(np.full((60, 80, 3), 150, dtype=np.uint8)).save(root / "Bob" / "0.png")
    whole = (root / "Cyd" / "1.png").read_bytes()
    (root / "Cyd" / "1.png").write_bytes(whole[: len(whole) // 2])
    return root


def test_the_first_photo_is_enrolled_and_single_ones_are_strangers(people, analyzer):
    trial, rejected = open_set_trial(people, analyzer)
    assert trial.gallery_labels.tolist() == [0, 2]  # Ada and Cyd
    assert trial.mated_labels.tolist() == [0, 0]
    assert trial.unknown.shape == (2, 128)
    # Two of Bob, whose enrolled photo shows nobody, and the broken one of Cyd.
    assert trial.num_mated_failed == 3
    assert trial.num_failed == 2
    assert {(path.parent.name, path.name) for path, _ in rejected} == {("Bob", "0.png"), ("Cyd", "1.png")}


def test_folders_that_cannot_tell_are_refused(people, analyzer):
    for name in ("Dan", "Eve"):
        shutil.rmtree(people / name)
    with pytest.raises(ValueError, match="Received: 3 with two or more, 0 with one"):
        open_set_trial(people, analyzer)
