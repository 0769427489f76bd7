import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from kerasface.evaluation.comparison import Difference, McNemar, PairComparison
from kerasface.evaluation.open_set import OpenSet, OpenSetCurve
from kerasface.population import judging
from kerasface.reports.verification import pair_verdict
from kerasface.tasks.embedders.comparing import Candidate
from kerasface.tasks.measuring.pairs import pairs_of_people, score_pairs
from kerasface.tasks.measuring.people import Embedded
from pages.parts.evaluate import compare as evaluate_compare
from pages.parts.evaluate import sources as evaluate_sources
from pages.parts.evaluate.sample import MAX_SIMULATED, simulated_embeddings, simulated_people
from tests.conftest import settle

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture
def made_up(monkeypatch):
    """Puts embeddings that the test makes up in place of those of photos: nothing is read, nothing computed.

    The photos of a person lie 2 degrees apart, people 17; `without` are names of photos that have no face.
    """
    without = []

    def embed(people, models, report):
        report("Finding faces", 0, len(people.paths))
        usable = [number for number, path in enumerate(people.paths) if path.name not in without]
        rows = np.full(len(people.paths), -1)
        rows[usable] = np.arange(len(usable))
        turn = np.deg2rad(17.0 * people.labels + 2 * np.arange(len(people.labels)) % 3)[usable]
        vectors = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
        reasons = {
            number: f"{people.paths[number]}: no face was found" for number in range(len(rows)) if rows[number] < 0
        }
        side = np.where(rows >= 0, 80.0, np.nan)
        grey = np.full((150, 150, 3), 128, dtype=np.uint8)
        return [
            Embedded(
                model.name,
                "",
                None,
                rows,
                vectors,
                {"side of the face in pixels": side},
                reasons,
                lambda photos: {photo: grey for photo in photos if rows[photo] >= 0},
            )
            for model in models
        ]

    monkeypatch.setattr(evaluate_sources, "embed_people", embed)
    monkeypatch.setattr(evaluate_compare, "built", lambda model: model)
    monkeypatch.setattr(
        evaluate_compare, "weigh_up", lambda model: Candidate(model.name, 2, 1.5, 4_000_000, "MIT", False)
    )
    return without


def write_people(folder, counts):
    """Empty picture files, `folder/P01/P01_0001.jpg` and so on."""
    for person, count in enumerate(counts):
        place = folder / f"P{person:02d}"
        place.mkdir(parents=True)
        for number in range(1, count + 1):
            Image.new("RGB", (4, 4)).save(place / f"P{person:02d}_{number:04d}.jpg")
    return folder


@pytest.fixture
def open_at(tmp_path, monkeypatch):
    """Function that opens the page by its address, such as `pairs_of="Pairs file"`: the sample is not measured then."""
    monkeypatch.chdir(tmp_path)

    def opened(**address):
        page = AppTest.from_file(APP, default_timeout=120).switch_page("pages/evaluate.py")
        for key, value in address.items():
            page.query_params[key] = value
        page.run()
        assert not page.exception
        return page

    return opened


def metrics(page):
    return {metric.label: metric.value.replace("\N{NO-BREAK SPACE}", " ") for metric in page.metric}


def button(page, label):
    (found,) = [one for one in page.button if one.label == label]
    return found


def typed(page, **paths):
    for key, path in paths.items():
        page.text_input(key=key).set_value(str(path))
    page.run()
    assert not page.exception
    return page


def measure(page):
    button(page, "Measure").click().run()
    assert not page.exception
    return page


def text_of(page):
    return "\n".join(element.value for element in (*page.markdown, *page.caption, *page.error, *page.info))


@pytest.fixture(scope="module")
def sample_scores():
    """Scores of the sample and whether each pair is of one person."""
    people = simulated_people(100)
    scored = score_pairs(pairs_of_people(people, MAX_SIMULATED), simulated_embeddings(people, "Model A"))
    return scored.scores, scored.listed.same


