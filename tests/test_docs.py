"""README and docs are true: commands parse, Python blocks run and print what they say, nothing is missing or stale."""

import contextlib
import importlib.util
import io
import re
import shlex

import click
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data
from sklearn.datasets import load_digits

from kerasface.cli import main
from kerasface.data.samples import draw_digit
from tests.documents import PAGES, ROOT, blocks_of, scripts_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SHELL_LINES = sorted(
    {
        line.split("  #")[0].strip()
        for page in PAGES
        for language, text in blocks_of(page)
        if language in ("bash", "sh", "shell", "console")
        for line in text.replace("\\\n", " ").splitlines()
        if line.strip()
    }
)
# Their Python builds networks, which takes longer than default tests may. tests/test_front_door.py has the same calls.
SLOW = {"README.md", "galleries.md", "python.md", "training.md"}


@pytest.fixture(scope="module")
def cli_page():
    spec = importlib.util.spec_from_file_location("docs_cli", ROOT / "docs" / "cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def check_kerasface(words):
    # As `main` itself makes it: commands keep their help option from the first context that asks for it.
    context = click.Context(main, **main.context_settings)
    command = main
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        context = click.Context(command, parent=context, info_name=name)
    command.parse_args(context, words)  # raises UsageError on an unknown option or a missing argument


def check_files(words):
    """Of a script, a requirement list or an environment: the files that are named are there."""
    for word in words:
        if word.endswith((".py", ".txt", ".toml")) or word.startswith((".ci/", "benchmarks/")):
            assert (ROOT / word).is_file(), word


def check_make(words):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in (word for word in words if "=" not in word):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


CHECKS = {
    "kerasface": check_kerasface,
    "make": check_make,
    **dict.fromkeys(("python", "python3", "pip", "pytest", ".", ".ci/run", "docker"), check_files),
}


@pytest.mark.parametrize("line", SHELL_LINES)
def test_commands_of_the_documents_parse(line):
    line = re.sub(r"^python -m kerasface\.train", "kerasface train", line)
    for command in re.split(r"\s+&&\s+", line):
        words = shlex.split(command)
        CHECKS[words[0]](words[1:])


def inline_commands():
    """Commands in the middle of a sentence or a table, such as `kerasface app`; their capitals stand for something."""
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        yield from re.findall(r"`(kerasface [^`]+)`", prose)


@pytest.mark.parametrize("line", sorted(set(inline_commands())))
def test_commands_in_sentences_have_these_options(line):
    command, words = main, line.split()[1:]
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options


def section_of(page, anchor):
    """The text of a section, by the anchor of its heading."""
    sections = re.split(r"^#+ ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = [section for section in sections if anchor_of(section.splitlines()[0] if section else "") == anchor]
    return found


def anchor_of(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def test_the_figures_of_the_claims_stand_where_they_link_to():
    claims = re.findall(
        r"^\d\. .*?(?=^\d\. |\Z)", section_of(ROOT / "README.md", "what-it-claims"), re.DOTALL | re.MULTILINE
    )
    assert len(claims) == 5
    for claim in claims:
        anchors = re.findall(r"\(benchmarks/RESULTS\.md#([\w-]+)\)", claim)
        told = "".join(section_of(ROOT / "benchmarks" / "RESULTS.md", anchor) for anchor in anchors)
        figures = re.findall(r"\d+\.\d+(?:e-\d+)?", re.sub(r"\([^)]*\)", "", claim))
        assert figures
        assert {figure for figure in figures if figure not in told} == set()


def test_every_page_of_the_documents_is_linked_in_the_readme():
    linked = {(ROOT / target).resolve() for target in re.findall(r"\]\(([^)#:]+)", README)}
    assert {page for page in PAGES if page != ROOT / "README.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in map(anchor_of, headings)


@pytest.mark.parametrize(("words", "command"), list(commands(main)))
def test_every_command_stands_in_the_documents_and_has_help(words, command):
    table = CLI.split("<!--")[0]
    assert f"kerasface {' '.join(words)}" in table
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_page_of_commands_is_up_to_date(cli_page):
    assert CLI.partition(cli_page.MARK)[2] == cli_page.generated(), "Run: python docs/cli.py"


def test_the_page_of_commands_shows_what_the_program_prints(cli_page):
    width = dict.fromkeys(("terminal_width", "max_content_width"), cli_page.WIDTH)
    printed = CliRunner().invoke(main, ["people", "merge", "--help"], prog_name="kerasface", **width).output
    assert cli_page.help_of(("people", "merge")) == "\n".join(line.rstrip() for line in printed.splitlines())


@pytest.mark.parametrize(
    ("requirements", "heading"), [("requirements.txt", "|"), ("requirements-test.txt", "Optional, for")]
)
def test_every_requirement_stands_in_the_documents_with_its_reason(requirements, heading):
    page = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    section = page.split("## Dependencies and why")[1].split("\n## ")[0]
    for line in (ROOT / requirements).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name = re.match(r"[a-z0-9-]+", line)[0].removesuffix("-cpu")
            assert name in section[section.index(heading) :]


def test_every_folder_stands_in_the_picture_of_the_house():
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    folders = {file.parent.name for file in (ROOT / "kerasface").rglob("__init__.py")} - {"kerasface"}
    assert {folder for folder in folders if not re.search(rf"\b{folder}\b", picture)} == set()


def test_no_line_of_the_changelog_stands_twice():
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    items = [line for line in lines if line.startswith("- ")]
    assert len(items) == len(set(items))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the photos that the documents name, in which their code runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photo = Image.fromarray(data.astronaut())
    for name in ("ada.jpg", "photo1.jpg"):
        photo.save(name, quality=95)
    for name in ("photo2.jpg", "party.jpg"):
        photo.resize((400, 400)).save(name, quality=90)
    Image.fromarray(draw_digit(7)).save("seven.png")  # the first ten are 0 to 9, and so on
    return tmp_path


def shape_of(text):
    """The lines of a text, every number in them the same."""
    return [re.sub(r"\d+(?:\.\d+)?", "0", line) for line in text.strip().splitlines()]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page.name in SLOW else (), id=page.name)
        for page in PAGES
        # Blocks that are files of the project (test_extension.py), or ask a service (service/test_http.py).
        if scripts_of(page) and page.name not in ("architecture.md", "service.md")
    ],
)
def test_python_of_the_documents_runs_and_prints_what_they_say(page, folder):
    for index in range(240) if page.name == "training.md" else ():
        if (digit := load_digits().target[index]) < 2:
            (folder / "digits" / str(digit)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_digit(index)).save(folder / "digits" / str(digit) / f"{index}.png")
    names = {"__name__": "__main__"}
    for script, expected in scripts_of(page):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(script, str(page), "exec"), names)
        if expected is not None:
            assert printed.getvalue() == expected


@pytest.mark.slow
def test_the_verdict_in_the_readme_is_what_verify_prints(folder):
    shown = re.search(r"kerasface verify photo1.*?```text\n(.*?)```", README, flags=re.DOTALL)[1]
    result = CliRunner().invoke(main, ["verify", "photo1.jpg", "photo2.jpg"])
    assert result.exit_code == 0
    assert shape_of(shown) == shape_of(result.stdout)[:-1]  # the last line says where and how long
