"""A listing of several sets: what it says, and what is no listing."""

import pytest

from kerasface.data.masks.sets import MaskSet, read_sets

LABELS = '[labels]\nbackground = "background"\nskin = ["skin", "nose"]\n'


@pytest.fixture
def listing(tmp_path):
    (tmp_path / "labels.toml").write_text(LABELS)

    def write(text):
        path = tmp_path / "faces.toml"
        path.write_text(text)
        return path

    return write


def test_folders_are_named_from_where_the_listing_lies(listing, tmp_path):
    one, other = read_sets(
        listing(
            '[[sets]]\nfolder = "a/train"\nvalidation = "a/held out"\ngroups = "(x)"\nshare = 1\n'
            f'[[sets]]\nfolder = "{tmp_path.as_posix()}/b"\nlabels = "labels.toml"\nshare = 0.5\n'
        )
    )
    assert one == MaskSet(tmp_path / "a/train", tmp_path / "a/held out", "(x)", None, 1)
    assert (other.folder, other.labels.stands_for["skin"], other.share) == (tmp_path / "b", ("skin", "nose"), 0.5)
    assert (one.name, other.name) == ("a-train", "b")


def test_a_folder_is_one_set(tmp_path):
    assert read_sets(tmp_path / "faces") == [MaskSet(tmp_path / "faces")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sets = [", "no listing of sets, which is TOML"),
        ("", "Received: nothing"),
        ('classes = "a,b"', "Received: classes"),
        ('[[sets]]\nfolder = "a"\n[more]\nx = 1', "Received: sets, more"),
        ("sets = 3", "Received: sets"),
        ("[[sets]]\nshare = 1", "set 1: Received: share"),
        ('[[sets]]\nfolder = "a"\n[[sets]]\nfolder = "b"\nmap = "c"', "set 2: Received: folder, map"),
        ("[[sets]]\nfolder = 3", "Received: folder=3"),
        ('[[sets]]\nfolder = "a"\nshare = 0', "share=0"),
        ('[[sets]]\nfolder = "a"\nshare = "half"', "share='half'"),
        ('[[sets]]\nfolder = "a"\nlabels = "none.toml"', r"none\.toml cannot be read"),
        ('[[sets]]\nfolder = "a"\n[[sets]]\nfolder = "./a"', "names a folder twice"),
        ('[[sets]]\nfolder = "a"\nvalidation = "a"', "names a folder twice"),
        ('[[sets]]\nfolder = "a"\nshare = 1\n[[sets]]\nfolder = "b"', "none for b"),
        ('[[sets]]\nfolder = "x/a"\n[[sets]]\nfolder = "y/a"', "told apart by their folders' names. Received: a, a"),
    ],
)
def test_what_is_no_listing_is_named(listing, text, message):
    path = listing(text)
    with pytest.raises(ValueError, match=message):
        read_sets(path)
