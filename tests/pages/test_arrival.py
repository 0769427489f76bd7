"""What the browser sends arrives: the places where Streamlit drops it, each without a browser.

The same in a real browser: tests/test_browser_actions.py, and a hundred times over benchmarks/lost_actions.py.
"""

import tomllib

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.testing.v1 import AppTest

from pages.parts.server.arrival import lose_nothing
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _mended():
    lose_nothing()


def answer():
    message = ForwardMsg()
    message.file_urls_response.response_id = "asked"
    return message


@pytest.mark.parametrize("fragments", [None, ["a fragment"]])
def test_a_run_that_begins_keeps_the_answer_that_an_upload_waits_for(fragments):
    queue, text = ForwardMsgQueue(), ForwardMsg()
    text.delta.new_element.text.body = "of the run before"
    text.delta.fragment_id = "a fragment"
    for message in (text, answer()):
        queue.enqueue(message)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=fragments)
    assert queue.flush() == [answer()]
    queue.enqueue(answer())
    queue.clear()  # of a browser that is gone
    assert queue.is_empty()


def test_values_are_taken_over_before_the_next_request_is_looked_at():
    requests, looked = ScriptRequests(), []
    requests.request_rerun(RerunData())
    state = SafeSessionState(SessionState(), lambda: looked.append(requests.on_scriptrunner_yield()))
    state.on_script_will_rerun(None)
    assert looked
    assert not any(looked)
    assert requests.on_scriptrunner_yield() is not None


def test_a_press_is_kept_until_it_is_answered():
    def page():
        import streamlit as st

        from pages.parts.server.arrival import answered, ask

        if ask("Do it", key="do"):
            if st.session_state.pop("interrupted", False):
                st.stop()
            st.markdown("done")
            answered("do")

    test = AppTest.from_function(page)
    test.session_state["interrupted"] = True
    test.run().button(key="do").click().run()
    assert not test.markdown
    assert test.run().markdown[0].value == "done"
    assert not test.run().markdown


def test_what_takes_a_while_is_begun_for_what_is_typed_with_the_press():
    """The press comes with a path that no run has seen; before, it began nothing, as it was of the path before."""

    def page():
        import streamlit as st

        from pages.parts.evaluate.work import work as measure
        from pages.parts.inspect.work import work as explain

        path = st.text_input("Path", "old", key="path")
        found = measure(("rates", path), lambda report: f"rates of {path}", button="Measure")
        shown = explain(("map", path), "Laying out", 1, lambda report: f"map of {path}", button="Lay out")
        st.markdown(f"{found}, {shown}")

    test = AppTest.from_function(page).run()
    for label in ("Measure", "Lay out"):
        test.text_input(key="path").set_value(f"{label} this")
        next(button for button in test.button if button.label == label).click()
        test.run()
        assert not test.exception
        assert f"of {label} this" in test.markdown[-1].value


def test_a_run_that_was_asked_for_is_not_forgotten():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["runner"]["fastReruns"] is False
    assert settings["server"]["fileWatcherType"] == "none"  # it prints a line for every file of .venv
