"""Home: what KerasFace is, what is installed, which models exist, and what to do first."""

from pages._navigation import enter_through_app

enter_through_app()  # before what takes seconds to import

import streamlit as st

from kerasface import environment, runs
from pages._memory import settle
from pages._photos import plain
from pages._runs import TRAIN_COMMAND, show_broken_runs


def show_first_steps(has_models: bool):
    """What to do first, as three steps that work in this order without any preparation."""
    st.subheader("Start here")
    verify, recognise, train = st.columns([1, 1, 1.35])
    with verify.container(border=True, height="stretch"):
        st.markdown("**1. Compare two photos**")
        st.markdown("Upload two photos or use the camera, and read whether they show the same person.")
        st.page_link("pages/verify.py", label="Open Verify", icon=":material/compare:")
    with recognise.container(border=True, height="stretch"):
        st.markdown("**2. Find the faces in your photos**")
        st.markdown("Upload photos; each face gets a number, and with a trained model its five most probable names.")
        st.page_link("pages/recognise.py", label="Open Recognise", icon=":material/person_search:")
        st.page_link("pages/segment.py", label="Open Segment", icon=":material/palette:")
    with train.container(border=True, height="stretch"):
        st.markdown("**3. Train another model**" if has_models else "**3. Train your first model**")
        st.markdown("Put photos into one folder per person, and train here or in a terminal:")
        st.page_link("pages/train.py", label="Open Train", icon=":material/model_training:")
        st.code(TRAIN_COMMAND, language=None, wrap_lines=True)


def show_runs(summaries: list[runs.RunSummary]):
    """The trained models as a table, and below it the folders that hold no usable one, with the reason."""
    st.subheader("Models")
    usable = [summary for summary in summaries if summary.card]
    if usable:
        rows = [(item.name, item.card["task"], len(item.card.get("labels", ()))) for item in usable]
        st.dataframe([dict(zip(("name", "task", "classes"), row, strict=True)) for row in rows], hide_index=True)
    elif not summaries:
        st.markdown("No model is trained yet. Verify works without one.")
    show_broken_runs(summaries)


@st.cache_data(ttl=600, show_spinner="Looking at what is installed")  # seconds; it hashes files and runs the embedder
def look_at_installation() -> dict:
    report = environment.report()
    settle()  # Keras was imported for it
    return report


def show_installation(report: dict):
    """The device and precision in use, and the pretrained weights with their licence and state."""
    st.subheader("Installed")
    ledger, seconds = report["pretrained"], report["embedding_seconds"]
    intact = sum(item["state"] == "installed" for item in ledger)
    with st.container(horizontal=True):
        st.metric("Device", report["device"], width="content", border=True)
        st.metric("Precision", report["precision"], width="content", border=True)
        st.metric("Embedding one face", f"{1000 * seconds:.0f} ms" if seconds else "-", width="content", border=True)
        st.metric("Weights intact", f"{intact} of {len(ledger)}", width="content", border=True)
    for sentence in report["missing"]:
        st.error(plain(sentence), icon=":material/error:")
    with st.expander("Pretrained weights and versions"):
        columns = ("name", "licence", "training_data", "state")
        st.dataframe([{column: item[column] for column in columns} for item in ledger], hide_index=True)
        st.caption(plain(", ".join(f"{name} {version}" for name, version in report["versions"].items())))


st.title("KerasFace")
st.markdown(
    "KerasFace finds, compares, recognises and segments faces with Keras models. "
    "Everything runs on this machine: photos and what is computed from them never leave it."
)
summaries = runs.list_runs()
show_first_steps(has_models=any(summary.card for summary in summaries))
show_runs(summaries)
show_installation(look_at_installation())
