"""The report of a metric training: one HTML file that says what helped, what did not, and why."""

from collections.abc import Sequence

from kerasface.plotting.metric import distance_histograms, spread_curves
from kerasface.plotting.style import escaped
from kerasface.plotting.training import training_curves
from kerasface.reports.document import document, facts_row, figure_html, notes_list, table
from kerasface.terminal.words import share
from kerasface.train.classification.data import PreparedData
from kerasface.train.metric_learning.card import NAMES, MetricOutcome
from kerasface.train.metric_learning.judging import JudgedEmbeddings

_HEADS = (
    "embeddings",
    "EER",
    "genuine pairs accepted at an FMR of 1 %",
    "at 0.1 % (95 % interval)",
    "people missed at an FPIR of 1 %, by cosines",
    "with normalized scores (95 % interval)",
)


def write_metric_report(
    title: str, outcome: MetricOutcome, prepared: PreparedData, metrics: dict, notes: Sequence[str]
) -> str:
    """Returns the report as one HTML document that needs no network.

    Args:
        title: Its heading.
        outcome: What came of the training.
        prepared: The images.
        metrics: Contents of the run's `metrics.json`.
        notes: What must be said about the run, in sentences.
    """
    return document(
        title,
        {
            "": [_facts(outcome, metrics), notes_list(notes)],
            "People held out": [_people(metrics), _rates(outcome.held_out, outcome.kept), _searches(outcome)],
            "Before and after": [_histograms(outcome)],
            "Why it helped, and why not more": [_why(outcome)],
            "Training": [_training(outcome.history)],
            "Alarms": [_alarms(outcome.alarms)],
            "Settings": [_settings(prepared)],
        },
    )


def _facts(outcome: MetricOutcome, metrics: dict) -> str:
    kept = outcome.held_out[outcome.kept]
    facts = {
        "genuine pairs accepted at an FMR of 0.1 %": share(kept.tar, 2),
        "equal error rate": share(kept.verification.eer, 2),
    }
    if kept.identification:
        facts["people missed at an FPIR of 1 %, normalized scores"] = share(kept.fnir)
    facts |= {
        "people trained on": f"{metrics['num_people_train']:,}",
        "people judged on": f"{metrics['num_people_validation']:,}",
    }
    return facts_row(facts)


def _people(metrics: dict) -> str:
    people, single = metrics["num_people_validation"], metrics["num_single_validation"]
    return (
        f"<p>{metrics['num_validation']:,} images of {people:,} people, {single:,} of them with one image. Nothing was "
        "trained or measured on any of them. Of nobody more than 20 genuine pairs count.</p>"
    )


def _rates(judged: dict[str, JudgedEmbeddings], kept: str | None) -> str:
    rows = []
    for name, found in judged.items():
        rates = found.verification.tar_at_fmr
        searched = found.identification and found.identification.fnir_at_fpir["0.01"]
        rows.append(
            [
                NAMES[name] + (" (kept)" if name == kept else ""),
                share(found.verification.eer, 2),
                share(rates["0.01"].value, 2),
                _with_interval(rates["0.001"], 2),
                share(found.fnir_of_cosines),
                _with_interval(searched, 1) if searched else share(None),
            ]
        )
    return table(_HEADS, rows)


def _with_interval(rate, digits: int) -> str:
    """A rate that has a `value`, and its interval from `low` to `high`."""
    return f"{share(rate.value, digits)} ({share(rate.low, digits)} to {share(rate.high, digits)})"


def _searches(outcome: MetricOutcome) -> str:
    found = outcome.held_out[outcome.before].identification
    if found is None:
        return "<p>Searches were not judged: nobody held out has one image alone, so nobody is unknown.</p>"
    supported = "" if found.fnir_at_fpir["0.01"].supported else " That is too few to speak of an FPIR of 1 %."
    return (
        f"<p>In the searches one image of each of {found.gallery_size:,} people is enrolled; {found.num_mated:,} other "
        f"images of them are looked for, and {found.num_unknown:,} images of people who are not enrolled.{supported} "
        "The normalized score is in units of what strangers reach, by a cohort drawn after the people trained on.</p>"
    )


def _histograms(outcome: MetricOutcome) -> str:
    last = outcome.kept if outcome.kept != outcome.before else list(outcome.held_out)[-1]
    shown = [
        (NAMES[name], outcome.held_out[name].genuine, outcome.held_out[name].impostor)
        for name in dict.fromkeys((outcome.before, last))
    ]
    words = "<p>Distances of the pairs of people held out. The less the two colours overlap, the better.</p>"
    return words + figure_html(distance_histograms(shown))


def _why(outcome: MetricOutcome) -> str:
    """Compares people trained on with people held out, and the two ways of searching."""
    before, name = outcome.held_out[outcome.before], list(outcome.held_out)[-1]
    after = outcome.held_out[name]
    seen, seen_before = outcome.trained_on[name], outcome.trained_on[outcome.before]
    parts = [
        f"<p>The last embeddings ({NAMES[name]}) changed what is missed of genuine pairs at an FMR of 0.1 % by "
        f"{_change(1 - seen_before.tar, 1 - seen.tar)} on the people trained on, and by "
        f"{_change(1 - before.tar, 1 - after.tar)} on people held out. What helps the first and not the second was "
        "learned by heart.</p>",
        _rates(outcome.trained_on, None),
    ]
    if before.identification:
        cosines = _change(before.fnir_of_cosines, after.fnir_of_cosines)
        parts.append(
            f"<p>The people missed at an FPIR of 1 % changed by {cosines} where cosines are compared as they are, and "
            f"by {_change(before.fnir, after.fnir)} with normalized scores, which alone take the backbone from "
            f"{share(before.fnir_of_cosines)} to {share(before.fnir)}."
        )
        if "stretched" in outcome.held_out:
            parts.append(
                " Where faces crowd, strangers come near. To stretch distances there and to take off what others in "
                "the gallery reach are two remedies for one fault: the second leaves little to the first."
            )
        parts.append("</p>")
    return "".join(parts)


def _training(history: Sequence[dict]) -> str:
    if not history:
        return "<p>No step was trained.</p>"
    curves = training_curves(history)
    # No accuracy is drawn: the losses take its room.
    curves.update_layout(yaxis={"domain": [0, 1]}, yaxis2={"visible": False}, height=340)
    return figure_html(curves) + figure_html(spread_curves(history))


def _alarms(alarms: Sequence[dict]) -> str:
    if not alarms:
        return "<p>None: people stayed apart, and there was something to learn in every epoch.</p>"
    lines = [
        f"<li>{escaped(event['stage'])}, epoch {event['epoch']}: {escaped(event['text'])}</li>" for event in alarms
    ]
    return f"<ul>{''.join(lines)}</ul>"


def _settings(prepared: PreparedData) -> str:
    kind = "Faces, found and aligned" if prepared.input.of_faces else "Whole pictures"
    height, width = prepared.images.shape[1:3]
    return (
        f"<p>{kind}, {width} x {height} pixels. Beside this file stand the settings, "
        "<a href='recipe.toml'>recipe.toml</a>, every epoch, <a href='history.csv'>history.csv</a>, and all numbers, "
        "<a href='metrics.json'>metrics.json</a>.</p>"
    )


def _change(before: float, after: float) -> str:
    """The relative change of a rate."""
    if before == 0:
        return "nothing (there was nothing to miss)" if after == 0 else f"{after:.2%} from none"
    return f"{(after - before) / before:+.0%}".replace("%", "\N{NO-BREAK SPACE}%")
