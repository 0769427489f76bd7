"""Evaluate, names: how often a trained classifier is right on a folder of photos, alone or beside another one."""

import json
from functools import partial

import streamlit as st

from kerasface.evaluation.classification_report import (
    ClassificationReport,
    CountedShare,
    most_confused,
    surest_mistakes,
)
from kerasface.evaluation.names import as_name
from kerasface.images.decoding import ImageError, decode
from kerasface.images.squares import fit_square
from kerasface.plotting.classification import MAX_HEATMAP, confusion_heatmap
from kerasface.reports.error_rates import classification_document, classifier_verdict
from kerasface.runs.store import DEFAULT_ROOT, RunSummary, list_runs
from kerasface.tasks.measuring.classes import ClassRates, NamedPictures, measure_classes
from kerasface.tasks.measuring.people import Report
from kerasface.tasks.recognition import open_set_of, unknown_note
from kerasface.terminal.errors import told
from kerasface.terminal.words import share, some_names
from pages.parts.charts import show_chart
from pages.parts.evaluate.shown import show_files, show_table
from pages.parts.evaluate.sources import Source, choose_class_folder
from pages.parts.evaluate.work import work
from pages.parts.listed_runs import TRAIN_COMMAND, show_broken_runs
from pages.parts.models import classifier_or_stop
from pages.parts.photos import plain

ALONE = "No other"
SHOWN = 8  # mistakes with their pictures
SIDE = 140  # pixels
MAX_CONFUSED = 10
_UNSEEN = (
    "A folder with a folder of photos for each class, named like the classes of the model; every other folder holds "
    "strangers. Take photos that it was not trained on: those it has seen make it look better than it is."
)


def show_names():
    """The whole view: folder, one model or two, how often they are right."""
    st.caption(_UNSEEN)
    source = choose_class_folder()
    chosen = _choose()
    if not chosen:
        return
    if source is None:
        st.info("Type a path on this machine. Photos are read there; none is copied or sent.")
        return
    key = ("names", source, *((one.name, one.card.model_sha256) for one in chosen))

    def compute(report: Report) -> ClassRates:
        return measure_classes(source.path, [classifier_or_stop(one) for one in chosen], report=report)

    if found := work(key, compute, button="Measure"):
        show_results(found, key, source)


def show_results(found: ClassRates, key: tuple, source: Source):
    for name, report in zip(found.names, found.reports, strict=True):
        show_rates(report, plain(name) if found.comparison else "", of_faces=found.of_faces)
    if found.comparison:
        say = st.success if found.comparison.better else st.info
        say(plain(classifier_verdict(found.comparison, found.names)), icon=":material/balance:")
        st.caption(
            "p from McNemar's exact test; the interval comes from drawing the pictures anew. Both take pictures for "
            "independent: of several taken at one moment they promise too much."
        )
    for name, card in zip(found.names, found.cards, strict=True):
        if (known := open_set_of(card)) and known.default:
            st.caption(f"{plain(name)}: {plain(unknown_note(card))}")
    if strangers := found.pictures[0].strangers:
        whose = "strangers" if found.of_faces else "none of the classes"
        st.caption(f"Folders of {whose}, as no class has their name: {plain(some_names(strangers))}.")
    show_failed(found.pictures[0])
    for place, name in enumerate(found.names):
        st.subheader(f"What {plain(name)} takes for what")
        show_mistakes(found.reports[place], found.pictures[place], f"names_{place}")
    st.subheader("Keep the results")
    title = f"{found.names[0]}: {source.path}"
    files = {
        "Rates (JSON)": (partial(_json, found), "names.json"),
        "Report (HTML)": (partial(classification_document, title, found), "names.html"),
    }
    show_files(files, key, source)


