"""The standard streams of the command line: closed, full, unread or not in UTF-8, and names that are no text."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasface.runs.card import ModelCard
from kerasface.terminal.streams import printable, to_json

ROOT = Path(__file__).resolve().parents[2]
# A command line of the product's kind, without the seconds that its networks take to start.
SAY = """
import sys, click
from kerasface.terminal.streams import print_json
from kerasface.train.__main__ import Program

@click.command(cls=Program, invoke_without_command=True)
def say():
    if sys.argv[1] == "json":
        print_json({"names": WORDS, "share": float("nan")})
    for word in WORDS if sys.argv[1] == "text" else ():
        click.echo(word)
    click.echo(WORDS[0], err=True)

WORDS, sys.argv[2:] = sys.argv[2:], []
say(args=[])
"""
NAMES = [
    "Jos\udce9.jpg",
    "José.jpg",
    "日本.jpg",
    "ed\udced\udca0\udc80.jpg",
]  # Latin-1, UTF-8 and half a surrogate pair
SHOWN = [r"Jos\xe9.jpg", "José.jpg", "日本.jpg", r"ed\xed\xa0\x80.jpg"]
LOCALES = {
    "utf-8": {"LC_ALL": "C.UTF-8"},
    "posix": {"LC_ALL": "POSIX"},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"},
    "utf-16": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-16"},
}
COMMAND = [sys.executable, "-m", "kerasface"]


def say(kind, *words, redirect="", **environment):
    """Runs `SAY` behind a shell that redirects its streams."""
    command = ["sh", "-c", f'"$@" {redirect}', "sh", sys.executable, "-c", SAY, kind, *map(os.fsencode, words)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHON", "LANG"))}
    return subprocess.run(
        command, cwd=ROOT, env={**clean, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, check=False
    )


@pytest.mark.parametrize("settings", LOCALES.values(), ids=LOCALES)
def test_json_is_utf_8_for_any_name_in_any_locale(settings):
    done = say("json", *NAMES, **settings)
    assert json.loads(done.stdout.decode("utf-8")) == {"names": SHOWN, "share": None}
    assert done.returncode == 0
    assert b"Error" not in done.stderr


@pytest.mark.parametrize("locale", ["utf-8", "ascii", "latin-1"])
def test_text_is_written_for_any_name_in_any_locale(locale):
    settings = LOCALES[locale]
    done = say("text", *NAMES, **settings)
    assert done.returncode == 0
    encoding = settings.get("PYTHONIOENCODING", "utf-8")
    lines = done.stdout.decode(encoding).split("\n")
    assert lines[:2] == SHOWN[:2]
    assert lines[3] == SHOWN[3]
    assert lines[2] == (SHOWN[2] if encoding != "latin-1" else r"\u65e5\u672c.jpg")


ORDERS = ["a\x1b]52;c;ZXZpbA==\x07.jpg", "b\x1b[2J\x9b31m\r.jpg", "c\u202egpj.exe", "日本\u200d é\tx.jpg"]


def on_a_terminal(command, *words):
    """What a program writes to a terminal that is all of its streams."""
    ours, its = os.openpty()
    with subprocess.Popen([*command, *words], cwd=ROOT, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        heard = b""
        with contextlib.suppress(OSError):  # the end, as Linux has it
            while part := os.read(ours, 65536):
                heard += part
        os.close(ours)
    return heard.decode(), process.returncode


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="There are no pseudo-terminals here.")
@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_terminal_shows_what_it_would_obey_in_a_name(kind):
    heard, code = on_a_terminal([sys.executable, "-c", SAY, kind], *ORDERS)
    assert code == 0
    assert not set(heard) & set("\x1b\x07\x9b\u202e")
    if kind == "json":
        assert json.loads(heard.splitlines()[0])["names"] == ORDERS
    else:
        shown = [r"a\x1b]52;c;ZXZpbA==\x07.jpg", r"b\x1b[2J\x9b31m\r.jpg", r"c\u202egpj.exe", ORDERS[3]]
        assert [line.expandtabs() for line in heard.splitlines()] == [line.expandtabs() for line in [*shown, shown[0]]]


def test_in_a_pipe_names_stay_as_they_are():
    names = [ORDERS[0], *ORDERS[2:]]  # of the other one Click takes away what would clear a screen
    assert say("text", *names).stdout.decode().split("\n")[:-1] == names


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="There are no pseudo-terminals here.")
def test_a_bar_is_drawn_all_the_same():
    draw = """
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.streams import use_standard_streams
import sys
use_standard_streams()
with progress_bars() as report:
    report("reading", 1, 2)
    report("reading", 2, 2)
