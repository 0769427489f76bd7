"""Writes docs/course.md: every item of the lectures, with what shows it and its exercise.

    python docs/course.py

A test says when the file is stale.
"""

from pathlib import Path

from kerasface.course.outline import CHAPTERS
from kerasface.course.records import LECTURES, Choice, Command, Item, Page, shown

FILE = Path(__file__).parent / "course.md"
ABOVE = """# The course

Four lectures on networks that see pictures and faces, item by item: what it is, where to try it, an exercise. The page
Lectures of the dashboard has the same, with answers that are checked. Pages are given with what follows the address of
the dashboard, as in `http://localhost:8501/playground?topic=softmax`. This file is written by `python docs/course.py`.
"""


def lead_line(lead: Page | Command) -> str:
    """One place where an item is at work."""
    if isinstance(lead, Command):
        return f"- `{lead.text}`: {lead.label}"
    query = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in lead.query.items())
    return f"- Page {lead.page.capitalize()}, `/{lead.page}{'?' if query else ''}{query}`: {lead.label}"


def item_text(item: Item) -> str:
    """The part of an item."""
    exercise = item.exercise
    answer = exercise.options[exercise.right] if isinstance(exercise, Choice) else shown(exercise.answer)
    options = f" ({' · '.join(exercise.options)})" if isinstance(exercise, Choice) else ""
    parts = [
        f"### {item.number}. {item.title}",
        item.text,
        *([f"*A slip of the slides:* {item.slip}"] if item.slip else []),
        "\n".join(map(lead_line, item.leads)),
        f"**Exercise.** {exercise.question}{options}",
        f"<details><summary>Answer</summary>{answer}: {exercise.explanation}</details>",
    ]
    return "\n\n".join(parts)


def generated() -> str:
    """Returns the whole file."""
    parts = [ABOVE.rstrip()]
    for letter, title in LECTURES.items():
        parts.append(f"## Lecture {letter}: {title}")
        for chapter in (chapter for chapter in CHAPTERS if chapter.lecture == letter):
            parts.append(f"**{chapter.title}**")
            parts += [item_text(item) for item in chapter.items]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    FILE.write_text(generated(), encoding="utf-8")
