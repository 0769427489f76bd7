"""The whole course in order, an item by its number, and a search over all of them."""

import re
import unicodedata

from kerasface.course.outline import CHAPTERS
from kerasface.course.records import Chapter, Item

ITEMS: dict[int, Item] = {item.number: item for chapter in CHAPTERS for item in chapter.items}


def chapter_of(number: int) -> Chapter:
    """Returns the chapter of an item.

    Raises:
        ValueError: If there is no such item.
    """
    for chapter in CHAPTERS:
        if any(item.number == number for item in chapter.items):
            return chapter
    raise ValueError(f"The course has items {min(ITEMS)} to {max(ITEMS)}. Received: {number}.")


def neighbors(number: int) -> tuple[Item | None, Item | None]:
    """Returns the items before and after one, in the order of the course."""
    order = list(ITEMS)
    place = order.index(number)
    before = ITEMS[order[place - 1]] if place else None
    return before, ITEMS[order[place + 1]] if place + 1 < len(order) else None


def find_items(query: str) -> list[Item]:
    """Returns the items that have every word of a search, best first: in the title before in the text.

    A word is found in the middle of others, without regard to case, accents or hyphens; a number alone finds that item
    first.
    """
    words = [word for word in _words(query) if word != "item"]
    if not words:
        return []
    found = []
    for place, item in enumerate(ITEMS.values()):
        title, rest = (
            " ".join(_words(item.title)),
            " ".join(_words(f"{item.text} {item.exercise.question} {item.slip or ''}")),
        )
        if not all(word in title or word in rest or word == str(item.number) for word in words):
            continue
        score = sum(10 * (word == str(item.number)) + 3 * (word in title) + (word in rest) for word in words)
        found.append((-score, place, item))
    return [item for _, _, item in sorted(found, key=lambda entry: entry[:2])]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.findall(r"[a-z0-9]+", plain)
