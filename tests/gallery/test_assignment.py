"""Assignment of people to the faces of a photo, against trying all assignments."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface.gallery.assignment import assign


def excess(chosen, scores, threshold):
    return sum(face[person] - threshold for person, face in zip(chosen, scores, strict=True) if person is not None)


hundredths = st.integers(0, 100).map(lambda number: number / 100)


@settings(deadline=None)  # the first call imports SciPy
@given(st.lists(st.dictionaries(st.sampled_from("abcd"), hundredths, max_size=4), max_size=4), hundredths)
def test_no_other_assignment_exceeds_the_threshold_by_more(scores, threshold):
    chosen = assign(scores, threshold)
    named = [person for person in chosen if person is not None]
    assert len(named) == len(set(named))
    assert all(face[person] >= threshold for person, face in zip(chosen, scores, strict=True) if person is not None)
    choices = [[None, *(person for person in face if face[person] >= threshold)] for face in scores]
    possible = [
        option
        for option in itertools.product(*choices)
        if len({person for person in option if person}) == sum(person is not None for person in option)
    ]
    best = max(excess(option, scores, threshold) for option in possible)
    assert excess(chosen, scores, threshold) == pytest.approx(best, abs=1e-8)


def test_two_faces_never_get_one_person():
    assert assign([{"a": 0.95, "b": 0.8}, {"a": 0.97}], 0.9) == [None, "a"]


def test_a_poor_second_choice_does_not_push_a_good_first_one_away():
    """Both get somebody at an excess of 0.01 + 0.03; the first one alone has 0.05."""
    assert assign([{"a": 0.97, "b": 0.93}, {"a": 0.95}], 0.92) == ["a", None]


def test_a_score_that_just_reaches_the_threshold_counts():
    assert assign([{"a": 0.9}, {"b": 0.9, "a": 0.9}], 0.9) == ["a", "b"]


def test_a_photo_without_faces_and_faces_without_candidates():
    assert assign([], 0.9) == []
    assert assign([{}, {"a": 0.1}], 0.9) == [None, None]
