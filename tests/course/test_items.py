"""All 102 items: each is complete, leads to pages and commands that exist, and has an exercise that can be solved."""

import ast
import contextlib
import functools
import re
import shlex
from pathlib import Path

import click
import pytest

from kerasface.course.checking import check_choice, check_number
from kerasface.course.finding import ITEMS, chapter_of, find_items, neighbors
from kerasface.course.outline import CHAPTERS
from kerasface.course.records import LECTURES, Choice, Command, Number, Page, shown
from tests.test_docs import check_kerasface

ROOT = Path(__file__).resolve().parents[2]
PAGES = {repr(lead): lead for item in ITEMS.values() for lead in item.leads if isinstance(lead, Page)}
COMMANDS = sorted({lead.text for item in ITEMS.values() for lead in item.leads if isinstance(lead, Command)})
NUMBERS = [item for item in ITEMS.values() if isinstance(item.exercise, Number)]


def test_all_items_of_the_lectures_are_there_once():
    assert sorted(item.number for chapter in CHAPTERS for item in chapter.items) == list(range(1, 103))
    assert [chapter.lecture for chapter in CHAPTERS] == sorted(chapter.lecture for chapter in CHAPTERS)
    assert {chapter.lecture for chapter in CHAPTERS} == set(LECTURES)
    assert len({item.title for item in ITEMS.values()}) == 102


@pytest.mark.parametrize("item", ITEMS.values(), ids=lambda item: str(item.number))
def test_an_item_is_complete(item):
    assert len(item.text) > 100
    assert item.leads
    assert len(item.title) <= 60
    assert set(item.also) <= set(LECTURES) - {chapter_of(item.number).lecture}
    if isinstance(item.exercise, Choice):
        assert check_choice(item.exercise, item.exercise.options[item.exercise.right]).right
        assert len(set(item.exercise.options)) == len(item.exercise.options)


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: str(item.number))
def test_the_answer_is_right_and_usual_mistakes_are_not(item):
    assert check_number(item.exercise, shown(item.exercise.answer)).right
    assert check_number(item.exercise, shown(item.exercise.answer).replace(",", " ").replace(".", ",")).right
    assert "{" not in item.exercise.explanation
    for wrong, sentence in item.exercise.traps:
        verdict = check_number(item.exercise, repr(float(wrong)))
        assert (verdict.right, verdict.sentence) == (False, sentence)


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: str(item.number))
def test_the_code_shown_computes_the_answer(item):
    names = {}
    exec(item.exercise.code, names)
    assert float(names[item.exercise.compute.__name__]()) == item.exercise.answer


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_parses(text):
    words = shlex.split(text)
    assert words[0] == "kerasface"
    with contextlib.suppress(click.exceptions.Exit):  # `--settings` prints and ends
        check_kerasface(words[1:])
    for recipe in re.findall(r"configs/\S+", text):
        assert (ROOT / recipe).is_file()


@functools.cache
def strings_of(page):
    """Every text in the Python files of a page, and the names of architectures."""
    script, folders = ROOT / "pages" / f"{page}.py", {"recognise": "recognize"}
    files = [script, *(script.parent / "parts" / folders.get(page, page)).rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    found = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if page == "architectures":
        from pages.parts.architectures.models import list_choices

        found |= set(list_choices())
    return found


@pytest.mark.parametrize("lead", PAGES.values(), ids=lambda lead: f"{lead.page} {dict(lead.query)}")
def test_a_page_and_its_state_exist(lead):
    """That it opens with this state is seen by tests/pages/test_lectures.py, which takes longer."""
    assert set(lead.query.values()) - strings_of(lead.page) == set()


def test_items_are_found():
    assert [item.number for item in find_items("75")][:1] == [75]
    assert find_items("softmax gradient")[0].number in (32, 39)
    assert find_items("item 75")[0].number == 75
    assert find_items("  ") == []
    assert find_items("xylophone") == []
    assert len(find_items("none")) < len(ITEMS) / 2  # most have no slip, which is no word of theirs
    assert {43, 90} <= {item.number for item in find_items("ALEXNET")}
    assert find_items("308,200")[0].number == 33
    assert find_items("cross correlation") == find_items("Cross-Correlation") != []
    assert 20 in {item.number for item in find_items("validátion folder")}


def test_the_way_goes_through_all_items():
    number, seen = 1, [1]
    while after := neighbors(number)[1]:
        assert neighbors(after.number)[0].number == number
        number = after.number
        seen.append(number)
    assert sorted(seen) == list(range(1, 103))
    assert neighbors(1)[0] is None
    with pytest.raises(ValueError, match="items 1 to 102"):
        chapter_of(103)
