"""Paths as users give them: `~` is the user's home wherever it stands."""

import errno
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.data.archives import unpack
from kerasface.files.paths import default_cache_folder, user_path
from kerasface.files.writing import write_atomically
from kerasface.gallery.keys import key_path
from kerasface.train.metric_learning.recipe import MetricRecipe
from kerasface.train.recipe import ClassifyRecipe, build_recipe, read_recipe
from kerasface.train.segmentation.recipe import SegmentRecipe


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder that is the user's home; the working folder is another one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def parameters(command, words=()):
    """Yields `(words, parameter)` of every command below `command`."""
    for parameter in command.params:
        yield " ".join(words), parameter
    for name, below in getattr(command, "commands", {}).items():
        yield from parameters(below, (*words, name))


def test_a_tilde_is_the_home_and_a_name_that_begins_with_one_is_a_name(home):
    assert user_path("~/photos") == home / "photos"
    assert user_path(Path("~")) == home
    assert user_path("photos/~/a") == Path("photos/~/a")
    assert user_path("~nobody of that name/a") == Path("~nobody of that name/a")


def test_every_path_of_the_command_line_knows_the_home(home):
    paths = [(words, one) for words, one in parameters(main) if isinstance(one.type, click.Path)]
    assert {"detect", "enroll", "train classify", "evaluate verification", "people export"} <= {w for w, _ in paths}
    for words, one in paths:
        wanted = home if one.type.file_okay is False else home / "x"
        given = "~" if one.type.file_okay is False else "~/x"
        assert one.type.convert(given, one, None) == wanted, (words, one.name)


def test_commands_read_and_write_in_the_home(home):
    Image.new("RGB", (80, 60), "grey").save(home / "wall.png")
    (home / "models").mkdir()
    result = CliRunner().invoke(main, ["detect", "~/wall.png"])
    assert (result.exit_code, result.stdout) == (0, f"{home / 'wall.png'}: no faces\n")
    assert CliRunner().invoke(main, ["sample", "digits", "~/new/digits"]).exit_code == 0
    assert (home / "new" / "digits" / "7").is_dir()
    assert CliRunner().invoke(main, ["models", "--runs=~/models"]).exit_code == 0
    assert not list(Path.cwd().iterdir())


def test_a_gallery_named_by_the_environment_lies_in_the_home(home, monkeypatch):
    monkeypatch.setenv("KERASFACE_GALLERY", "~/people.gallery")
    monkeypatch.setenv("KERASFACE_KEY", "01" * 32)
    result = CliRunner().invoke(main, ["people", "list"])
    assert str(home / "people.gallery") in result.output


def test_folders_named_by_the_environment_lie_in_the_home(home, monkeypatch):
    monkeypatch.setenv("KERASFACE_CACHE", "~/cache")
    monkeypatch.setenv("XDG_CONFIG_HOME", "~/configuration")
    assert default_cache_folder() == home / "cache"
    assert key_path() == home / "configuration" / "kerasface" / "gallery.key"
    monkeypatch.delenv("KERASFACE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/caches")
    assert default_cache_folder() == home / "caches" / "kerasface"


@pytest.mark.parametrize(
    ("kind", "names"), [(ClassifyRecipe, ("unknown", "curation")), (SegmentRecipe, ("validation", "backgrounds"))]
)
def test_paths_of_a_recipe_lie_in_the_home(kind, names, home):
    (home / "recipe.toml").write_text("".join(f'{name} = "~/{name}"\n' for name in names), encoding="utf-8")
    recipe = build_recipe(read_recipe(home / "recipe.toml", kind), kind)
    assert [getattr(recipe, name) for name in names] == [str(home / name) for name in names]


@pytest.mark.parametrize("kind", [ClassifyRecipe, MetricRecipe, SegmentRecipe])
def test_every_setting_that_is_a_folder_is_known_for_one(kind):
    for entry in kind.__dataclass_fields__.values():
        told = entry.metadata["help"]
        names_a_path = told.startswith(("Folder", "File", "List of pictures")) or "those of a file" in told
        assert entry.metadata["is_path"] == names_a_path, entry.name


def test_a_photo_with_a_fault_is_read_and_noted(home):
    Image.new("RGB", (80, 60), "grey").save(home / "whole.jpg")
    (home / "cut.jpg").write_bytes((home / "whole.jpg").read_bytes()[:-2])
    note = f"{home / 'cut.jpg'}: The file's end is missing; all pixels are there."
    result = CliRunner().invoke(main, ["detect", "~/cut.jpg", "~/whole.jpg"])
    assert (result.exit_code, result.stdout.count("no faces")) == (0, 2)
    assert result.stderr.startswith(f"Note: {note}")
    result = CliRunner().invoke(main, ["detect", "~/cut.jpg", "~/whole.jpg", "--json"])
    cut, whole = json.loads(result.stdout)
    assert [text.startswith(note) for text in cut["notes"]] == [True]
    assert "notes" not in whole


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_that_the_disk_does_not_take_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    path = tmp_path / "result.npz"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match=r"result\.npz cannot be written: No space left on device\. Free space") as caught:
        write_atomically(path, full)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"result\.npz cannot be written"):
        write_atomically(path, b"after")
    assert [file.name for file in tmp_path.iterdir()] == ["result.npz"]
    assert path.read_bytes() == b"before"


def test_an_archive_that_the_disk_does_not_take_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    packed, picture = io.BytesIO(), io.BytesIO()
    Image.new("L", (4, 4)).save(picture, "PNG")
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("Ada/1.png", "Bob/1.png"):
            archive.writestr(name, picture.getvalue())
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match=r"people.Ada.1\.png cannot be written: No space left on device"):
        unpack(packed.getvalue(), tmp_path / "people")
    assert not list(tmp_path.iterdir())


def test_a_sample_that_the_disk_does_not_take_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    save, saved = Image.Image.save, []

    def until_full(image, path, *arguments):
        saved.append(path)
        return full() if len(saved) > 5 else save(image, path, *arguments)

    monkeypatch.setattr(Image.Image, "save", until_full)
    result = CliRunner().invoke(main, ["sample", "digits", str(tmp_path / "digits")])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(tmp_path / "digits") in result.stderr
    assert "No space left on device" in result.stderr
    assert len(saved) == 6
    assert not list(tmp_path.iterdir())
