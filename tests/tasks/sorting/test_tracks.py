"""Faces are followed over frames: each is one, whatever moves, is covered, comes back or takes its place."""

import numpy as np
import pytest

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.quality import FaceQuality
from kerasface.faces.rates.own_points import Points, shipped_points
from kerasface.tasks.sorting.tracks import BEST, Follower

STEP = 0.2


@pytest.fixture
def follower():
    return Follower(shipped_points(embedder_fingerprint()))


def face(embedding, x=100.0, sharpness=0.2, side=90.0):
    quality = FaceQuality(side, sharpness, 0, 0, 0, 120, 0, 0.5)
    where = Face((x, 50.0, side, side), np.zeros((5, 2), dtype=np.float32), 0.99)
    return AnalyzedFace(where, np.zeros((2, 2, 3), np.uint8), quality, np.float32(embedding), embedder_fingerprint())


def near(embedding, seed, noise=0.03):
    moved = embedding + np.random.default_rng(seed).normal(0, noise, len(embedding))
    return moved / np.linalg.norm(moved)


def follow(follower, *frames):
    """Frames a fifth of a second apart."""
    for number, faces in enumerate(frames):
        follower.observe(number * STEP, faces)
    return follower.tracks()


def test_two_who_move_past_each_other_stay_two(follower, nobody):
    ada, bob = nobody[:2]
    found, short = follow(
        follower, *([face(near(ada, n), 20.0 * n), face(near(bob, 99 - n), 400 - 20.0 * n)] for n in range(21))
    )
    assert short == 0
    assert [(track.start, track.end, track.num_frames) for track in found] == [(0.0, pytest.approx(4.0), 21)] * 2
    assert found[0].face.embedding @ ada > 0.9 > found[0].face.embedding @ bob


def test_another_face_in_the_same_place_is_another_one(follower, nobody):
    found, _ = follow(follower, *[[face(nobody[0])]] * 5, *[[face(nobody[1])]] * 5)
    assert [(round(track.start, 3), round(track.end, 3)) for track in found] == [(0.0, 0.8), (1.0, 1.8)]


def test_who_is_away_for_a_moment_goes_on_and_for_long_comes_anew(follower, nobody):
    ada = nobody[0]
    moment, _ = follow(follower, *[[face(ada)]] * 4, *[[]] * 7, *[[face(ada, 300)]] * 4)
    assert [(track.start, round(track.end, 3)) for track in moment] == [(0.0, 2.8)]
    long, _ = follow(
        Follower(shipped_points(embedder_fingerprint())), *[[face(ada)]] * 4, *[[]] * 12, *[[face(ada)]] * 4
    )
    assert [(round(track.start, 3), round(track.end, 3)) for track in long] == [(0.0, 0.6), (3.2, 3.8)]


def test_what_is_seen_once_is_counted_and_left_out(follower, nobody):
    found, short = follow(follower, [face(nobody[0]), face(nobody[1], 500)], *[[face(nobody[0])]] * 5)
    assert (len(found), short) == (1, 1)
    only, none = follow(Follower(shipped_points(embedder_fingerprint())), [face(nobody[0])])
    assert (len(only), none) == (1, 0)  # of a video of one frame


def test_the_best_frames_make_the_embedding_and_poor_ones_only_hold_the_place(follower, nobody):
    ada, noise = nobody[0], nobody[1]
    blurred = [face(noise, sharpness=0.01) for _ in range(20)]
    sharp = [face(near(ada, seed), sharpness=0.2 + seed / 100) for seed in range(10)]
    found, _ = follow(follower, *([one] for one in [*sharp, *blurred]))
    (track,) = found
    assert track.num_frames == 30
    best = np.mean([near(ada, seed) for seed in range(9, 9 - BEST, -1)], axis=0)
    assert track.face.embedding == pytest.approx(best / np.linalg.norm(best), abs=1e-5)
    assert track.face.quality.sharpness == pytest.approx(0.29)
    assert track.face.crop is None


def test_an_embedder_without_rates_follows_places(nobody):
    from kerasface.evaluation.normalization import COSINES

    follower = Follower(Points("none", COSINES))
    found, _ = follow(follower, *([face(nobody[n % 3], 5.0 * n)] for n in range(9)))
    assert len(found) == 1
