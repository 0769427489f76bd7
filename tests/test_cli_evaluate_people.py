"""`kerasface evaluate verification|identification|population` on pictures of one colour, whose faces are made up.

The colours' red is the person, the other two the photo, and black shows nobody; one real folder is tried as well.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.cli.evaluation import pairs as evaluate_pairs
from kerasface.cli.evaluation import people as evaluate_people
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.quality import measure_quality
from kerasface.faces.rates.cohorts import normalizer_of, read_part
from kerasface.gallery.opening import open_gallery

FACE = Face((2.0, 2.0, 20.0, 20.0), np.zeros((5, 2), dtype=np.float32), 0.99)


class ColourFrontEnd:
    """Gives every picture that is not black one face, made of its colour."""

    def __init__(self):
        fingerprint = embedder_fingerprint()
        self.embedder = SimpleNamespace(
            fingerprint=fingerprint,
            embedding_dim=EMBEDDING_DIM,
            precision="float32",
            normalizer=normalizer_of(fingerprint),
            name="colors",
            alignment="none",
        )
        self.detector = SimpleNamespace(fingerprint="mtcnn-9-auto-0.6-0.7-0.7")

    def crops(self, images, *, pick=None):
        return self.analyze(images)

    def analyze(self, images, *, pick=None):
        return [self._faces(image) for image in images]

    def _faces(self, image):
        red, *others = image[0, 0].tolist()
        if not any((red, *others)):
            return []
        # People as near to one another as faces are: embeddings of nobody, of the cohort.
        person = self.embedder.normalizer.cohort[500 * red]
        row = person + 0.01 * np.random.default_rng(others).normal(size=EMBEDDING_DIM)
        crop, embedding = np.full((150, 150, 3), red, np.uint8), (row / np.linalg.norm(row)).astype("f4")
        return [AnalyzedFace(FACE, crop, measure_quality(FACE, crop), embedding, self.embedder.fingerprint)]


@pytest.fixture
def people(tmp_path):
    """Function that writes a folder per person, each with the colours of its pictures; returns the folder of all."""

    def written(**colors):
        for name, pictures in colors.items():
            (tmp_path / "people" / name).mkdir(parents=True)
            for number, color in enumerate(pictures):
                Image.new("RGB", (24, 24), color).save(tmp_path / "people" / name / f"{number}.png")
        return tmp_path / "people"

    return written


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function that runs `kerasface evaluate` in this process, in an empty folder, on made-up faces."""
    monkeypatch.chdir(tmp_path)
    for module in (evaluate_people, evaluate_pairs):
        monkeypatch.setattr(module, "build_analyzer", lambda *_: ColourFrontEnd())
    return lambda *words: CliRunner().invoke(main, ["evaluate", *map(str, words)])


