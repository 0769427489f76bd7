"""What was measured on the people of a folder, in sentences, with what so few can and cannot tell."""

import numpy as np

from kerasface.evaluation.people import ConfusedPair
from kerasface.evaluation.people_rates import FACTOR, PeopleRate
from kerasface.evaluation.verification import num_impostor_needed
from kerasface.population.judging import ASKED, FEWEST_PEOPLE, MAIN, JudgedPeople
from kerasface.terminal.words import counted, percent_of

_NAMED = 5  # people or pairs of people
_SEVERAL = 4  # pairs of photos, from which most of them says something of two people
_SAME_PHOTO = 0.999  # cosine


def rate_text(rate: PeopleRate) -> str:
    """Returns a measured rate with its interval."""
    if rate.value is None:
        return "not to be told"
    return f"{percent_of(rate.value)} ({ends_text(rate)})"


def ends_text(rate: PeopleRate) -> str:
    """Returns the interval of a measured rate."""
    return f"{percent_of(rate.low).removesuffix(' %')} to {percent_of(rate.high)}"


def sentences_of(judged: JudgedPeople) -> list[str]:
    """Returns what the shipped thresholds mean for these people: what was asked and measured, who, and how sure."""
    measured, names = judged.measured, judged.people.names
    people = counted(len(names), "person", "people")
    told = [
        f"{counted(len(judged.people.paths), 'photo')} of {people}: "
        f"{counted(measured.num_impostor, 'pair')} of photos of two people, "
        f"{counted(measured.num_genuine, 'pair')} of photos of one."
    ]
    told += [_at_rate(judged, asked, people) for asked in ASKED]
    told += _whom(judged)
    told += own_sentences(judged)
    told += limits(judged)
    return told


def pair_text(judged: JudgedPeople, pair: ConfusedPair) -> str:
    """Returns who two people are, how many of their pairs of photos match, and which photos match best."""
    first, second = (judged.people.names[person] for person in pair.people)
    photos = ", ".join(_photo(judged, photo) for photo in pair.photos)
    return (
        f"{first} and {second}: {pair.num_matched:,} of {counted(pair.num_pairs, 'pair')} of photos, "
        f"highest {judged.score_name} {pair.highest:.3f} ({photos})"
    )


def own_sentences(judged: JudgedPeople) -> list[str]:
    """Returns the thresholds at which each rate would hold for these people."""
    return [
        f"A threshold of {own.threshold:.3f} (shipped: {judged.rates(asked).threshold:.3f}) lets {percent_of(asked)} "
        f"of these strangers match, and {ends_text(own.fmr)} of others like them"
        + (f"; it misses {rate_text(own.fnmr)} of pairs of one person." if own.fnmr.value is not None else ".")
        for asked, own in judged.own_thresholds.items()
    ]


def limits(judged: JudgedPeople) -> list[str]:
    """Returns what so many people and photos cannot tell."""
    measured, told = judged.measured, []
    number = len(measured.people)
    if number == 2:
        told.append(
            "Two people are one pair of people: it tells nothing of others, so false match rates may be 0 to 100 %."
        )
    if number < FEWEST_PEOPLE:
        told.append(
            f"No threshold of their own is offered for fewer than {FEWEST_PEOPLE} people: each of {number} is in "
            f"{percent_of(2 / number)} of all pairs of people."
        )
    lacking = [asked for asked in ASKED if not judged.supports(asked)]
    if lacking:
        needed = ", ".join(f"{percent_of(asked)} takes {num_impostor_needed(asked):,}" for asked in lacking)
        told.append(
            "A false match rate takes 3 / rate pairs of photos of different people, or none matching says nothing: "
            f"{needed}, and these are {measured.num_impostor:,}."
        )
    if number > 2:
        told.append(
            "Photos of the same two people resemble one another, so intervals (95 %) are drawn by people: "
            f"{counted(measured.num_people_pairs, 'pair')} of people count, not "
            f"{counted(measured.num_impostor, 'pair')} of photos."
        )
    if not measured.num_genuine:
        told.append("Nobody has two photos with a face: how often a person is missed cannot be told.")
    elif (several := int(np.sum(measured.num_photos > 1))) < number:
        told.append(
            f"Misses are of the {counted(several, 'person', 'people')} with two photos or more; the others count as "
            "strangers to everybody."
        )
    confused = measured.confused[ASKED.index(MAIN)]
    if any(pair.num_pairs >= _SEVERAL and 2 * pair.num_matched > pair.num_pairs for pair in confused):
        told.append(
            "Who matches another person in most photos may be the same person under two names, or a twin: no threshold "
            "tells twins apart."
        )
    embeddings = judged.people.embeddings
    for first, second in [pair.photos for pair in confused if np.dot(*embeddings[list(pair.photos)]) > _SAME_PHOTO]:
        told.append(f"{_photo(judged, first)} and {_photo(judged, second)} are one photo, or nearly, of two names.")
    return told


def _at_rate(judged: JudgedPeople, asked: float, people: str) -> str:
    at = judged.rates(asked)
    told = f"{percent_of(asked)} asked; {rate_text(at.fmr)} measured on {people}: {_verdict(judged, asked)}"
    missed = "" if at.fnmr.value is None else f" Of pairs of one person {rate_text(at.fnmr)} are missed."
    over = judged.over(asked)
    beyond = f" Over {FACTOR} times as often: {len(over.people):,} of {people}." if asked != MAIN else ""
    return f"{told}{missed}{beyond}"


def _verdict(judged: JudgedPeople, asked: float) -> str:
    rate = judged.rates(asked).fmr
    if rate.low > asked:
        return "more than asked."
    if rate.high <= asked:
        return "no more than asked."
    return "these people are too few to tell whether it holds."


def _whom(judged: JudgedPeople) -> list[str]:
    measured, names, over = judged.measured, judged.people.names, judged.over()
    index = ASKED.index(MAIN)
    over_half = measured.num_over_half[index]
    named = ", ".join(
        f"{names[person]} ({percent_of(rate)})"
        for person, rate in zip(over.people[:_NAMED].tolist(), over.own_rates[:_NAMED].tolist(), strict=True)
    )
    more = f" and {len(over.people) - _NAMED:,} more" if len(over.people) > _NAMED else ""
    told = [
        f"At {percent_of(MAIN)}, {_how_many(len(over.people))} of {len(names):,} people "
        f"{'is' if len(over.people) < 2 else 'are'} taken for others over {FACTOR} times as often as asked"
        + (f": {named}{more}." if named else "."),
        f"Of {counted(measured.num_people_pairs, 'pair')} of people {_how_many(over_half)} "
        f"{'matches' if over_half < 2 else 'match'} in more than half of their pairs of photos.",
    ]
    matching = [pair for pair in measured.confused[index][:_NAMED] if pair.num_matched]
    if matching:
        told.append("The worst: " + "; ".join(pair_text(judged, pair) for pair in matching) + ".")
    elif measured.confused[index]:
        told.append(f"No two match. The nearest: {pair_text(judged, measured.confused[index][0])}.")
    return told


def _how_many(number: int) -> str:
    return f"{number:,}" if number else "none"


def _photo(judged: JudgedPeople, row: int) -> str:
    return "/".join(judged.people.paths[row].parts[-2:])
