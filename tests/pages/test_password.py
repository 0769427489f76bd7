import pytest
from streamlit.testing.v1 import AppTest

from kerasface.password import Door, password_path, set_password
from pages.parts.server import password as page_password
from tests.pages.conftest import APP


@pytest.fixture
def protected(tmp_path, monkeypatch, no_cached_models):
    """A dashboard with a password; its clock stands still but for the waits, which are listed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    waits = []
    monkeypatch.setattr(page_password, "sleep", waits.append)
    monkeypatch.setattr(page_password, "DOOR", Door(clock=lambda: sum(waits)))
    set_password("correct horse")
    return waits


def behind_the_password():
    import streamlit as st

    from pages.parts.server.password import stop_without_password

    stop_without_password()
    st.write("inside")


@pytest.fixture
def browser(protected):
    """Function that opens, as another browser would, something that stands behind the password."""
    return lambda: AppTest.from_function(behind_the_password, default_timeout=60).run()


def give(page, password):
    page.text_input[0].set_value(password)
    page.button[0].click().run()
    assert not page.exception
    return page


def is_inside(page):
    return [text.value for text in page.markdown] == ["inside"]


@pytest.mark.usefixtures("protected")
@pytest.mark.parametrize("name", sorted(path.stem for path in APP.parent.glob("pages/[a-z]*.py")))
def test_no_page_shows_anything_without_the_password(open_page, name):
    page = open_page(name)
    assert not page.exception
    assert [title.value for title in page.title] == ["KerasFace"]
    assert not page.markdown
    assert not page.segmented_control


def test_the_right_password_lets_in_and_is_asked_for_once(browser):
    page = give(browser(), "correct horsf")
    assert page.error[0].value == "That is not the password."
    assert not is_inside(page)
    page = give(page, "correct horse")
    assert is_inside(page)
    assert is_inside(page.run())
    assert not is_inside(browser())


@pytest.mark.slow
def test_another_password_is_asked_for_where_the_earlier_one_was_given(browser):
    page = give(browser(), "correct horse")
    assert is_inside(page.run())
    set_password("battery staple")
    assert not is_inside(page.run())
    assert page.text_input[0].label == "Password of this dashboard"
    assert is_inside(give(page, "battery staple"))


@pytest.mark.slow
def test_wrong_passwords_take_ever_longer_in_all_browsers(browser, protected):
    for _ in range(7):
        give(browser(), "wrong password")
    assert protected == [0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert is_inside(give(browser(), "correct horse"))
    give(browser(), "wrong password")
    assert protected[7:] == [8.0, 0]


def test_of_browsers_that_waited_together_one_guesses(browser, protected, monkeypatch):
    give(browser(), "wrong password")
    first, second = browser(), browser()

    def wait_and_be_overtaken(seconds):
        """The other browser waited for the same moment, and is looked at first."""
        protected.append(seconds)
        monkeypatch.setattr(page_password, "sleep", protected.append)
        give(first, "wrong password")

    monkeypatch.setattr(page_password, "sleep", wait_and_be_overtaken)
    page = give(second, "correct horse")
    assert not is_inside(page)
    assert "Try again in 1 s" in page.warning[0].value
    assert is_inside(give(second, "correct horse"))


def test_a_damaged_file_is_a_sentence_and_lets_nobody_in(browser):
    page = browser()
    password_path().write_text("damaged")
    page = give(page, "correct horse")
    assert "kerasface password set" in page.error[0].value.replace("\\", "")
    assert not is_inside(page)