def test_the_sample_is_measured_at_once_and_the_threshold_can_be_moved(open_page, sample_scores):
    page = open_page("evaluate")
    assert not page.exception
    scores, same = sample_scores
    assert metrics(page)["Pairs of one person"] == "600"
    assert "needs 30,000 pairs of different people; there are 10,000" in text_of(page)
    (slider,) = page.slider
    slider.set_value(0.95).run()
    assert not page.exception
    accepted = scores >= 0.95
    assert metrics(page)["Different people accepted (FMR)"] == f"{100 * np.mean(accepted[~same]):.2f} %"
    assert metrics(page)["One person refused (FNMR)"] == f"{100 * np.mean(~accepted[same]):.2f} %"
    assert any(caption.value.startswith(f"{(accepted & ~same).sum():,} of 10,000") for caption in page.caption)
    refused = sorted(scores[same & ~accepted], reverse=True)[:4]
    wrongly = sorted(scores[~same & accepted])[:4]
    shown = [text.value.splitlines()[0].strip() for text in page.markdown if text.value.startswith("cosine **")]
    assert shown == [f"cosine **{value:.3f}**" for value in (*refused, *wrongly)]
    assert len(page.image) == 8
    page.segmented_control(key="nearest").set_value("Judged rightly").run()
    shown = [text.value.splitlines()[0].strip() for text in page.markdown if text.value.startswith("cosine **")]
    assert shown[:4] == [f"cosine **{value:.3f}**" for value in sorted(scores[same & accepted])[:4]]
    button(page, "FMR 1 %").click().run()
    assert float(metrics(page)["Different people accepted (FMR)"].removesuffix(" %")) <= 1
    assert page.slider[0].value == pytest.approx(np.sort(scores[~same])[-101], abs=1e-9)


def test_a_pairs_file_is_measured_when_asked_and_failures_are_named(open_at, tmp_path, made_up):
    folder = write_people(tmp_path / "people", [2] * 40)
    genuine = [f"P{person:02d}\t1\t2" for person in range(40)]
    impostor = [f"P{person:02d}\t1\tP{(person + 7) % 40:02d}\t2" for person in range(40)]
    lines = ["2\t20", *genuine[:20], *impostor[:20], *genuine[20:], *impostor[20:]]
    file = tmp_path / "pairs.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    made_up.append("P03_0002.jpg")
    page = typed(open_at(pairs_of="Pairs file"), pairs_file=file, pairs_images=folder)
    assert not page.metric
    measure(page)
    # Everybody is 2 degrees from themselves at most, and 119 or more from whom they are paired with, all round.
    assert metrics(page)["Equal error rate"] == "0.00 %"
    # The photo stands in two pairs of 80; both count as wrong.
    assert metrics(page)["Right answers"] == "97.50 %"
    assert "2 pairs could not be scored" in page.expander[0].label
    assert r"P03\_0002\.jpg\: no face was found" in text_of(page)
    page.segmented_control(key="question").set_value("Open set").run()
    page.segmented_control(key="question").set_value("Pairs").run()  # what was typed and measured is still there
    assert not page.exception
    assert metrics(page)["Right answers"] == "97.50 %"


