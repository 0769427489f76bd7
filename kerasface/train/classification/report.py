"""The report of a classification training: one HTML file with its figures and the pictures behind its errors.

Its size is bounded, however many classes and mistakes there are: plotly.js takes 4.5 MB, a thumbnail about 4 kB.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from kerasface.evaluation.names import as_name
from kerasface.plotting import classification, training
from kerasface.plotting.segmentation import data_url
from kerasface.plotting.style import escaped, percent
from kerasface.reports.document import THUMBNAIL, document, facts_row, figure_html, notes_list, table
from kerasface.terminal.words import share
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.records import Confusion, Records

_MAX_CELLS = 20  # confusions shown with their pictures
_MAX_BEHIND = 8  # pictures shown of one confusion
_MAX_MISTAKES = 24
_MAX_STRANGERS = 24
_MAX_PAIRS = 12  # duplicates shown
_MAX_ROWS = 1000  # classes listed


def write_report(title: str, records: Records) -> str:
    """Returns the report as one HTML document that needs no network.

    Args:
        title: Its heading.
        records: What the training found out.
    """
    sections = {
        "": [_facts(records), notes_list(records.notes)],
        "Training": [_training(records.history)],
        "Frozen or fine-tuned": [_comparison(records)] if records.comparison else [],
        "Most confident mistakes": [_mistakes(records)],
        "Confusions": [_confusions(records)],
        _outsiders(records).capitalize(): [_strangers(records)] if records.open_set or _of_faces(records) else [],
        "Can its confidence be believed?": [_calibration(records)],
        "Classes": [_classes(records)],
        "Doubtful pictures": [_leaks(records.prepared)],
        "Settings": [_settings(records.prepared)],
    }
    return document(title, sections)


def _facts(records: Records) -> str:
    metrics, chosen = records.metrics, records.open_set
    facts = {
        "top-1": share(metrics["top1"], 2),
        "top-5": share(metrics["top5"], 2),
        "calibration error (ECE)": share(records.temperature.ece),
    }
    if chosen:
        name = f"{_outsiders(records)} accepted, at most {share(chosen.unknown_accepted_high)}"
        facts[name] = share(chosen.unknown_accepted)
    facts |= {
        "classes": f"{metrics['num_classes']:,}",
        "images trained on": f"{metrics['num_train']:,}",
        "images judged on": f"{metrics['num_validation']:,}",
    }
    return facts_row(facts)


def _training(history: Sequence[dict]) -> str:
    if not history:
        return (
            "<p>Nothing was trained: the classes are the mean directions of their images, taken from the frozen "
            "backbone.</p>"
        )
    rows = []
    for stage in dict.fromkeys(row["stage"] for row in history):
        epochs = [row for row in history if row["stage"] == stage]
        speed = np.median([row["images_per_second"] for row in epochs])
        seconds = sum(row["seconds"] for row in epochs)
        best = min(epochs, key=lambda row: row["val_loss"])
        rows.append([stage, len(epochs), best["epoch"], f"{best['val_loss']:.3f}", f"{seconds:,.1f}", f"{speed:,.0f}"])
    heads = ["stage", "epochs", "best epoch", "its validation loss", "seconds", "images per second"]
    return figure_html(training.training_curves(history)) + table(heads, rows)


def _comparison(records: Records) -> str:
    rows, comparison = [], records.comparison
    measured = any(comparison[key]["unknown_accepted"] is not None for key in ("frozen", "fine_tuned"))
    for key, name in (("frozen", "frozen backbone"), ("fine_tuned", "fine-tuned")):
        kept = comparison["fine_tuned_kept"] == (key == "fine_tuned")
        judged = comparison[key]
        accepted = [share(judged["unknown_accepted"], 2)] if measured else []
        rows.append([f"{name} (kept)" if kept else name, share(judged["top1"], 2), *accepted])
    heads = ["", "top-1", f"{_outsiders(records)} accepted where 95 % of the known are"]
    return table(heads[: len(rows[0])], rows)


def _mistakes(records: Records) -> str:
    if len(records.mistakes) == 0:
        return "<p>None: every image judged on was named rightly.</p>"
    shown = records.mistakes[:_MAX_MISTAKES]
    return _shown(shown, records.mistakes, "wrong names, the surest first.") + _held_out(
        records,
        shown,
        [
            f"{_name(records, records.judged.labels[sample])} taken for {_name(records, records.named[sample])}, "
            f"{_sure(records.confidence[sample])}"
            for sample in shown
        ],
    )


def _confusions(records: Records) -> str:
    names, confusions = records.prepared.names, records.confusions()
    parts = []
    if len(names) <= classification.MAX_HEATMAP:
        parts.append(figure_html(classification.confusion_heatmap(records.confusion_matrix(), names)))
    shown = confusions[:_MAX_CELLS]
    parts.append(
        _shown(shown, confusions, "pairs of names confused, the most frequent first.") if shown else "<p>None.</p>"
    )
    return "".join([*parts, *(_behind(records, confusion) for confusion in shown)])


def _behind(records: Records, confusion: Confusion) -> str:
    names = records.prepared.names
    times = f"{len(confusion.samples)} times" if len(confusion.samples) > 1 else "once"
    shown = confusion.samples[:_MAX_BEHIND]
    captions = [_sure(records.confidence[sample]) for sample in shown]
    true, named = (as_name(names[label]) for label in (confusion.true, confusion.named))
    heading = f"{escaped(true)} taken for {escaped(named)}, {times}"
    return f"<h3>{heading}</h3>{_held_out(records, shown, captions)}"


def _strangers(records: Records) -> str:
    chosen = records.open_set
    if chosen is None:
        return "<p>Not measured on these people: that takes images of at least four strangers.</p>"
    others = _outsiders(records)
    of_them, images, known = "are", "other such pictures", "the classes"
    if _of_faces(records):
        of_them, images, known = "of their images are", "images of other strangers", "known people"
    measured, high = share(chosen.unknown_accepted, 2), share(chosen.unknown_accepted_high, 2)
    words = (
        f"<p>From a {records.judged.score} of {chosen.threshold:.3f} an image counts as known. This was chosen on "
        f"{chosen.num_chosen_on:,} {others} so that at most {share(chosen.false_accept_asked)} {of_them} accepted. Of "
        f"{chosen.num_unknown:,} {images} it accepts {measured}, with 95 % confidence at most {high}; of "
        f"{chosen.num_known:,} images of {known} to judge on {share(chosen.known_accepted)}, and "
        f"{share(chosen.known_correct)} under their own name.</p>"
    )
    if not chosen.supported:
        words += (
            f"<p>{chosen.num_chosen_on:,} {others} are too few to promise {share(chosen.false_accept_asked)}: that "
            f"takes {np.ceil(3 / chosen.false_accept_asked):,.0f}, even if none of them is accepted.</p>"
        )
    figure = classification.open_set_curve(records.curve, chosen, of_faces=_of_faces(records))
    return words + figure_html(figure) + _accepted_strangers(records)


def _accepted_strangers(records: Records) -> str:
    judged, prepared = records.cooled, records.prepared
    accepted = np.flatnonzero(judged.unknown_scores >= records.open_set.threshold)
    if len(accepted) == 0:
        return f"<p>No {'stranger' if _of_faces(records) else 'such picture'} was accepted.</p>"
    shown = accepted[np.argsort(-judged.unknown_scores[accepted], kind="stable")][:_MAX_STRANGERS]
    named = judged.unknown_probabilities[shown].argmax(axis=1)
    captions = [
        f"taken for {_name(records, label)}, {judged.score} {score:.3f}"
        for label, score in zip(named, judged.unknown_scores[shown], strict=True)
    ]
    return (
        f"<h3>Accepted {_outsiders(records)}</h3>{_shown(shown, accepted, 'images, the highest scores first.')}"
        f"{_pictures(prepared, prepared.unknown[shown], captions)}"
    )


def _calibration(records: Records) -> str:
    temperature = records.temperature
    return (
        "<p>Of the answers given with a confidence of 90 %, nine of ten should be right; the calibration error is the "
        f"mean distance between confidence and accuracy. {escaped(temperature.reason)}</p>"
    ) + figure_html(classification.reliability_diagram(temperature.before, temperature.after))


def _classes(records: Records) -> str:
    classes = records.per_class()
    sizes = [row["num_train"] for row in classes]
    worst_first = sorted(classes, key=lambda row: (row["recall"] is None, row["recall"], row["name"]))[:_MAX_ROWS]
    rows = [
        [as_name(row["name"]), row["num_train"], row["num_validation"], share(row["recall"]), share(row["precision"])]
        for row in worst_first
    ]
    count = "All" if len(rows) == len(classes) else f"{len(rows):,} of"
    listed = table(["class", "training", "held out", "recall", "precision"], rows)
    return (
        f"<p>Training images per class: {min(sizes):,} to {max(sizes):,}, median {np.median(sizes):,.0f}.</p>"
        f"{figure_html(training.class_balance(classes))}"
        f"<details><summary>{count} {len(classes):,} classes, the worst first</summary>{listed}</details>"
    )


def _leaks(prepared: PreparedData) -> str:
    leaks = prepared.leaks
    two_names = np.concatenate([leaks.two_labels_exact, leaks.two_labels_near])
    sentences = [
        (
            len(prepared.moved),
            "Training images left out, as images to judge on are equal or nearly equal"
            if prepared.given
            else "Held-out images moved to the training side, which has equal or nearly equal ones",
        ),
        (len(leaks.exact), "Held-out images equal to a training image"),
        (len(leaks.near), "Held-out images nearly equal to a training image"),
        (len(two_names), "Pictures under two names, equal or nearly so, so that one name may be wrong"),
        (len(leaks.shared_labels), "Persons on both sides of the split"),
        (len(prepared.rejected), "Files not used, for the reasons in rejected.csv"),
        (len(prepared.left_out), "Classes left out, which have too few images"),
    ]
    found = "".join(f"<li>{what}: {count:,}</li>" for count, what in sentences if count)
    if not found:
        return "<p>None: no picture stands on both sides of the split or under two names, and every file was used.</p>"
    return (
        f"<ul>{found}</ul>"
        + _pairs(prepared, "Under two names", two_names)
        + _pairs(prepared, "On both sides", np.concatenate([leaks.exact, leaks.near]))
    )


def _pairs(prepared: PreparedData, heading: str, pairs: np.ndarray) -> str:
    shown = [
        f'<div class="pair">{_figures(prepared, pair, [_label(prepared, index) for index in pair])}</div>'
        for pair in pairs[:_MAX_PAIRS]
    ]
    return f'<h3>{heading}</h3><div class="pictures">{"".join(shown)}</div>' if shown else ""


def _settings(prepared: PreparedData) -> str:
    kind = "Faces, found and aligned" if prepared.input.of_faces else "Whole pictures"
    height, width = prepared.images.shape[1:3]
    judged = f"Judged on a split that was given: {escaped(prepared.given.name)}. " if prepared.given else ""
    return (
        f"<p>{kind}, {width} x {height} pixels. {judged}Beside this file stand the settings, "
        "<a href='recipe.toml'>recipe.toml</a>, every epoch, <a href='history.csv'>history.csv</a>, and all that is "
        "shown here in full, <a href='records.json'>records.json</a>.</p>"
    )


def _name(records: Records, label: int) -> str:
    return as_name(records.prepared.names[label])


def _of_faces(records: Records) -> bool:
    return records.prepared.input.of_faces


def _outsiders(records: Records) -> str:
    """What shows none of the classes: people, or whatever else there is in pictures."""
    return "strangers" if _of_faces(records) else "pictures of anything else"


def _label(prepared: PreparedData, index: int) -> str:
    if prepared.labels[index] >= 0:
        return as_name(prepared.names[prepared.labels[index]])
    return "a stranger" if prepared.input.of_faces else "none of the classes"


def _held_out(records: Records, samples: np.ndarray, captions: Sequence[str]) -> str:
    return _pictures(records.prepared, records.prepared.validation[samples], captions)


def _pictures(prepared: PreparedData, indices: np.ndarray, captions: Sequence[str]) -> str:
    return f'<div class="pictures">{_figures(prepared, indices, captions)}</div>'


def _figures(prepared: PreparedData, indices: np.ndarray, captions: Sequence[str]) -> str:
    """The pictures at `indices` of all images, each with its caption and its file."""
    shown = []
    for index, picture, caption in zip(indices, prepared.images[indices], captions, strict=True):
        text, file = escaped(caption), escaped(prepared.files[index])
        shown.append(
            f'<figure><img src="{_source(picture)}" alt="{text}">'
            f"<figcaption>{text}<small>{file}</small></figcaption></figure>"
        )
    return "".join(shown)


def _source(picture: np.ndarray) -> str:
    """A picture as the address of a thumbnail; a picture that is smaller stays as it is."""
    if max(picture.shape[:2]) > THUMBNAIL:
        picture = cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return data_url(picture)


def _sure(probability: float) -> str:
    return percent(probability).replace(" ", "\N{NO-BREAK SPACE}")


def _shown(shown: Sequence, found: Sequence, what: str) -> str:
    """Says how many of what was found are shown."""
    count = "All" if len(shown) == len(found) else f"{len(shown):,} of"
    return f'<p class="quiet">{count} {len(found):,} {what}</p>'
