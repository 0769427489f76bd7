"""How a run learned, out of its file."""

import pytest

from kerasface.runs.history import read_history
from kerasface.runs.store import RunError


def test_numbers_are_numbers_and_gaps_are_left_out(tmp_path):
    (tmp_path / "history.csv").write_text("stage,epoch,loss,val_loss\nhead,1,2.5,\nhead,2,1.5,nan\n", encoding="utf-8")
    first, second = read_history(tmp_path)
    assert first == {"stage": "head", "epoch": 1, "loss": 2.5}
    assert second["val_loss"] != second["val_loss"]


def test_nothing_trained_is_no_epoch(tmp_path):
    (tmp_path / "history.csv").touch()
    assert read_history(tmp_path) == []


def test_what_is_beyond_the_columns_is_left_out(tmp_path):
    (tmp_path / "history.csv").write_text("a,b\n1,2,3\n")
    assert read_history(tmp_path) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_history_that_is_none_is_a_sentence(tmp_path, content):
    if content is not None:
        (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(RunError, match=r"history\.csv"):
        read_history(tmp_path)
