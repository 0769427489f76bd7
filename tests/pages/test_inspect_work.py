import numpy as np
from streamlit.testing.v1 import AppTest

from pages.parts.inspect import work as inspect_work
from pages.parts.inspect.work import digest


def script(button=None, fails=False):
    import streamlit as st

    from kerasface.runs.store import RunError
    from pages.parts.inspect.work import work

    def compute(report):
        report(1)
        st.session_state["computed"] = st.session_state.get("computed", 0) + 1
        if fails:
            raise RunError("There is nothing to see.")
        return "a result"

    st.markdown(f"Result: {work(('a', 1), 'Counting', 2, compute, button=button)}")


def run(**options):
    return AppTest.from_function(script, kwargs=options).run()


def test_work_is_done_once():
    page = run()
    assert page.markdown[0].value == "Result: a result"
    assert not page.button  # progress and Stop are gone
    page.run()
    assert page.markdown[0].value == "Result: a result"
    assert page.session_state["computed"] == 1


def test_work_on_demand_waits_for_its_button():
    page = run(button="Count")
    assert page.markdown[0].value == "Result: None"
    assert "computed" not in page.session_state
    page.button[0].click().run()
    assert page.markdown[0].value == "Result: a result"


def test_stopped_work_goes_on_when_it_is_asked_to():
    page = AppTest.from_function(script)
    page.session_state["inspect_stopped"] = {("a", 1)}
    page.run()
    assert page.markdown[0].value == "Result: None"
    assert page.button[0].label == "Go on: Counting"
    page.button[0].click().run()
    assert page.markdown[0].value == "Result: a result"
    assert not page.session_state["inspect_stopped"]


def test_failed_work_is_a_sentence():
    page = run(fails=True)
    assert not page.exception
    assert page.warning[0].value == r"There is nothing to see\."
    assert page.markdown[0].value == "Result: None"
    assert not page.button


def test_the_oldest_result_is_dropped(monkeypatch):
    def three():
        from pages.parts.inspect.work import is_kept, keep, kept

        keep(("a",), 1)
        keep(("b",), 2)
        kept(("a",), None)  # used again
        keep(("c",), 3)
        import streamlit as st

        st.markdown(str([name for name in "abc" if is_kept((name,))]))

    monkeypatch.setattr(inspect_work, "KEPT", 2)
    assert AppTest.from_function(three).run().markdown[0].value == "['a', 'c']"


def test_pictures_are_named_by_their_pixels():
    first, second = np.zeros((2, 3, 3), np.uint8), np.ones((2, 3, 3), np.uint8)
    assert digest(first) == digest(first.copy())
    assert len({digest(first), digest(second), digest(first, second), digest(first.reshape(3, 2, 3))}) == 4
