"""Tables of pairs, and the LFW format: both headers, every bad line with its number, missing images told apart."""

from collections import Counter
from pathlib import Path

import pytest

from kerasface.data.pairs import Pair, PairsError, check_images, missing_images, persons_of, read_pairs

TWO_FOLDS = "2\t1\nAda\t1\t2\nAda\t1\tBob\t12\nBob\t3\t4\nBob\t3\tEve\t1\n"


@pytest.fixture
def write(tmp_path):
    def write_text(text):
        path = tmp_path / "pairs.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_text


def test_view_2(write):
    photos = Path("photos")
    assert read_pairs(write(TWO_FOLDS), "photos") == [
        Pair(photos / "Ada/Ada_0001.jpg", photos / "Ada/Ada_0002.jpg", same=True, fold=0, line=2),
        Pair(photos / "Ada/Ada_0001.jpg", photos / "Bob/Bob_0012.jpg", same=False, fold=0, line=3),
        Pair(photos / "Bob/Bob_0003.jpg", photos / "Bob/Bob_0004.jpg", same=True, fold=1, line=4),
        Pair(photos / "Bob/Bob_0003.jpg", photos / "Eve/Eve_0001.jpg", same=False, fold=1, line=5),
    ]


def test_view_1_is_one_fold(write):
    pairs = read_pairs(write("2\nAda\t1\t2\nAda\t2\t3\nAda\t1\tBob\t1\nAda\t1\tEve\t1\n"), "photos")
    assert [pair.same for pair in pairs] == [True, True, False, False]
    assert {pair.fold for pair in pairs} == {0}


def test_line_ends_byte_order_mark_blanks_and_empty_lines(write):
    plain = read_pairs(write(TWO_FOLDS), "photos")
    assert read_pairs(write("\ufeff" + TWO_FOLDS.replace("\n", "\r\n")), "photos") == plain
    assert read_pairs(write(TWO_FOLDS.replace("\t", " ")), "photos") == plain
    spaced = read_pairs(write(TWO_FOLDS.replace("2\t1\n", "2\t1\n\n", 1) + "\n\n"), "photos")
    assert [pair.line for pair in spaced] == [3, 4, 5, 6]


def test_names_with_blanks_and_other_letters(write):
    (pair, _) = read_pairs(write("1\t1\nZoë de Vries\t1\t10000\nZoë de Vries\t1\t张伟\t1\n"), "photos")
    assert pair.path_b == Path("photos/Zoë de Vries/Zoë de Vries_10000.jpg")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty"),
        ("ten\t300\n", "line 1: A whole number from 1 .* Received: 'ten'"),
        ("0\t1\n", "line 1: A whole number"),
        ("1\t1\t1\n", "line 1: The header is"),
        ("1\t1\nAda\t1\t2\n", r"line 1: The header promises 1 x 2 x 1 = 2 pairs\. Received: 1, the last on line 2"),
        (TWO_FOLDS + "Ada\t1\t2\n", "promises .* = 4 pairs. Received: 5, the last on line 6"),
        ("1\t1\nAda\t1\tBob\t2\nAda\t1\tBob\t1\n", "line 2: A genuine pair is: name i j"),
        ("1\t1\nAda\t1\t2\nAda\t1\t2\n", "line 3: An impostor pair is: name i name j"),
        ("1\t1\nAda\t1\t2\n\nAda\t1\tAda\t2\n", "line 4: An impostor pair names two identities"),
        ("1\t1\nAda\t1\t-2\nAda\t1\tBob\t2\n", "line 2: .* Received: '-2'"),
        ("1\t1\nAda\t1\t0\nAda\t1\tBob\t2\n", "line 2: .* Received: '0'"),
        ("1\t1\nAda\t1\t²\nAda\t1\tBob\t2\n", "line 2: .* Received: '²'"),
        ("1\t1\n..\t1\t2\nAda\t1\tBob\t2\n", "line 2: A name is the name of one folder"),
        ("1\t1\nAda\t1\t2\nAda\t1\t../Bob\t2\n", "line 3: A name is the name of one folder"),
        (b"1\t1\nAd\xe9\t1\t2\n", r"Not UTF-8 text \(byte 6\)"),
    ],
)
def test_bad_lists(write, text, message):
    with pytest.raises(PairsError, match=message) as caught:
        read_pairs(write(text), "photos")
    assert "pairs.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_cannot_be_read(tmp_path):
    with pytest.raises(PairsError, match=r"absent\.txt: Cannot be read"):
        read_pairs(tmp_path / "absent.txt", "photos")
    with pytest.raises(PairsError, match="Cannot be read"):
        read_pairs(tmp_path, "photos")


