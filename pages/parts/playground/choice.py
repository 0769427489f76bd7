"""How a topic of the playground is chosen: a group, a topic of it, and an address that says which, to be linked to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from pages.parts.server.address import asked_for


@dataclass(frozen=True)
class Topic:
    """Something to play with.

    Attributes:
        title: As the menu has it.
        group: Of the menu.
        show: Draws it.
        code: The lines of the library that compute it, to be shown; they run as they stand.
        draws_page: Whether each move draws the whole page: where something can be stopped, goes on by itself, or
            photos are given.
    """

    title: str
    group: str
    show: Callable[[], None]
    code: str = ""
    draws_page: bool = False


def slug_of(address: str) -> str:
    """The name of a topic as an address has it; `Live training`, as older links have it, is `live-training`."""
    return "-".join(address.lower().split())


def choose_topic(topics: Mapping[str, Topic]) -> str:
    """The topic of the address, `?topic=SLUG`, until another one is chosen; the address then follows.

    Args:
        topics: By slug; the first one is the one to begin with.
    """
    asked, written = asked_for("topic", topics, "topic", slug_of), st.session_state.get("topic_written")
    groups = list(dict.fromkeys(topic.group for topic in topics.values()))
    # Another address than the one that was written here is a link that was followed, in the middle of a session too.
    if asked is not None and asked != written:
        st.session_state["topic_group"] = topics[asked].group
        st.session_state[_key(topics[asked].group)] = asked
    hidden = {"required": True, "label_visibility": "collapsed", "persist_state": "session"}
    st.session_state.setdefault("topic_group", groups[0])
    group = st.segmented_control("Group of topics", groups, key="topic_group", **hidden)
    own = [slug for slug, topic in topics.items() if topic.group == group]
    st.session_state.setdefault(_key(group), own[0])
    slug = st.pills("Topic", own, format_func=lambda name: topics[name].title, key=_key(group), wrap=True, **hidden)
    st.session_state["topic_written"] = slug
    if st.query_params.get("topic") != slug:
        st.query_params["topic"] = slug
    return slug


def _key(group: str) -> str:
    return f"topic_of_{slug_of(group)}"
