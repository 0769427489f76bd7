"""Questions about faces: the most doubtful first, each once, and none where nothing can be decided."""

from pathlib import Path
from types import SimpleNamespace

from kerasface.tasks.sorting.doubts import find_doubts
from kerasface.tasks.sorting.looking import LookedAt


def face(score, name=None, most_alike="Ada", decision=None, threshold=5.0):
    decision = decision or ("match" if name else "unknown")
    return SimpleNamespace(
        decision=decision, name=name, most_alike=most_alike, normalized_score=score, threshold=threshold
    )


def asked(faces, passed=()):
    look = LookedAt(Path("a.jpg"), "hash", [], None)
    return [doubt.number for doubt in find_doubts([look], [faces], passed)]


FACES = [face(5.1, "Ada"), face(4.7), face(5.5, "Ada"), face(4.95), face(9.0, "Ada"), face(1.0)]


def test_the_most_doubtful_face_comes_first_and_each_question_once():
    assert asked(FACES) == [3, 0, 1, 2, 4, 5]
    assert asked(FACES, [("hash", 3, "Ada"), ("hash", 1, "Ada")]) == [0, 2, 4, 5]
    assert asked(FACES, [("hash", 3, "Bob"), ("other", 1, "Ada")]) == [3, 0, 1, 2, 4, 5]  # other questions


def test_what_cannot_be_decided_is_not_asked_about():
    assert asked([face(5.0, decision="low_quality"), face(5.0, most_alike=None), face(5.0, threshold=None)]) == []
