import pytest

from kerasface import environment


def test_first_start_says_what_to_do(open_page):
    page = open_page("home")
    assert not page.exception
    assert page.title[0].value == "KerasFace"
    assert page.code[0].value.startswith("python -m kerasface.train classify")
    assert any("No model is trained yet" in text.value for text in page.markdown)
    links = ["Open Verify", "Open Recognise", "Open Segment", "Open Train"]
    assert [link.label for link in page.page_link] == links
    assert {metric.label for metric in page.metric} == {"Device", "Precision", "Embedding one face", "Weights intact"}


def test_a_broken_model_is_listed_and_breaks_nothing(open_page, tmp_path):
    folder = tmp_path / "saved_models" / "old_friends"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{", encoding="utf-8")
    page = open_page("home")
    assert not page.exception
    assert len(page.warning) == 1
    assert r"old\_friends" in page.warning[0].value
    assert page.metric  # what stands below the list is still there


@pytest.mark.usefixtures("no_cached_models")
def test_missing_weights_are_a_sentence(open_page, monkeypatch):
    report = environment.report()
    problem = "The weight file x.dat is missing. Run: pip install x"
    report["pretrained"][0]["state"] = problem
    report |= {"missing": [problem], "embedding_seconds": None}
    monkeypatch.setattr(environment, "report", lambda: report)
    page = open_page("home")
    assert not page.exception
    assert page.error[0].value.replace("\\", "") == problem
    total = len(report["pretrained"])
    assert page.metric[-1].value == f"{total - 1} of {total}"