def test_missing_images_are_listed_by_line(write, tmp_path):
    (tmp_path / "Ada").mkdir()
    (tmp_path / "Ada" / "Ada_0001.jpg").touch()
    missing = missing_images(read_pairs(write(TWO_FOLDS), tmp_path))
    assert [(line, path.name) for line, path in missing] == [
        (2, "Ada_0002.jpg"),
        (3, "Bob_0012.jpg"),
        (4, "Bob_0003.jpg"),
        (4, "Bob_0004.jpg"),
        (5, "Bob_0003.jpg"),
        (5, "Eve_0001.jpg"),
    ]


@pytest.mark.data
def test_lfw_itself(lfw_dir):
    pairs = read_pairs(lfw_dir / "pairs.txt", lfw_dir / "images")
    assert Counter((pair.fold, pair.same) for pair in pairs) == {
        (fold, same): 300 for fold in range(5) for same in (True, False)
    }
    assert missing_images(pairs) == []
    assert all((pair.path_a.parent == pair.path_b.parent) == pair.same for pair in pairs)


def test_a_table(write):
    text = "note, a , B,same,fold\n,x.jpg,ada/y.png,Yes,0\n\n'  ',\"z, 1.jpg\",x.jpg,0,2\n"
    assert read_pairs(write(text), "photos") == [
        Pair(Path("photos/x.jpg"), Path("photos/ada/y.png"), same=True, fold=0, line=2),
        Pair(Path("photos/z, 1.jpg"), Path("photos/x.jpg"), same=False, fold=2, line=4),
    ]
    assert [pair.fold for pair in read_pairs(write("a,b,same\nx,y,different\nx,z,TRUE\n"), "photos")] == [0, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\nx,y\n", "line 1: The header names the columns a, b, same"),
        ("a,b,same,a\nx,y,1,x\n", "so a cannot be told"),
        ("a,b,same\nx,y\n", "line 2: The header has 3 columns. Received: 2"),
        ("a,b,same\nx,y,1\nx,x,1\n", "line 3: A pair is two files"),
        ("a,b,same\nx,,1\n", "line 2: A pair is two files"),
        ("a,b,same\nx,y,maybe\n", "line 2: same is one of .* Received: 'maybe'"),
        ("a,b,same,fold\nx,y,1,-1\n", "line 2: A fold is a whole number"),
        ("a,b,same\n", "no pair below the header"),
        ("a,b,same,fold\nx,y,1," + 5000 * "9" + "\n", "line 2: A fold is a whole number"),
        ("a,b,same\nx\0,y,1\n", "line 2: A pair is two files"),
        ("a,b,same\nx," + 200_000 * "y" + ",1\n", "line 2: No row of a table"),
    ],
)
def test_a_bad_line_of_a_table_is_named(write, text, said):
    with pytest.raises(PairsError, match=said):
        read_pairs(write(text), "photos")


def test_people_are_folders_where_the_pairs_agree_and_else_what_they_join(write):
    def people(text):
        pairs = read_pairs(write("a,b,same\n" + text), "photos")
        paths = sorted({path for pair in pairs for path in (pair.path_a, pair.path_b)})
        names, labels = persons_of(pairs, paths)
        return {path.name: names[label] for path, label in zip(paths, labels, strict=True)}

    assert people("ada/1,ada/2,1\nada/3,bob/4,0\n") == {"1": "ada", "2": "ada", "3": "ada", "4": "bob"}
    assert people("1,2,1\n2,3,1\n4,5,0\n") == {"1": "1", "2": "1", "3": "1", "4": "4", "5": "5"}