print("done\\x1b[2J", file=sys.stderr)
"""
    heard, code = on_a_terminal([sys.executable, "-c", draw])
    assert code == 0
    assert "\x1b[" in heard
    assert "reading" in heard
    assert heard.endswith("done\\x1b[2J\r\n")


def test_two_names_that_are_no_text_stay_two():
    assert printable("a\udce9") != printable("a\udcea")
    assert printable(Path("plain é")) == "plain é"
    assert json.loads(to_json({"a\udce9\\": 'b\udce9"'})) == {r"a\xe9" + "\\": r"b\xe9" + '"'}


def test_a_number_that_is_not_finite_is_null():
    assert to_json({"a": [float("inf"), 1.5], "b": (float("nan"),)}) == '{"a": [null, 1.5], "b": [null]}'


@pytest.mark.parametrize(
    ("redirect", "code", "heard"),
    [
        (">&-", 0, b"word\n"),
        ("2>&-", 0, b""),
        ("<&- >&- 2>&-", 0, b""),
        ("2>/dev/full", 0, b""),
        (
            ">/dev/full",
            1,
            b"Error: The results cannot be written to the standard output: No space left on device.\n",
        ),
    ],
)
def test_streams_that_are_closed_or_full(redirect, code, heard):
    done = say("text", "word", redirect=redirect)
    assert (done.returncode, done.stderr) == (code, heard)


def run_unread(command, stream, **options):
    """Runs a command the reader of whose stdout or stderr has gone before it writes; returns its exit code and words.

    A file that the command opens must not get the number of a closed stream: this pipe is open, and broken.
    """
    reader, writer = os.pipe()
    os.close(reader)
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    try:
        done = subprocess.run(command, **{stream: writer, other: subprocess.PIPE}, check=False, **options)
    finally:
        os.close(writer)
    return done.returncode, getattr(done, other)


@pytest.mark.parametrize("words", [["--help"], ["people", "list", "--gallery", "GALLERY", "--json"]], ids=" ".join)
def test_a_reader_that_goes_away_ends_the_command_without_a_word(words, tmp_path):
    from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
    from kerasface.gallery.opening import open_gallery

    file = tmp_path / "some.gallery"
    open_gallery(file, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, create=True).close()
    words = [str(file) if word == "GALLERY" else word for word in words]
    assert run_unread([*COMMAND, *words], "stdout", cwd=ROOT) == (141, b"")


def test_work_goes_on_where_nobody_reads_its_words():
    """As `2>&1 | head` has it: a training of hours does not end because its bars are not seen."""
    code, result = run_unread([sys.executable, "-c", PROGRESS], "stderr", cwd=ROOT)
    assert (code, result) == (0, b"done\n")


PROGRESS = """
import click
from kerasface.terminal.progress import progress_bars
from kerasface.train.__main__ import Program

@click.command(cls=Program, invoke_without_command=True)
def work():
    with progress_bars() as report:
        for step in range(50):
            report("steps", step, 49)
            click.echo("a word", err=True)
    click.echo("done")

work(args=[])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirect", "code", "said"),
    [("2>&-", 0, b"wall.png: no faces\n"), (">&-", 0, b""), (">/dev/full", 1, b""), ("", 0, b"wall.png: no faces\n")],
)
def test_a_command_with_networks_and_streams_that_are_closed_or_full(redirect, code, said, tmp_path):
    from PIL import Image

    Image.new("RGB", (80, 60), "grey").save(tmp_path / "wall.png")
    command = ["sh", "-c", f'"$@" {redirect}', "sh", *COMMAND, "detect", "wall.png"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (code, said)
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == code


def test_files_of_a_run_are_utf_8_for_any_name(tmp_path):
    """What a training writes of the files that it could not use: card, table and page."""
    import keras

    from kerasface.runs.store import load_run, write_run

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    card = {"task": "classify", "input": {}, "labels": ["a", "b"], "data": {"folder": NAMES[0]}}
    rejected, page = [(NAMES[0], "no image")], {"report.html": f"<p>{NAMES[0]}</p>"}
    write_run(
        tmp_path,
        "m",
        model=model,
        card=ModelCard.from_dict(card),
        metrics={},
        history=[],
        rejected=rejected,
        files=page,
    )
    assert load_run(tmp_path, "m").card.data == {"folder": SHOWN[0]}
    for name in ("rejected.csv", "report.html"):
        assert SHOWN[0] in (tmp_path / "m" / name).read_bytes().decode("utf-8")
