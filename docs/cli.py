"""Writes the lower part of docs/cli.md: the help of every command, as the program itself prints it.

    python docs/cli.py

A test says when the file is stale.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from kerasface.cli import main

PAGE = Path(__file__).parent / "cli.md"
MARK = "<!-- Below this line everything is written by docs/cli.py. -->\n"
WIDTH = 100  # characters


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yields every command below `group` as `(words, command)`, groups themselves left out."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def help_of(words: tuple[str, ...]) -> str:
    """Returns what `kerasface WORDS --help` prints."""
    command, context = main, click.Context(main, info_name="kerasface", **main.context_settings)
    for word in words:
        command = command.commands[word]
        context = click.Context(command, parent=context, info_name=word, terminal_width=WIDTH, max_content_width=WIDTH)
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def generated() -> str:
    """Returns what stands below the mark."""
    return "".join(
        f"\n## kerasface {' '.join(words)}\n\n```text\n{help_of(words)}\n```\n" for words, _ in commands(main)
    )


if __name__ == "__main__":
    above = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    PAGE.write_text(above + MARK + generated(), encoding="utf-8")
