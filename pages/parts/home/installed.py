"""Which models there are, and what is installed."""

import streamlit as st

from kerasface import environment
from kerasface.runs.store import RunSummary
from pages.parts.listed_runs import TRAIN_COMMAND, show_broken_runs
from pages.parts.photos import plain
from pages.parts.server.memory import settle
from pages.parts.tables import show_table


def show_runs(summaries: list[RunSummary]):
    """The trained models as a table, and below it the folders that hold no usable one, with the reason."""
    st.subheader("Models")
    usable = [summary for summary in summaries if summary.card]
    if usable:
        rows = [(item.name, item.card.task, len(item.card.labels)) for item in usable]
        show_table([dict(zip(("name", "task", "classes"), row, strict=True)) for row in rows], "Models")
    elif not summaries:
        st.markdown("No model is trained yet. Verify and Gallery need none; Train makes one, here or in a terminal:")
        st.code(TRAIN_COMMAND, language=None, wrap_lines=True)
    show_broken_runs(summaries)


@st.cache_data(ttl=600, show_spinner="Looking at what is installed")  # seconds; it hashes files and runs the embedder
def look_at_installation() -> dict:
    report = environment.report()
    settle()  # Keras is awake now, where the engine is one of its backends
    return report


def show_installation(report: dict):
    """The device, engine and precision in use, and the pretrained weights with their licence and state."""
    st.subheader("Installed")
    ledger, seconds = report["pretrained"], report["embedding_seconds"]
    intact = sum(item["state"] == "installed" for item in ledger)
    with st.container(horizontal=True):
        st.metric("Device", report["device"], width="content", border=True)
        st.metric("Engine", report["engine"], width="content", border=True)
        st.metric("Precision", report["precision"], width="content", border=True)
        st.metric("Embedding one face", f"{1000 * seconds:.0f} ms" if seconds else "-", width="content", border=True)
        st.metric("Weights intact", f"{intact} of {len(ledger)}", width="content", border=True)
    for sentence in report["missing"]:
        st.error(plain(sentence), icon=":material/error:")
    with st.expander("Pretrained weights and versions"):
        columns = ("name", "licence", "training_data", "state")
        show_table([{column: item[column] for column in columns} for item in ledger], "Pretrained weights")
        st.caption(plain(", ".join(f"{name} {version}" for name, version in report["versions"].items())))
