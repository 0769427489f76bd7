"""A topic of the playground: what freezing, unfreezing and rates do to a transfer."""

import streamlit as st

from kerasface.inspection.teaching.experiments.transfer import DRAWS, POLICIES, TransferCurve, transfer
from kerasface.plotting.style import percent
from kerasface.plotting.teaching.curves import line_curves
from pages.parts.charts import show_chart
from pages.parts.inspect.work import Report, work
from pages.parts.tables import show_table

CODE = """
from kerasface.inspection.teaching.experiments.transfer import POLICIES, transfer

for policy in POLICIES:
    few, more = transfer(policy, per_class=2, steps=50), transfer(policy, per_class=40, steps=50)
    print(policy, f"{few.accuracies[-1]:.1%} from 2 of each, {more.accuracies[-1]:.1%} from 40")
"""
COUNTS = (1, 2, 3, 5, 10, 20, 40, 80)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SMALL, LARGE = 2, 80


def show_transfer():
    """How many new pictures and which rate: five policies, as curves and in a table, for little data and for more."""
    st.markdown(
        "**Transfer**: a network has learned clean digits; the new pictures are blurred and noisy, and there are few "
        "of them. With little data it is best to freeze what was learned and train a new classifier alone; with more, "
        "unfreeze layers, at a lower rate, or what they know is lost before they learn anything."
    )
    with st.container(horizontal=True, gap="medium"):
        few = st.select_slider("Little data: pictures of each digit", COUNTS, SMALL, key="transfer_few", width=280)
        many = st.select_slider("More data: pictures of each digit", COUNTS, LARGE, key="transfer_many", width=280)
        rate = st.select_slider(
            "Rate of the classifier", RATES, 0.1, format_func="{:g}".format, key="transfer_rate", width=240
        )
    jobs = [(policy, count) for count in dict.fromkeys((few, many)) for policy in POLICIES]

    def train(report: Report) -> dict[tuple[str, int], TransferCurve]:
        return {
            job: transfer(*job, rate=rate, on_draw=lambda done, p=place: report(p * DRAWS + done))
            for place, job in enumerate(jobs)
        }

    found = work(("transfer", few, many, rate), f"Training {len(jobs)} networks", len(jobs) * DRAWS, train)
    if found is None:
        return
    for column, (name, count) in zip(st.columns(2, gap="large"), (("Little", few), ("More", many)), strict=True):
        with column:
            st.markdown(f"**{name} data: {count} of each digit**")
            lines = {policy: (found[policy, count].steps, found[policy, count].accuracies) for policy in POLICIES}
            best = max(POLICIES, key=lambda policy, of=count: _end(found[policy, of]))
            show_chart(
                line_curves(lines, axes=("step", "new digits read rightly"), percent=True),
                key=f"transfer_{name}",
                alt="; ".join(f"{policy}: {_written(found[policy, count])}" for policy in POLICIES),
            )
            st.caption(f"Best at the end: **{best}**, {_written(found[best, count])}.")
    rows = [
        {
            "policy": policy,
            "what learns": POLICIES[policy].text,
            f"with {few}": _written(found[policy, few]),
            **({f"with {many}": _written(found[policy, many])} if many != few else {}),
            "old weights moved by": _moved(found[policy, many]),
        }
        for policy in POLICIES
    ]
    show_table(rows, "What each policy comes to with little and with more data")
    st.markdown(
        f"Means of {DRAWS} trainings each, on 400 digits held out. `kerasface train classify --backbone` does the "
        "same with networks of a size: it freezes more blocks the fewer photos there are, and trains early blocks at "
        "lower rates."
    )


def _end(curve: TransferCurve) -> float:
    return float(curve.accuracies[-1]) if curve.accuracies[-1] == curve.accuracies[-1] else -1.0


def _written(curve: TransferCurve) -> str:
    return percent(curve.accuracies[-1]) if _end(curve) >= 0 else "diverged: take a lower rate"


def _moved(curve: TransferCurve) -> str:
    return percent(curve.changed) if _end(curve) >= 0 else "\N{EN DASH}"
