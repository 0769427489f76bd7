"""What was measured on the people of a folder, as one HTML document with its figures and faces."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.people import own_rates_figure
from kerasface.population.judging import ASKED, MAIN, JudgedPeople
from kerasface.population.sentences import sentences_of
from kerasface.reports.document import document, facts_row, figure_html, notes_list, table
from kerasface.reports.people import pair_pictures, rates_table
from kerasface.terminal.words import counted, percent_of

_MAX_PAIRS = 12  # shown with their faces


def worst_pairs(judged: JudgedPeople) -> list[tuple[list[str], list[Path], str]]:
    """Returns the pairs of people that a report shows: both names, the photos that match best, how many match."""
    names, paths = judged.people.names, judged.people.paths
    return [
        (
            [names[person] for person in pair.people],
            [paths[photo] for photo in pair.photos],
            f"{pair.num_matched:,} of {counted(pair.num_pairs, 'pair')} of photos "
            f"{'matches' if pair.num_matched == 1 else 'match'}, highest {judged.score_name} {pair.highest:.2f}",
        )
        for pair in judged.measured.confused[ASKED.index(MAIN)][:_MAX_PAIRS]
    ]


def own_rates_of(judged: JudgedPeople) -> go.Figure:
    """Draws each person's own false match rate at the threshold at which people are named."""
    own_rates = judged.measured.own_rates[ASKED.index(MAIN)]
    return own_rates_figure(own_rates, judged.people.names, MAIN, of_whom="of their pairs with others match")


def people_document(
    title: str, judged: JudgedPeople, crops: Mapping[Path, np.ndarray], *, extension: Sequence[str] = ()
) -> str:
    """Returns the report of a folder of people as HTML that needs no network.

    Args:
        title: Its heading.
        judged: What was measured.
        crops: Faces of the photos of `worst_pairs`.
        extension: What is said of a part of a cohort that was drawn, in sentences.
    """
    measured, names, over = judged.measured, judged.people.names, judged.over()
    main, worst = judged.rates(MAIN), worst_pairs(judged)
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
                figure_html(own_rates_of(judged)),
                *([table(["over ten times the rate asked for", "own rate", "photos"], rows)] if rows else []),
            ],
            "The worst pairs of people": [
                pair_pictures([(both, [crops.get(path) for path in paths], told) for both, paths, told in worst])
            ],
            "Thresholds of their own": [rates_table(list(own.items()))] if own else [],
            "With a part of a cohort drawn for them": [notes_list(extension)] if extension else [],
        },
    )