def told_by(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def of(person, *photos):
    return [(person, photo, 1) for photo in photos]


def test_all_pairs_of_a_folder(run, people):
    """Ann and Twin are one person by their faces; Cyd has a photo without a face."""
    folder = people(Ann=of(1, 1, 2), Twin=of(1, 3, 4), Bob=of(2, 1, 2), Cyd=[(0, 0, 0), (3, 1, 1)])
    told = told_by(run("verification", "--images", folder, "--pairs", "all", "--report", "report.html", "--json"))
    for asked in ("0.01", "0.001", "0.0001"):
        at = told["at_shipped_thresholds"][asked]
        assert set(at) == {"threshold", "fmr", "fnmr"}
        assert at["fmr"]["value"] == pytest.approx(4 / 18)  # of 2 x 2 x 3 + 6 x 1 pairs
        assert at["fnmr"]["value"] == 0
        assert at["fmr"]["low"] <= at["fmr"]["value"] <= at["fmr"]["high"]
    over = told["people_over_ten_times"]
    assert (over["count"], over["of"], over["share"]) == (2, 4, 0.5)
    assert over["people"] == [{"name": "Ann", "own_fmr": 0.4}, {"name": "Twin", "own_fmr": 0.4}]
    assert told["worst_pairs"][0]["people"] == ["Ann", "Twin"]
    assert told["num_failed"] == 1
    assert told["failed"][0]["image"].endswith("Cyd/0.png")
    with open("report.html", encoding="utf-8") as file:
        report = file.read()
    assert report.count("Plotly.newPlot(") == 1
    assert report.count("<img ") == 12  # of six pairs of people
    assert "4 of 4 pairs of photos match" in report
    text = run("verification", "--images", folder, "--pairs", "all").stdout
    assert "0.1 % asked; 22 % (0 to 100 %) measured on 4 people" in text
    assert "Cyd/0.png: no face was found" in text


def test_a_file_called_all_is_a_list_of_pairs(run, people, tmp_path):
    folder = people(Ann=of(1, 1, 2), Bob=of(2, 1, 2))
    (tmp_path / "all").write_text("a,b,same\nAnn/0.png,Ann/1.png,1\nAnn/0.png,Bob/1.png,0\nBob/0.png,Ann/1.png,0\n")
    assert told_by(run("verification", "--images", folder, "--pairs", "all", "--json"))["num_pairs"] == 3


def test_a_list_of_pairs_tells_the_rates_at_the_thresholds_that_ship(run, people, tmp_path):
    folder = people(Ann=of(1, 1, 2), Twin=of(1, 3, 4), Bob=of(2, 1, 2))
    rows = ["Ann/0.png,Ann/1.png,1", "Twin/0.png,Twin/1.png,1", "Bob/0.png,Bob/1.png,1"]
    rows += ["Ann/0.png,Bob/0.png,0", "Bob/0.png,Twin/0.png,0", "Twin/0.png,Ann/0.png,0"]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,same", *rows]))
    told = told_by(run("verification", "--images", folder, "--pairs", "pairs.csv", "--report", "report.html", "--json"))
    assert {"accuracy_mean", "tar_at_fmr", "failed"} <= set(told)
    assert set(told["at_shipped_thresholds"]) == {"0.01", "0.001", "0.0001"}
    assert told["at_shipped_thresholds"]["0.001"]["fmr"]["value"] == pytest.approx(1 / 3)
    assert told["at_shipped_thresholds"]["0.001"]["fnmr"]["value"] == 0
    with open("report.html", encoding="utf-8") as file:
        assert "At the thresholds that ship" in file.read()
    text = run("verification", "--images", folder, "--pairs", "pairs.csv").stdout
    assert "0.1 % asked (threshold " in text
    assert "33 % (0 to 100 %) of pairs of different people match" in text


@pytest.fixture
def list_of_pairs(people, tmp_path):
    """Folder and list of 12 people with two photos each: every first photo with its second one and with all others'."""
    names = [f"P{number:02d}" for number in range(1, 13)]
    folder = people(**{name: of(number, 1, 2) for number, name in enumerate(names, 1)})
    rows = [f"{name}/0.png,{name}/1.png,1" for name in names]
    rows += [f"{a}/0.png,{b}/1.png,0" for a in names for b in names if a != b]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,same", *rows]))
    return ["verification", "--images", folder, "--pairs", "pairs.csv"]


def test_errors_are_shown_by_what_is_known_of_the_photos_and_as_probabilities(run, list_of_pairs, tmp_path):
    """The first six people wear glasses; one photo of P12 has no row."""
    rows = [
        f"P{number:02d}/{photo}.png,{'yes' if number <= 6 else 'no'}" for number in range(1, 13) for photo in (0, 1)
    ]
    (tmp_path / "known.csv").write_text("\n".join(["photo,glasses", *rows[:-1]]))
    told = told_by(run(*list_of_pairs, "--slices", "known.csv", "--report", "report.html", "--json"))
    assert told["slices"]["threshold"] == told["at_shipped_thresholds"]["0.001"]["threshold"]
    by_word = {part["word"]: part for part in told["slices"]["attributes"]["glasses"]}
    counts = {
        word: (part["fmr"]["num_pairs"], part["fnmr"] and part["fnmr"]["num_pairs"]) for word, part in by_word.items()
    }
    assert counts == {"no": (25, 5), "yes": (30, 6), "one of each": (66, None), None: (11, 1)}
    assert {"side of the face in pixels", "turn of the head in degrees"} <= set(told["slices"]["attributes"])
    assert "ships for this embedder" in told["calibration_note"]
    assert told["calibration"]["ece_low"] <= told["calibration"]["ece"] <= told["calibration"]["ece_high"]
    with open("report.html", encoding="utf-8") as file:
        report = file.read()
    assert "By what is known of the photos" in report
    assert "Scores as probabilities" in report
    text = run(*list_of_pairs, "--slices", "known.csv").stdout
    assert "glasses one of each: FMR 0 % (0 to 5.5 %) of 66, FNMR -" in text
    assert "on these pairs" in text


def test_another_embedder_is_compared_on_the_same_pairs(run, list_of_pairs, monkeypatch):
    """The other one sees of every face the first numbers alone, and some noise."""

    def embed(crops):
        noise = np.random.default_rng(crops[:, 0, 0, 0]).normal(size=(len(crops), 3))
        return (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype("f4")

    other = SimpleNamespace(
        fingerprint="noise", embedding_dim=3, precision="float32", normalizer=None, name="noise", alignment="none"
    )
    other.crop, other.embed = (lambda image, face: image), embed
    monkeypatch.setattr(evaluate_pairs, "_embedder", lambda name, runs: other)
    told = told_by(run(*list_of_pairs, "--compare", "noise", "--report", "report.html", "--json"))["comparison"]
    assert (told["a"], told["b"], told["scores"]) == ("colors", "noise", {"a": "normalized score", "b": "cosine"})
    (at,) = told["comparisons"]  # 132 pairs of different people
    assert (at["fmr"], at["fnmr"]["a"], at["better"]) == (0.1, 0.0, "a")
    text = run(*list_of_pairs, "--compare", "noise").stdout
    assert "A is colors, B is noise:" in text
    assert "at 10 % of different people: A (colors) makes fewer errors. It refuses 0.00" in text
    with open("report.html", encoding="utf-8") as file:
        assert "Next to the other model" in file.read()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--compare", "absent"), 1, "absent"),
        (("--slices", "absent.csv"), 1, "absent.csv: Cannot be read"),
        (("--compare", "6"), 1, "One embedder does not differ from itself"),
        (("--pairs", "all", "--compare", "2"), 2, "take a list of pairs"),
    ],
)
def test_what_cannot_be_compared_or_sliced_is_refused(run, list_of_pairs, words, code, sentence):
    result = run(*list_of_pairs, *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr


def test_who_is_given_to_strangers_as_a_name(run, people):
    """Two of six strangers look like Ann, one like Bob: he might be chance."""
    strangers = {"S1": of(1, 9), "S2": of(1, 8), "S3": of(2, 9), "S4": of(9, 1), "S5": of(8, 1), "S6": of(7, 1)}
    folder = people(Ann=of(1, 1, 2), Bob=of(2, 1, 2), **strangers)
    told = told_by(run("identification", "--images", folder, "--report", "report.html", "--json"))
    over = told["people_over_ten_times"]
    assert (over["asked"], over["even_share"], over["num_strangers"]) == (0.01, 0.005, 6)
    assert (over["count"], over["of"]) == (1, 2)
    assert over["people"] == [{"name": "Ann", "own_fpir": pytest.approx(2 / 6)}]
    with open("report.html", encoding="utf-8") as file:
        assert "Who is given to strangers as a name" in file.read()
    assert "1 of 2 people enrolled: Ann (2 of 6)" in run("identification", "--images", folder).stdout


def test_what_the_thresholds_mean_for_ones_own_people(run, people):
    folder = people(Ann=of(1, 1, 2), Bob=of(2, 1, 2))
    told = told_by(run("population", folder, "--json"))
    assert told["at_shipped_thresholds"]["0.01"]["fmr"] == {"value": 0.0, "low": 0.0, "high": 1.0}
    assert told["own_thresholds"] == {}
    assert any("Two people are one pair of people" in sentence for sentence in told["sentences"])
    assert "\n".join(told["sentences"]) in run("population", folder).stdout


def test_a_part_that_cannot_be_drawn_loses_nothing_of_what_was_measured(run, people, tmp_path):
    folder = people(Ann=of(1, 1, 2), Bob=of(2, 1, 2))
    result = run("population", folder, "--extend", "crew.cohort.npz")
    assert result.exit_code == 1
    assert "0.1 % asked; 0 % (0 to 100 %) measured on 2 people" in result.stdout
    assert "Nothing was written to crew.cohort.npz. A part of a cohort is drawn after 10 people" in result.stderr
    assert not (tmp_path / "crew.cohort.npz").exists()


def test_thresholds_are_kept_in_a_gallery_shown_and_taken_back(run, people, monkeypatch):
    monkeypatch.setenv("KERASFACE_KEY", "ab" * 32)
    folder = people(**{f"P{number}": of(number, *range(1, 6)) for number in range(1, 13)})
    told = told_by(run("population", folder, "--keep", "g.gallery", "--json"))["kept"]
    assert (told["gallery"], told["name"], told["num_people"], told["part"]) == ("g.gallery", "people", 12, False)
    assert set(told["rates"]) == {"0.01"}  # 1,650 pairs
    gallery = ("--gallery", "g.gallery")
    shown = CliRunner().invoke(main, ["people", "thresholds", *gallery]).stdout
    assert "g.gallery: Thresholds of 12 people of one's own (people), 60 photos, 20" in shown
    assert json.loads(CliRunner().invoke(main, ["people", "thresholds", "--json", *gallery]).stdout)["own"] == {
        key: value for key, value in told.items() if key != "gallery"
    }
    assert "of one's own (people), measured on 20" in CliRunner().invoke(main, ["people", "list", *gallery]).stdout
    assert CliRunner().invoke(main, ["people", "thresholds", "--forget", *gallery]).stdout == (
        "g.gallery: None of one's own: the thresholds that ship decide.\n"
    )
    assert "of one's own" not in CliRunner().invoke(main, ["people", "list", *gallery]).stdout


def test_thresholds_of_few_people_are_not_kept_and_nothing_measured_is_lost(run, people, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASFACE_KEY", "ab" * 32)
    result = run("population", people(Ann=of(1, 1, 2), Bob=of(2, 1, 2)), "--keep", "g.gallery")
    assert result.exit_code == 1
    assert "0.1 % asked; 0 % (0 to 100 %) measured on 2 people" in result.stdout
    assert "Nothing was kept in g.gallery. Thresholds of one's own are kept for 10 people or more" in result.stderr
    assert not (tmp_path / "g.gallery").exists()


def test_a_gallery_of_another_embedder_is_refused_before_the_work(run, people, monkeypatch):
    monkeypatch.setenv("KERASFACE_KEY", "ab" * 32)
    with open_gallery("g.gallery", embedder="face_resnet-0-views", embedding_dim=EMBEDDING_DIM) as gallery:
        gallery.enroll("Ada", [])
    result = run("population", people(Ann=of(1, 1, 2), Bob=of(2, 1, 2)), "--keep", "g.gallery")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "holds templates of another embedder" in result.stderr


@pytest.mark.parametrize(
    ("colors", "words", "sentence"),
    [
        ({"Ann": of(1, 1, 2)}, (), "has only one"),
        ({"Ann": of(1, 1, 2), "Bob": [(0, 0, 0)]}, (), "of two people or more. Received: 2 such photos of 1."),
        ({"Ann": of(1, 1), "Bob": of(2, 1)}, ("--extend", "crew.npz"), "NAME.cohort.npz. Received: crew.npz"),
    ],
)
def test_what_cannot_be_judged_is_one_line(run, people, colors, words, sentence):
    result = run("population", people(**colors), *words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert sentence in result.stderr.splitlines()[-1]


def test_a_folder_that_is_none_is_named(run):
    result = run("verification", "--images", "absent", "--pairs", "all")
    assert (result.exit_code, result.output) == (
        1,
        "Error: absent does not exist. Give a folder that holds one folder of photos per class or person.\n",
    )


@pytest.mark.slow
@pytest.mark.data
def test_a_part_for_people_of_ones_own(data_dir, tmp_path, monkeypatch):
    """Four photos each of twelve students of Georgia Tech."""
    monkeypatch.chdir(tmp_path)
    for person in sorted((data_dir / "gtech" / "images").iterdir())[:12]:
        (tmp_path / "people" / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:4]:
            (tmp_path / "people" / person.name / photo.name).write_bytes(photo.read_bytes())
    monkeypatch.setenv("KERASFACE_KEY", "ab" * 32)
    words = ["evaluate", "population", "people", "--extend", "crew.cohort.npz", "--report", "report.html", "--json"]
    told = told_by(CliRunner().invoke(main, [*words, "--keep", "g.gallery"]))
    assert told["kept"]["part"]
    assert told["kept"]["num_impostor"] == 480  # of each half of the people
    shown = CliRunner().invoke(main, ["people", "thresholds", "--gallery", "g.gallery"]).stdout
    assert "48 photos, " in shown
    assert "with a part drawn after them beside the cohort, measured by halves." in shown
    assert (told["num_photos"], told["num_people"], told["num_genuine"]) == (48, 12, 72)
    assert told["at_shipped_thresholds"]["0.001"]["fmr"]["value"] <= 0.001
    assert told["at_shipped_thresholds"]["0.001"]["fnmr"]["value"] <= 0.03
    card, part = read_part("crew.cohort.npz")
    assert told["extension"]["card"]["name"] == card.name == "crew"
    assert card.nearest_drawn <= card.nearest_stranger < 1
    assert part.shape == (1000, EMBEDDING_DIM)
    assert "With a part of a cohort drawn for them" in (tmp_path / "report.html").read_text(encoding="utf-8")