@pytest.fixture
def table():
    """Three pairs as rows of cells."""
    return [("a", "b", "same"), ("Ada/1.jpg", "Ada/2.jpg", "1"), ("Ada/1.jpg", "Bob/1.jpg", "0"), ("x", "y", "0")]


def test_blanks_between_two_files_and_whether_they_are_the_same(write):
    pairs = read_pairs(write("ver/1.jpg ver/2.jpg 1\n\nver/1.jpg   ver/3.jpg 0\r\n"), "photos")
    ver = Path("photos/ver")
    assert pairs == [
        Pair(ver / "1.jpg", ver / "2.jpg", same=True, fold=0, line=1),
        Pair(ver / "1.jpg", ver / "3.jpg", same=False, fold=0, line=3),
    ]
    with pytest.raises(PairsError, match=r"line 2: The header has 3 columns\. Received: 2"):
        read_pairs(write("1.jpg 2.jpg 1\n1.jpg 2.jpg\n"), "photos")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_tables_of_other_programs(write, table, delimiter, encoding, header, line_end):
    text = line_end.join(delimiter.join(row) for row in table[not header :]) + line_end
    pairs = read_pairs(write(text.encode(encoding)), "photos")
    wanted = [(Path("photos", a), Path("photos", b), same == "1") for a, b, same in table[1:]]
    assert [(pair.path_a, pair.path_b, pair.same) for pair in pairs] == wanted
    assert [pair.line for pair in pairs] == [1 + header, 2 + header, 3 + header]


@pytest.mark.parametrize(("yes", "no"), [("1.0", "0.0"), ("TRUE", "False"), ("Yes", "NO"), ("y", "n"), ("1.", "0.")])
@pytest.mark.parametrize("header", ["A;B;Same\n", ""])
def test_words_for_the_same(write, yes, no, header):
    pairs = read_pairs(write(f"{header}a.jpg;b.jpg;{yes}\na.jpg;c.jpg;{no}\n"), "photos")
    assert [pair.same for pair in pairs] == [True, False]


def test_backslashes_folds_of_a_spreadsheet_and_the_home(write, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    text = "sep=;\na;b;same;fold\nAda\\1.jpg;Bob\\1.jpg;0,0;2.0\n~/1.jpg;2.jpg;1;0\n"
    first, second = read_pairs(write(text), "photos")
    assert (first.path_a, first.same, first.fold, first.line) == (Path("photos/Ada/1.jpg"), False, 2, 3)
    assert second.path_a == Path("/home/ada/1.jpg")


def test_lists_where_no_image_is_there_say_so_and_where_they_are(write, tmp_path):
    (tmp_path / "images" / "Ada").mkdir(parents=True)
    (tmp_path / "images" / "Ada" / "1.jpg").touch()
    file = write("a,b,same\nAda/1.jpg,Ada/2.jpg,1\nBob/1.jpg,Bob/2.jpg,1\n")
    for images, hint in [
        (tmp_path / "absent", "absent does not exist"),
        (tmp_path, f"It is in {tmp_path / 'images'}: give that"),
        (tmp_path / "images" / "Ada", f"It is in {tmp_path / 'images'}: give that"),
    ]:
        with pytest.raises(PairsError, match=f"None of the 2 pairs can be scored.*The first: .*Ada/1.jpg.*{hint}"):
            check_images(read_pairs(file, images), images)
    (tmp_path / "images" / "Ada" / "2.jpg").touch()
    check_images(read_pairs(file, tmp_path / "images"), tmp_path / "images")
    elsewhere = tmp_path / "images" / "Ada"
    with pytest.raises(PairsError, match="right folder of images"):
        check_images(read_pairs(write("a,b,same\nx,y,1\n"), elsewhere), elsewhere)