def show_rates(report: ClassificationReport, name: str, *, of_faces: bool):
    if name:
        st.markdown(f"**{name}**")
    with st.container(horizontal=True):
        st.metric("Right", share(report.top1.value, 2), help=_of(report.top1))
        st.metric("Right among the first five", share(report.top5.value, 2), help=_of(report.top5))
        st.metric(
            "Mean of the classes",
            share(report.balanced_accuracy, 2),
            help="Each class counts alike, however many photos it has.",
        )
        st.metric(
            "Calibration error (ECE)",
            share(report.ece, 2),
            help="Mean distance of the probability given and the share of right names.",
        )
        st.metric("Photos", f"{report.top1.num_pictures:,}")
    if report.known_accepted:
        st.markdown(
            f"At the model's threshold of {report.threshold:.3f}, {share(report.known_correct.value)} of the photos "
            f"are accepted under their own name and {share(1 - report.known_accepted.value)} are called unknown."
        )
    others, taken = ("strangers", "somebody known") if of_faces else ("none of the classes", "one of them")
    if report.unknown_accepted:
        st.markdown(
            f"Of {report.num_unknown:,} photos of {others} **{share(report.unknown_accepted.value)} are taken for "
            f"{taken}**. {_of(report.unknown_accepted)}"
        )
    elif report.num_unknown:
        st.markdown(
            f"There are {report.num_unknown:,} photos of {others}; without a threshold each of them got a name."
        )


def show_failed(pictures: NamedPictures):
    if not pictures.rejected:
        return
    count = len(pictures.rejected)
    with st.expander(f"{count:,} {'file' if count == 1 else 'files'} with no answer", icon=":material/broken_image:"):
        st.markdown("\n".join(f"- {plain(reason)}" for _, reason in pictures.rejected[:20]))
        if count > 20:
            st.caption(f"The first 20 of {count:,}.")


def show_mistakes(report: ClassificationReport, pictures: NamedPictures, key: str):
    """Who was taken for whom, and the mistakes that the model is surest of."""
    confused = most_confused(report, MAX_CONFUSED)
    if not confused:
        st.markdown("Nothing: every photo with an answer got its own name.")
        return
    if len(report.classes) <= MAX_HEATMAP:
        alt = "; ".join(
            f"{as_name(true)} was taken for {as_name(named)} {times} times" for true, named, times in confused
        )
        show_chart(confusion_heatmap(report.confusion, report.classes), key=f"{key}_confusions", alt=alt)
    show_table(
        ("class", "taken for", "times"),
        [(plain(as_name(true)), plain(as_name(named)), f"{times:,}") for true, named, times in confused],
    )
    trial = pictures.trial
    with st.container(horizontal=True, gap="small"):
        for row in surest_mistakes(trial, SHOWN):
            path, true, named = pictures.paths[row], trial.classes[trial.labels[row]], trial.classes[trial.named[row]]
            with st.container(border=True, width=SIDE + 34):
                try:
                    st.image(fit_square(decode(path), SIDE), width=SIDE, alt=path.name, output_format="JPEG")
                except ImageError as error:  # it was there a moment ago
                    st.caption(plain(told(error)))
                st.markdown(
                    f"**{plain(as_name(true))}**  \nnamed {plain(as_name(named))}, "
                    f"{share(trial.probabilities[row].max())}  \n:small[{plain(path.name)}]"
                )


def _choose() -> list[RunSummary]:
    """The model, and another one where one with the same classes is there and wanted."""
    summaries = list_runs(DEFAULT_ROOT)
    show_broken_runs(summaries)
    usable = {summary.name: summary for summary in summaries if summary.card and summary.card.task == "classify"}
    if not usable:
        st.info("No model that names anything is trained yet. Make one from a folder of photos per person:")
        st.code(TRAIN_COMMAND, language=None, wrap_lines=True)
        return []
    left, right = st.columns(2, gap="medium")
    names = sorted(usable, key=lambda name: not usable[name].card.input.of_faces)  # people first
    first = usable[left.selectbox("Model", names, key="names_model", persist_state="session")]
    classes = frozenset(first.card.labels)
    others = [name for name, one in usable.items() if name != first.name and frozenset(one.card.labels) == classes]
    other = ALONE
    if others:
        other = right.selectbox(
            "Beside it",
            [ALONE, *others],
            key=f"names_beside_{first.name}",
            help="Another model of the same classes: is one better, or was it chance?",
        )
    return [first] if other == ALONE else [first, usable[other]]


def _of(part: CountedShare) -> str:
    return f"95 %: {share(part.low, 2)} to {share(part.high, 2)}, of {part.num_pictures:,} photos."


def _json(found: ClassRates) -> str:
    return json.dumps(found.to_dict(), indent=1)
