"""What the course is made of: lectures, chapters, items, where an item can be seen at work, and exercises."""

import ast
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LECTURES = {
    "A": "Who is it? Classifying faces",
    "B": "From a linear classifier to AlexNet",
    "C": "Small networks, advice, segmentation, faces",
    "D": "Deep networks, and what they learn",
}


@dataclass(frozen=True)
class Page:
    """A page of the dashboard, with its state.

    Attributes:
        page: Its address, such as `playground`.
        label: What one finds there.
        query: State that goes into the address, such as `{"topic": "Softmax"}`.
    """

    page: str
    label: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A line for the terminal.

    Attributes:
        text: The line; words in capitals stand for something of the reader's.
        label: What it does.
    """

    text: str
    label: str


@dataclass(frozen=True)
class Number:
    """An exercise whose answer is a number, computed by the library itself.

    Attributes:
        question: What is asked.
        compute: Gives the answer; its few lines are shown as code.
        why: The explanation; `{answer}` becomes the answer.
        traps: What a usual mistake leads to, and what to say to it.
    """

    question: str
    compute: Callable[[], float]
    why: str
    traps: tuple[tuple[float, str], ...] = ()

    @property
    def answer(self) -> float:
        """What is right."""
        return float(self.compute())

    @property
    def explanation(self) -> str:
        """The explanation with the answer in it."""
        return self.why.replace("{answer}", shown(self.answer))

    @property
    def code(self) -> str:
        """The lines that compute the answer, with what they import."""
        used, lines = set(self.compute.__code__.co_names), []
        for node in ast.parse(inspect.getsource(inspect.getmodule(self.compute))).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
                lines += [ast.unparse(node)] if node.names else []
        return "\n".join([*lines, *(["", ""] if lines else []), inspect.getsource(self.compute)])


@dataclass(frozen=True)
class Choice:
    """An exercise with answers to choose from.

    Attributes:
        question: What is asked.
        options: The answers.
        right: Which of them is right, from 0.
        why: The explanation.
    """

    question: str
    options: tuple[str, ...]
    right: int
    why: str

    @property
    def explanation(self) -> str:
        """As that of `Number`."""
        return self.why


@dataclass(frozen=True)
class Item:
    """One thing that the lectures teach.

    Attributes:
        number: From 1 to 102.
        title: Its name.
        text: One paragraph, Markdown.
        leads: Where it can be seen at work, the best first.
        exercise: What to try oneself.
        also: Letters of other lectures that teach it, too.
        slip: What the slides have wrong, if anything.
    """

    number: int
    title: str
    text: str
    leads: tuple[Page | Command, ...]
    exercise: Number | Choice
    also: str = ""
    slip: str | None = None


@dataclass(frozen=True)
class Chapter:
    """Items that belong together.

    Attributes:
        lecture: A letter of `LECTURES`.
        title: Its name.
        items: In the order in which they are taught.
    """

    lecture: str
    title: str
    items: tuple[Item, ...]


def page(address: str, label: str, **query: str) -> Page:
    """A lead to a page, such as `page("playground", "Move the logits", topic="Softmax")`."""
    return Page(address, label, query)


def shown(value: float) -> str:
    """A number as people write it: whole ones with commas, others with four digits."""
    if math.isclose(value, round(value), rel_tol=1e-12) and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:,.4f}".rstrip("0") if abs(value) >= 0.01 else f"{value:.3g}"
