"""What was solved is kept, and a damaged file is named."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from kerasface.course.progress import forget_solved, mark_solved, progress_path, read_solved


@pytest.fixture(autouse=True)
def _settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_it_is_kept_and_forgotten():
    assert read_solved() == set()
    assert mark_solved(8) == {8}
    assert mark_solved(43) == {8, 43}
    assert read_solved() == {8, 43}
    forget_solved()
    forget_solved()
    assert read_solved() == set()


def test_windows_that_solve_at_once_lose_nothing():
    with ThreadPoolExecutor(8) as windows:
        list(windows.map(mark_solved, range(1, 41)))
    assert read_solved() == set(range(1, 41))
    assert [path.name for path in progress_path().parent.iterdir()] == [progress_path().name]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"solved": 3}', '{"solved": ["a"]}', "\0\0"])
def test_a_damaged_file_is_named_and_stays(content):
    progress_path().parent.mkdir(exist_ok=True)
    progress_path().write_text(content)
    with pytest.raises(ValueError, match=r"course\.json is no record of solved exercises. Delete it"):
        mark_solved(8)
    assert progress_path().read_text() == content
    forget_solved()
    assert mark_solved(8) == {8}