def test_a_folder_of_people_is_measured_and_measured_again(open_at, tmp_path, made_up):
    folder = write_people(tmp_path / "people", [3] * 10)
    page = measure(typed(open_at(pairs_of="Folder per person"), people_folder=folder))
    assert metrics(page)["Pairs of one person"] == "30"
    assert metrics(page)["Pairs of different people"] == str(30 * 29 // 2 - 30)
    assert "Right answers" not in metrics(page)  # refusing everybody would nearly always be right
    made_up += [path.name for path in (folder / "P00").iterdir()]
    button(page, "Measure again").click().run()
    assert not page.exception
    assert metrics(page)["Pairs of one person"] == "27"


def test_who_is_confused_is_shown_with_both_faces(open_at, tmp_path, made_up, monkeypatch):
    monkeypatch.setattr(judging, "shipped_thresholds", lambda fingerprint: [0.9, np.cos(np.deg2rad(20)), 0.999])
    folder = write_people(tmp_path / "people", [3] * 10)
    made_up.append("P09_0003.jpg")
    page = measure(typed(open_at(pairs_of="Folder per person"), people_folder=folder))
    # Neighbours are 15 to 19 degrees apart and match within 20.
    shown = [text.value for text in page.markdown if text.value.startswith("**P0")]
    assert "**P00** and **P01**  \n9 of 9 pairs of photos match, highest cosine 0.97" in shown
    assert len(shown) == 12
    values = metrics(page)
    assert values["Taken for others over 10 times as often"] == "100 %"
    assert values["They are"] == "10 of 10 people"
    assert "P00 and P01: 9 of 9 pairs of photos" in text_of(page).replace("\\", "")


@pytest.mark.usefixtures("made_up")
def test_what_cannot_be_measured_is_a_sentence(open_at, tmp_path):
    write_people(tmp_path / "people", [2, 2])
    write_people(tmp_path / "singles", [1, 1])
    (tmp_path / "wrong.txt").write_text("1\t1\nAnn\t1\nAnn\t1\tBob\t2\n", encoding="utf-8")
    (tmp_path / "missing.csv").write_text("a,b,same\nAnn/1.jpg,Ann/2.jpg,1\n", encoding="utf-8")
    page = open_at(pairs_of="Pairs file")
    for kind, paths, sentence in (
        ("Pairs file", {"pairs_file": "no.txt", "pairs_images": "people"}, "Cannot be read"),
        ("Pairs file", {"pairs_file": "wrong.txt", "pairs_images": "people"}, r"A genuine pair is\: name i j"),
        ("Pairs file", {"pairs_file": "missing.csv", "pairs_images": "nowhere"}, "does not exist"),
        ("Folder per person", {"people_folder": "nowhere"}, "does not exist"),
        ("Folder per person", {"people_folder": "singles"}, "one of them with two photos"),
        ("Embeddings", {"vectors_file": "wrong.txt"}, "no file of embeddings"),
        ("Embeddings", {"vectors_file": "no.npz"}, "No such file"),
    ):
        page.segmented_control(key="pairs_of").set_value(kind).run()
        measure(typed(page, **{key: tmp_path / name for key, name in paths.items()}))
        assert sentence in page.error[0].value
        assert not page.metric


def test_nothing_is_asked_of_a_path_that_is_not_there_yet(open_at):
    page = open_at(pairs_of="Folder per person")
    assert "Type a path" in page.info[0].value
    assert not [one for one in page.button if one.label == "Measure"]


def test_searches_of_the_sample_and_the_strangers_of_a_classifier(open_at, tmp_path):
    run = tmp_path / "saved_models" / "crew"
    run.mkdir(parents=True)
    chosen = OpenSet(0.5, 0.01, 0.012, 0.03, 0.9, 0.85, 500, 200, 500, True)
    curve = OpenSetCurve(*(np.array(values) for values in ([0.9, 0.5], [0.0, 1.0], [0.2, 1.0], [0.2, 0.9])))
    measured = {"score": "probability", **chosen.to_dict()}
    card = {"format": 1, "name": "crew", "task": "classify", "input": {"kind": "face"}, "model_sha256": "0" * 64}
    card |= {"labels": ["a", "b"], "open_set": measured}
    (run / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (run / "model.keras").touch()
    records = {"format": 1, "open_set": {**measured, "curve": curve.to_dict()}}
    (run / "records.json").write_text(json.dumps(records), encoding="utf-8")
    page = open_at(question="Open set")
    assert metrics(page)["People enrolled"] == "100"
    assert metrics(page)["Photos that come back"] == "300"
    assert "needs 300 strangers; there are 100" in text_of(page)
    assert page.selectbox(key="open_set_run").value == "crew"
    assert r"1\.2 % of strangers" in text_of(page)
    (run / "records.json").write_text("[]", encoding="utf-8")
    page.run()
    assert not page.exception
    assert not [box for box in page.selectbox if box.key == "open_set_run"]


@pytest.mark.usefixtures("made_up")
def test_a_folder_without_strangers_cannot_be_searched(open_at, tmp_path):
    folder = write_people(tmp_path / "people", [2, 2, 2])
    page = measure(typed(open_at(question="Open set", search_of="Folder per person"), people_folder=folder))
    assert "3 with two or more, 0 with one" in page.error[0].value


@pytest.mark.slow
def test_a_difference_is_shown_with_enough_people_only(open_at):
    page = open_at(question="Compare")
    assert "B (Model B) makes fewer errors" in page.success[0].value
    page.segmented_control(key="num_people").set_value(20).run()
    assert not page.exception
    assert "No difference can be shown with 120 pairs of one person" in page.info[0].value
    page.selectbox(key="simulated_model_B").set_value("Model A").run()
    assert "Choose two models" in page.info[0].value


@pytest.mark.usefixtures("made_up")
def test_models_that_agree_on_everything_show_no_difference(open_at, tmp_path):
    folder = write_people(tmp_path / "people", [3] * 15)
    page = typed(open_at(question="Compare", comparison_on="Folder per person"), people_folder=folder)
    button(page, "Compare").click().run()
    assert not page.exception
    assert "No difference can be shown with 45 pairs" in page.info[0].value
    assert "p = 1" in page.info[0].value
    assert "one photo of each of 8 people, by 16 other photos of them and 7 of strangers" in text_of(page)
    assert "| size | 4.0 MB | 4.0 MB |" in text_of(page)
    assert "not yet: kerasface embedders calibrate" in text_of(page)


@pytest.mark.usefixtures("made_up")
def test_a_cosine_beside_a_normalized_score_is_called_one(open_at, tmp_path, monkeypatch):
    """The second model's scores are normalized by a cohort to which every face has cosines of 0.5, give or take 0.1."""
    embed = evaluate_sources.embed_people

    def embed_two(people, models, report):
        first, *others = embed(people, models, report)
        return [first, *(replace(other, normalizer=cohort) for other in others)]

    cohort = SimpleNamespace(statistics=lambda embeddings: np.tile([0.5, 0.1], (len(embeddings), 1)))
    monkeypatch.setattr(evaluate_sources, "embed_people", embed_two)
    folder = write_people(tmp_path / "people", [3] * 15)
    page = typed(open_at(question="Compare", comparison_on="Folder per person"), people_folder=folder)
    button(page, "Compare").click().run()
    assert not page.exception
    assert "A has cosines, B normalized scores: two scales" in text_of(page)
    told = next(caption.value for caption in page.caption if "own threshold" in caption.value)
    cosine, normalized = map(float, re.search(r"A cosine ([\d.]+), B normalized score ([\d.]+)\.", told).groups())
    assert normalized == pytest.approx((cosine - 0.5) / 0.1, abs=0.01)


def compared(better, value, low, high, only_a, only_b, p_value):
    rate = Difference(0.05, 0.05 + value, value, low, high)
    test = McNemar(only_a, only_b, p_value)
    found = PairComparison(0.01, 0.5, 0.6, rate, rate, rate, test, 1000, 3000, 90)
    assert found.better == better
    return " ".join(pair_verdict(found, ("six", "two"))).replace("\N{NO-BREAK SPACE}", " ")


def test_the_verdict_says_who_is_better_by_how_much_or_that_nothing_can_be_said():
    text = compared("b", -0.004, -0.007, -0.001, 5, 1, 0.01)
    assert "B (two) makes fewer errors" in text
    assert "4.60 % of 1,000 pairs of one person, A 5.00 %" in text
    assert "0.40 points (0.10 to 0.70), p = 0.01" in text
    text = compared("a", 0.02, 0.01, 0.03, 1, 30, 1e-7)
    assert "A (six) makes fewer errors" in text
    assert "5.00 % of 1,000 pairs of one person, B 7.00 %" in text
    assert "2.00 points (1.00 to 3.00), p < 0.001" in text
    text = compared(None, -0.001, -0.003, 0.002, 4, 3, 1.0)
    assert "No difference can be shown with 1,000 pairs of one person" in text
    assert "\N{MINUS SIGN}0.30 to 0.20" in text
    assert "No difference" in compared(None, -0.004, -0.007, 0.001, 30, 1, 1e-6)  # a few people have all the pairs
    assert "No difference" in compared(None, -0.004, -0.007, -0.001, 4, 1, 0.4)


@pytest.mark.browser
@pytest.mark.slow
def test_the_threshold_moves_by_key_and_files_come_down_in_a_browser(page, app_server):
    expect = pytest.importorskip("playwright.sync_api").expect
    page.goto(f"{app_server}/evaluate")
    slider = page.get_by_role("slider", name="Accepted from a cosine of")
    expect(slider).to_be_visible(timeout=90_000)  # the first start imports TensorFlow
    rates = page.get_by_test_id("stMetric").filter(has_text="(FMR)").get_by_test_id("stMetricValue")
    at_first = float(rates.inner_text().removesuffix("%"))
    slider.press("Home")  # everybody is accepted
    expect(rates).to_contain_text("100.00")
    assert at_first < 50
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Scores (CSV)").click()
    rows = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 600 + MAX_SIMULATED
    page.get_by_text("Compare", exact=True).click()
    expect(page.get_by_text("makes fewer errors")).to_be_visible(timeout=90_000)
    assert "question=Compare" in page.url
    page.reload()
    expect(page.get_by_text("makes fewer errors")).to_be_visible(timeout=90_000)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
