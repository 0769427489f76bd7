"""What the address of a page asks for: one of the things that the page has, or nothing that it knows."""

import difflib
from collections.abc import Callable, Collection, Mapping

import streamlit as st

from pages.parts.photos import plain


def asked_for(parameter: str, known: Collection[str], what: str, read: Callable[[str], str] = str) -> str | None:
    """What the address asks for; of what the page does not know it is said so, and nothing is asked for.

    To be called in front of the widget that chooses among what is known, also where Streamlit binds it to the address.

    Args:
        parameter: Of the address.
        known: What it may be.
        what: What that is called.
        read: From the text in the address to one of `known`.
    """
    text = st.query_params.get(parameter)
    if not text or (asked := read(text)) in known:
        return asked if text else None
    near = difflib.get_close_matches(asked, known, n=1)
    hint = f" Did you mean {plain(near[0])}?" if near else ""
    st.info(
        f"The address asks for the {what} {plain(text[:60])}, which is not here.{hint}", icon=":material/search_off:"
    )
    return None


def choose_view(views: Mapping[str, str], key: str) -> str:
    """The view of the address, `?view=NAME`, until another one is chosen; the address then follows.

    Args:
        views: Name in the address to what is shown; the first one is the one to begin with.
        key: Of the widget.
    """
    asked, written = asked_for("view", views, "view"), f"{key}_written"
    # Another address than the one that was written here is a link that was followed, in the middle of a session too.
    followed = asked is not None and asked != st.session_state.get(written)
    if followed or key not in st.session_state:
        st.session_state[key] = asked or next(iter(views))
    view = st.segmented_control(
        "View",
        list(views),
        format_func=views.get,
        required=True,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
    )
    st.session_state[written] = view
    if asked != view:
        st.query_params["view"] = view
    return view
