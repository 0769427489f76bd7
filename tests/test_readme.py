"""README tells the truth: its commands parse, its targets exist, every command of the tool stands in it."""

import re
import shlex
from pathlib import Path

import click
import pytest

from kerasface.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINES = [
    line.split("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith(("kerasface", "python -m kerasface"))
]


def commands(group, path=()):
    """Yields every command below `group` as `(words, command)`."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_first_block_is_the_two_commands():
    first = re.search(r"```bash\n(.*?)```", README, flags=re.DOTALL)[1]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make app", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^app:", makefile, flags=re.MULTILINE)
    assert re.search(r"^test:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_commands_of_the_readme_parse(line):
    words = shlex.split(re.sub(r"^python -m kerasface\.train", "kerasface train", line))[1:]
    # As `main` itself makes it: commands keep their help option from the first context that asks for it.
    context = click.Context(main, **main.context_settings)
    command = main
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        context = click.Context(command, parent=context, info_name=name)
    command.parse_args(context, words)  # raises UsageError on an unknown option or a missing argument


@pytest.mark.parametrize(("words", "command"), list(commands(main)))
def test_every_command_stands_in_the_readme_and_has_help(words, command):
    assert f"kerasface {' '.join(words)}" in README
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_every_requirement_stands_in_the_readme_with_its_reason():
    section = README.split("## Dependencies and why")[1].split("\n## ")[0]
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name = re.match(r"[a-z-]+", line)[0].removesuffix("-cpu")
            assert name in section


def test_every_folder_stands_in_the_picture_of_the_house():
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    folders = {file.parent.name for file in (ROOT / "kerasface").rglob("__init__.py")} - {"kerasface"}
    assert {folder for folder in folders if not re.search(rf"\b{folder}\b", picture)} == set()
