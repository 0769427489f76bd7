"""A part of a cohort drawn for some people: judged on people whom it was not drawn after."""

from pathlib import Path

import pytest

from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.rates.cohorts import part_to_file, read_part
from kerasface.population import extension as module
from kerasface.population.extension import draw_extension, part_name
from tests.population.conftest import made_up_people


@pytest.mark.slow
def test_a_part_is_drawn_judged_by_halves_and_written(monkeypatch, tmp_path):
    judged_on, drawn_after = [], []
    measure, draw = module.measure_people, module.draw_part

    def measure_and_note(embeddings, labels, *args, **settings):
        judged_on.append(set(labels.tolist()))
        return measure(embeddings, labels, *args, **settings)

    def draw_and_note(embeddings, labels, *args, **settings):
        drawn_after.append(set(labels.tolist()))
        return draw(embeddings, labels, *args, **settings)

    monkeypatch.setattr(module, "measure_people", measure_and_note)
    monkeypatch.setattr(module, "draw_part", draw_and_note)
    people = made_up_people([4] * 12, noise=0.6, num_directions=6)
    found = draw_extension(people, embedder_fingerprint(), "crew", date="2026-01-02")
    first, second, everybody = drawn_after
    assert first | second == everybody == set(range(12))
    assert not first & second
    assert judged_on == [second, second, first, first]
    assert found.card.nearest_drawn <= found.card.nearest_stranger
    (tmp_path / "crew.cohort.npz").write_bytes(part_to_file(found.part, found.card))
    card, part = read_part(tmp_path / "crew.cohort.npz")
    assert part.shape == (1000, EMBEDDING_DIM)
    assert (card.name, card.num_photos, card.num_people, card.date) == ("crew", 48, 12, "2026-01-02")
    assert "people" not in card.description.replace("12 people", "")
    assert (part @ people.embeddings.T).max() <= card.nearest_stranger + 1e-3  # rounded to int8
    told = found.to_dict()
    assert set(told) == {"card", "without", "with"}
    for rates in (told["without"], told["with"]):
        assert set(rates) == {"0.01", "0.001", "0.0001"}
    text = "\n".join(found.sentences())
    assert "1,000 embeddings of nobody drawn after 48 photos of 12 people" in text
    assert "0.1 % asked: with a part drawn after the other half of the people" in text


@pytest.mark.parametrize("counts", [[20, 20], [3] * 13, [1] * 9])
def test_too_few_people_or_photos_are_refused(counts):
    with pytest.raises(ValueError, match="10 people and 40 photos or more"):
        draw_extension(made_up_people(counts), embedder_fingerprint(), "few", date="2026-01-02")


def test_an_embedder_without_a_cohort_is_told():
    with pytest.raises(ValueError, match="No cohort ships for this embedder"):
        draw_extension(made_up_people([4] * 12), "sface-0123-five_points-4567-6views", "x", date="2026-01-02")


def test_the_name_of_a_part_is_that_of_its_file():
    assert part_name(Path("parts/night shift.cohort.npz")) == "night shift"
    for wrong in ("crew.npz", ".cohort.npz", "crew"):
        with pytest.raises(ValueError, match=r"NAME\.cohort\.npz"):
            part_name(Path(wrong))
