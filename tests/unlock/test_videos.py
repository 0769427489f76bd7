"""The unlock on videos made of real faces: a turning head opens, its photo and its neighbour do not."""

import random

import numpy as np
import pytest

from kerasface.unlock.challenge import draw_challenge
from kerasface.unlock.lockout import Lockout
from kerasface.unlock.session import UnlockSession, unlock_analyzer
from kerasface.unlock.states import State

pytestmark = [pytest.mark.slow, pytest.mark.data]
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def stage(data_dir):
    """The benchmark's makers of videos."""
    from pathlib import Path

    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import unlock as benchmark

        yield benchmark.Stage(data_dir, unlock_analyzer())


@pytest.mark.parametrize(
    ("species", "cause"),
    [
        ("genuine", None),
        ("still", "step_timeout"),
        ("stranger", "not_recognised"),
        ("replay_other", "wrong_turn"),
    ],
)
def test_species(stage, tmp_path, species, cause):
    challenge, generator = draw_challenge(random.Random(1)), np.random.default_rng(1)
    people, maker = getattr(stage, species)(1, challenge, generator)
    lockout = Lockout(tmp_path / "unlock.json", key=KEY)
    for person_id in people.names:
        lockout.enable(person_id)
    session = UnlockSession(people, unlock_analyzer(), lockout, challenge=challenge)
    status, number = None, 0
    while status is None or not status.state.is_final:
        status = session.observe(maker(number / 15, status), number / 15)
        number += 1
    if species == "genuine":
        assert status.state == State.UNLOCKED
    else:
        assert (status.state, status.cause) == (State.REFUSED, cause)
