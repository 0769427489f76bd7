"""Evaluate, open set: how often a search in a gallery misses somebody, and takes a stranger for somebody."""

import json
from functools import partial

import numpy as np
import streamlit as st

from kerasface.evaluation.identification import FpirCheck
from kerasface.evaluation.open_set import OpenSet, OpenSetCurve
from kerasface.plotting.classification import open_set_curve
from kerasface.plotting.error_rates import cmc_curve, fnir_against_fpir
from kerasface.reports.error_rates import identification_document
from kerasface.runs.answers import read_records
from kerasface.runs.store import DEFAULT_ROOT, RunError, list_runs
from kerasface.tasks.measuring.identities import SearchRates, check_searchable, measure_searches
from kerasface.tasks.measuring.people import Report
from kerasface.tasks.recognition import unknown_note
from kerasface.terminal.words import share
from pages.parts.charts import show_chart
from pages.parts.evaluate.shown import show_files, show_table
from pages.parts.evaluate.sources import FOLDER, SAMPLE, VECTORS, Source, choose_models, choose_source, read_people
from pages.parts.evaluate.work import work
from pages.parts.photos import plain

_BOOTSTRAP = 300


def show_open_set():
    """The whole view: source, model, results, and the trained classifiers."""
    st.markdown(
        "One photo of each person is enrolled, the others come back. People with a single photo are **strangers**: "
        "nobody should be named for them."
    )
    source = choose_source((SAMPLE, FOLDER, VECTORS), key="search_of")
    models = choose_models(source, ("Model",))
    if source is None:
        st.info("Type a path on this machine, or try the sample. Photos are read there; none is copied or sent.")
    else:
        key = ("open set", source, *models)
        found = work(
            key, lambda report: _measure(source, models, report), button=None if source.kind == SAMPLE else "Measure"
        )
        if found:
            show_searches(found, key, source)
    show_classifiers()


def show_searches(found: SearchRates, key: tuple, source: Source):
    report = found.report
    with st.container(horizontal=True):
        st.metric("First named is right", share(report.rank1, 2))
        st.metric("Right among the first five", share(report.rank5, 2))
        st.metric("People enrolled", f"{report.gallery_size:,}")
        st.metric("Photos that come back", f"{report.num_mated:,}")
        st.metric("Strangers", f"{report.num_unknown:,}")
    if report.num_failed:
        st.caption(f"{report.num_failed:,} photos have no usable face; those of enrolled people count as missed.")
    st.subheader("Known faces missed, strangers named")
    rows = []
    for fpir, rate in report.fnir_at_fpir.items():
        cells = (share(rate.value, 2), f"{share(rate.low, 2)} to {share(rate.high, 2)}", f"{rate.threshold:.4f}")
        if not rate.supported:
            cells = (f"needs {3 / float(fpir):,.0f} strangers; there are {report.num_unknown:,}", "", "")
        rows.append((f"{100 * float(fpir):g} %", *cells))
    show_table(
        ("strangers named (FPIR)", "known faces missed (FNIR)", "95 % interval", f"from a {found.score_name} of"),
        rows,
    )
    left, right = st.columns(2, gap="medium")
    with left:
        show_chart(
            fnir_against_fpir(found.curves),
            key="fnir",
            alt="Known faces not named against strangers taken for somebody",
        )
        if found.trial.normalizer is None:
            st.caption("Plain cosines: this embedder has no cohort to normalize its scores by.")
        else:
            st.caption("Normalized: in units of what strangers reach, as the gallery decides.")
    with right:
        show_chart(
            cmc_curve({f"{report.gallery_size:,} people": report.cmc}),
            key="cmc",
            alt="How often the right person is among the first names",
        )
        st.caption("Cumulative match characteristic: how often the right person is among the first names.")
    if found.checks:
        show_checks(found.checks, found.shipped_on)
    title = f"Identification: {found.title}, {found.model}"
    files = {
        "Rates (JSON)": (partial(_json, found), "identification.json"),
        "Report (HTML)": (partial(identification_document, title, found), "identification.html"),
    }
    show_files(files, key, source)


def show_checks(checks: tuple[FpirCheck, ...], shipped_on: str):
    st.subheader("Asked for, and measured")
    rows = [
        (
            f"{check.gallery_size:,} people",
            share(check.asked, 0),
            f"{share(check.measured, 2)} ({share(check.low, 2)} to {share(check.high, 2)})",
            share(check.fnir),
        )
        for check in checks
    ]
    show_table(("gallery", "strangers named: asked", "measured (95 %)", "known faces missed"), rows)
    st.caption(f"At the thresholds that ship with KerasFace, which come from {plain(shipped_on)}.")


def show_classifiers():
    """What the thresholds of trained classifiers do to strangers, as it was measured when they were trained."""
    found = {}
    for summary in list_runs(DEFAULT_ROOT):
        if summary.card and summary.card.task == "classify" and summary.card.open_set:
            try:
                measured = read_records(summary.path)["open_set"]
                curve = OpenSetCurve(**{name: np.array(values) for name, values in measured.pop("curve").items()})
                measured.pop("score")
                found[summary.name] = (summary.card, curve, OpenSet(**measured))
            except (RunError, ValueError, TypeError, KeyError, AttributeError):
                continue  # of an earlier version, or without the file: its card alone is no curve
    if not found:
        return
    st.subheader("What trained classifiers do not know")
    name = st.selectbox("Trained model", list(found), key="open_set_run", persist_state="session")
    card, curve, chosen = found[name]
    st.markdown(plain(unknown_note(card)))
    of_faces = card.input.of_faces
    alt = f"Known and {'strangers' if of_faces else 'others'} accepted, at every threshold"
    show_chart(open_set_curve(curve, chosen, of_faces=of_faces), key="strangers", alt=alt)


def _measure(source: Source, models: list, report: Report) -> SearchRates:
    people, (embedded,) = read_people(source, models, report, check=check_searchable)
    return measure_searches(people, embedded, bootstrap=_BOOTSTRAP, report=report)


def _json(rates: SearchRates) -> str:
    return json.dumps(rates.to_dict(), indent=1)
