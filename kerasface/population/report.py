"""What was measured on the people of a folder, as one HTML document with its figures and faces."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasface.evaluation.people import ConfusedPair
from kerasface.plotting.document import document, facts_row, figure_html, notes_list, table
from kerasface.plotting.people import own_rates_figure, pair_pictures, rates_table
from kerasface.population.judging import ASKED, MAIN, JudgedPeople
from kerasface.population.sentences import sentences_of
from kerasface.words import percent_of

_MAX_PAIRS = 12  # shown with their faces


def photos_of_worst(judged: JudgedPeople) -> list[Path]:
    """Returns the photos whose faces a report shows."""
    return [judged.people.paths[photo] for pair in _worst(judged) for photo in pair.photos]


def people_document(
    title: str, judged: JudgedPeople, crops: Mapping[Path, np.ndarray], *, extension: Sequence[str] = ()
) -> str:
    """Returns the report of a folder of people as HTML that needs no network.

    Args:
        title: Its heading.
        judged: What was measured.
        crops: Faces of `photos_of_worst`.
        extension: What is said of a part of a cohort that was drawn, in sentences.
    """
    measured, names, over = judged.measured, judged.people.names, judged.over()
    main = judged.rates(MAIN)
    facts = {
        f"different people who match at {percent_of(MAIN)}": percent_of(main.fmr.value),
        "one person's photos missed": "-" if main.fnmr.value is None else percent_of(main.fnmr.value),
        "people taken for others over ten times as often": f"{len(over.people):,} of {len(names):,}",
        "pairs of people that mostly match": f"{measured.num_over_half[ASKED.index(MAIN)]:,}",
        "photos": f"{len(judged.people.paths):,}",
        "without a face": f"{len(judged.people.rejected):,}",
    }
    own = judged.own_thresholds
    rows = [
        (names[person], percent_of(rate), f"{measured.num_photos[person]:,}")
        for person, rate in zip(over.people.tolist(), over.own_rates.tolist(), strict=True)
    ]
    return document(
        title,
        {
            "": [facts_row(facts), notes_list(sentences_of(judged))],
            "At the thresholds that ship": [rates_table([(asked, judged.rates(asked)) for asked in ASKED])],
            "Each person's own false match rate": [
                figure_html(
                    own_rates_figure(
                        measured.own_rates[ASKED.index(MAIN)], names, MAIN, of_whom="of their pairs with others match"
                    )
                ),
                *([table(["over ten times the rate asked for", "own rate", "photos"], rows)] if rows else []),
            ],
            "The worst pairs of people": [pair_pictures([_shown(judged, pair, crops) for pair in _worst(judged)])],
            "Thresholds of their own": [rates_table(list(own.items()))] if own else [],
            "With a part of a cohort drawn for them": [notes_list(extension)] if extension else [],
        },
    )


def _worst(judged: JudgedPeople) -> Sequence[ConfusedPair]:
    return judged.measured.confused[ASKED.index(MAIN)][:_MAX_PAIRS]


def _shown(judged: JudgedPeople, pair: ConfusedPair, crops: Mapping[Path, np.ndarray]) -> tuple:
    names = [judged.people.names[person] for person in pair.people]
    pictures = [crops.get(judged.people.paths[photo]) for photo in pair.photos]
    return names, pictures, f"{pair.num_matched:,} of {pair.num_pairs:,} match, highest {pair.highest:.2f}"
