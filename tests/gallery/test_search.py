"""Search in the gallery against a plain loop over all templates."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface.gallery import search
from kerasface.gallery.search import SearchIndex

DIM = 16


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def random_templates(count, seed=0, dim=DIM):
    """Unit vectors around a common direction, as faces are: their cosines lie near one another."""
    rng = np.random.default_rng(seed)
    return unit(rng.standard_normal(dim) + 0.7 * rng.standard_normal((count, dim)))


def plain_search(templates, probe, top):
    """What a search must answer; `templates` is sample number to (embedding, person)."""
    probe = probe.astype(np.float64)
    scored = sorted(
        (-float((embedding * probe).sum()), sample, person) for sample, (embedding, person) in templates.items()
    )
    best = {}
    for score, sample, person in scored:
        best.setdefault(person, (person, sample, min(-score, 1.0)))  # rounded vectors may be a little too long
    return list(best.values())[:top]


def as_tuples(candidates):
    return [(candidate.person_id, candidate.sample_id, candidate.score) for candidate in candidates]


def same_answer(candidates, expected):
    """The same people and samples in the same order; scores to float64 rounding, which may differ by summation."""
    assert [(person, sample) for person, sample, _ in as_tuples(candidates)] == [entry[:2] for entry in expected]
    np.testing.assert_allclose([c.score for c in candidates], [entry[2] for entry in expected], atol=1e-12)


@pytest.fixture
def small_index():
    """Three people: `a` with two samples at 1 and 0.6, `b` at 0.8, `c` at 0 to the probe (1, 0)."""
    index = SearchIndex(2)
    index.add(np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [0, 1]]), [10, 11, 20, 30], ["a", "a", "b", "c"])
    return index


def test_a_person_scores_as_the_best_sample(small_index):
    (found,) = small_index.search(np.array([[1.0, 0.0]]))
    np.testing.assert_allclose([candidate.score for candidate in found], [1, 0.8, 0], atol=1e-7)
    assert [(candidate.person_id, candidate.sample_id) for candidate in found] == [("a", 10), ("b", 20), ("c", 30)]


def test_the_templates_of_a_person(small_index):
    np.testing.assert_allclose(small_index.templates_of("a"), [[1, 0], [0.6, 0.8]], atol=1e-7)
    assert small_index.templates_of("nobody").shape == (0, 2)


@pytest.mark.parametrize(
    ("count", "people", "top"), [(0, 1, 3), (1, 1, 5), (300, 7, 5), (3000, 900, 5), (5000, 40, 60)]
)
def test_search_is_that_of_a_plain_loop(count, people, top):
    templates, probes = random_templates(count), random_templates(9, seed=1)
    owners = [f"person {number}" for number in np.random.default_rng(2).integers(0, people, count)]
    index = SearchIndex(DIM)
    index.add(templates, np.arange(count), owners)
    everything = dict(enumerate(zip(templates, owners, strict=True)))
    for probe, found in zip(probes, index.search(probes, top), strict=True):
        same_answer(found, plain_search(everything, probe, top))


def test_somebody_with_thousands_of_samples_hides_nobody():
    """The first 2,990 of 3,000 templates by score belong to one person, the others to one person each."""
    templates = random_templates(3000)
    probe = templates[0]
    order = np.argsort(-(templates @ probe))
    owners = np.full(3000, "many", dtype=object)
    owners[order[-10:]] = [f"one {number}" for number in range(10)]
    index = SearchIndex(DIM)
    index.add(templates, np.arange(3000), list(owners))
    everything = dict(enumerate(zip(templates, owners, strict=True)))
    (found,) = index.search(probe[None], 6)
    same_answer(found, plain_search(everything, probe, 6))
    assert found[0].person_id == "many"


def test_equal_scores_are_ordered_by_sample_number_wherever_the_rows_are():
    """A thousand copies of one template; removing some moves rows about, and 500 to 699 are still kept apart."""
    template = random_templates(1)
    index = SearchIndex(DIM)
    numbers = np.random.default_rng(0).permutation(1000)
    index.add(np.repeat(template, 1000, axis=0), numbers, [f"{number % 300}" for number in numbers])
    index.remove(np.arange(500))
    (found,) = index.search(random_templates(1, seed=1), 3)
    assert [(candidate.person_id, candidate.sample_id) for candidate in found] == [
        ("200", 500),
        ("201", 501),
        ("202", 502),
    ]
    assert len({candidate.score for candidate in found}) == 1


def test_an_answer_does_not_depend_on_the_order_of_templates_nor_on_other_probes(monkeypatch):
    templates, probes = random_templates(2000), random_templates(7, seed=1)
    owners = np.array([f"{number % 500}" for number in range(2000)])
    one, other = SearchIndex(DIM), SearchIndex(DIM)
    one.add(templates, np.arange(2000), owners)
    for part in np.array_split(np.random.default_rng(0).permutation(2000), 23):
        other.add(templates[part], part, owners[part])
    together = one.search(probes)
    assert together == [one.search(probe[None])[0] for probe in probes] == other.search(probes)
    monkeypatch.setattr(search, "_SCORES_AT_ONCE", 4096)  # two probes at a time
    assert one.search(probes) == together


@pytest.mark.parametrize("num_cores", [1, 2, 5])
def test_any_number_of_threads_finds_the_same(num_cores, monkeypatch):
    """2,000 templates in portions of 70 give every thread something to do."""
    templates, probes = random_templates(2000), random_templates(3, seed=1)
    monkeypatch.setattr(search, "_NUM_CORES", num_cores)
    monkeypatch.setattr(search, "_PORTION", 70)  # of a whole stack and six more
    index = SearchIndex(DIM)
    index.add(templates, np.arange(2000), [str(number) for number in range(2000)])
    scores = index._scores(probes)
    np.testing.assert_allclose(scores[:, :2000], probes @ templates.T, atol=1e-6)
    assert (scores[:, 2000:] == -np.inf).all()


changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), max_size=20)),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 60), max_size=20)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(changes, st.booleans())
def test_after_any_changes_the_index_holds_what_a_dict_would(steps, opened):
    pool = random_templates(61)
    expected = {100 + number: (pool[number], "p0") for number in range(5)} if opened else {}
    index = SearchIndex.from_templates(pool[:5].copy(), range(100, 105), ["p0"] * 5) if opened else SearchIndex(DIM)
    for action, what in steps:
        if action == "add":
            new = {sample: f"p{person}" for sample, person in what if sample not in expected}
            index.add(pool[list(new)], list(new), list(new.values()))
            expected |= {sample: (pool[sample], person) for sample, person in new.items()}
        else:
            assert index.remove(what) == len([expected.pop(sample) for sample in set(what) & set(expected)])
        assert len(index) == len(expected)
        assert index.num_people == len({person for _, person in expected.values()})
        for probe in pool[:3]:
            same_answer(index.search(probe[None], 4)[0], plain_search(expected, probe, 4))


def test_opening_takes_the_matrix_over_and_growth_leaves_room():
    templates = random_templates(500)
    index = SearchIndex.from_templates(templates, range(500), ["a"] * 500)
    assert np.shares_memory(index._templates, templates)
    index.add(random_templates(3, seed=1), range(500, 503), ["b"] * 3)
    grown = index._templates
    index.add(random_templates(3, seed=2), range(503, 506), ["b"] * 3)
    assert index._templates is grown
    assert len(index) == 506


def test_opening_leaves_the_numbers_of_samples_to_the_caller():
    samples = np.arange(20)
    SearchIndex.from_templates(random_templates(20), samples, ["a"] * 20).remove([0])
    np.testing.assert_array_equal(samples, np.arange(20))


def test_a_matrix_that_cannot_be_taken_over_is_copied():
    templates = random_templates(20)
    fixed = templates.copy()
    fixed.flags.writeable = False
    for given_ in (fixed, templates.astype(np.float64), np.asfortranarray(templates)):
        index = SearchIndex.from_templates(given_, range(20), ["a"] * 20)
        index.remove(range(19))
        np.testing.assert_array_equal(given_.astype(np.float32), templates)


def test_nothing_of_a_removed_template_stays_in_memory():
    templates = random_templates(50)
    index = SearchIndex(DIM)
    index.add(templates, range(50), ["a"] * 50)
    index.remove([3, 48, 49])
    kept = np.delete(templates, [3, 48, 49], axis=0)
    rows = index._templates
    np.testing.assert_array_equal(np.sort(rows[:47], axis=0), np.sort(kept, axis=0))
    assert not rows[47:50].any()


def test_threads_that_search_and_change_do_not_disturb_each_other():
    """Templates of `b` come and go; whoever searches sees all of them or none, and `a` always."""
    index = SearchIndex(DIM)
    index.add(random_templates(400), range(400), ["a"] * 400)
    more, probe, wrong = random_templates(400, seed=1), random_templates(1, seed=2), []
    stop = threading.Event()

    def look():
        while not stop.is_set():
            people = [candidate.person_id for candidate in index.search(probe)[0]]
            if sorted(people) not in (["a"], ["a", "b"]):
                wrong.append(people)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(30):
        index.add(more, range(1000, 1400), ["b"] * 400)
        index.remove(range(1000, 1400))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(index) == 400


@pytest.mark.parametrize(
    ("embeddings", "sample_ids", "person_ids", "message"),
    [
        (np.eye(3), [1, 2, 3], ["a"] * 3, r"shape \(n, 2\).*another embedder"),
        (np.eye(2)[0], [1], ["a"], r"shape \(2,\)"),
        (2 * np.eye(2), [1, 2], ["a"] * 2, r"2 of 2 that have not, the first at 0 with a length of 2"),
        (np.array([[1, 0], [np.nan, 0]]), [1, 2], ["a"] * 2, "first at 1 with a length of nan"),
        (np.eye(2), [1], ["a"] * 2, r"2 embeddings, sample_ids of shape \(1,\)"),
        (np.eye(2), [1, 2], ["a"], "1 person_ids"),
        (np.eye(2), [1, 1], ["a"] * 2, "1 different"),
        (np.eye(2), [1, 30], ["a"] * 2, r"\[30\] are there already"),
    ],
)
def test_wrong_templates_are_refused_and_nothing_is_added(small_index, embeddings, sample_ids, person_ids, message):
    with pytest.raises(ValueError, match=message):
        small_index.add(embeddings, sample_ids, person_ids)
    assert len(small_index) == 4
    assert small_index.num_people == 3


@pytest.mark.parametrize(
    ("probes", "options", "message"),
    [
        (np.eye(3), {}, r"probes must have shape \(n, 2\)"),
        (0.5 * np.eye(2), {}, "probes must have length 1"),
        (np.eye(2), {"top": 0}, "top=0"),
    ],
)
def test_wrong_searches_are_named(small_index, probes, options, message):
    with pytest.raises(ValueError, match=message):
        small_index.search(probes, **options)


def test_an_index_needs_a_dimension():
    with pytest.raises(ValueError, match="embedding_dim=0"):
        SearchIndex(0)
