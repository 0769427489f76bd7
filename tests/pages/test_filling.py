"""Boxes that a choice fills, before and after the browser has heard of it."""

import pytest
from streamlit.testing.v1 import AppTest


def script():
    import streamlit as st

    from pages.parts.train.filling import fill, show_filled

    recipes = {"small": {"network": "lenet", "epochs": 3}, "large": {"network": "resnet", "epochs": 9}}
    name = st.selectbox("Recipe", list(recipes), key="recipe")
    fill(recipes[name], "box", name)
    st.selectbox("Network", ["lenet", "resnet", "vgg"], key="box_network")
    st.number_input("Epochs", step=1, key="box_epochs")
    show_filled("box")


@pytest.fixture
def app():
    return AppTest.from_function(script).run()


def shown(app):
    return app.selectbox(key="box_network").value, app.number_input(key="box_epochs").value


def test_a_choice_fills_the_boxes_but_for_what_the_user_set(app):
    app.number_input(key="box_epochs").set_value(5).run()
    app.selectbox(key="recipe").set_value("large").run()
    assert shown(app) == ("resnet", 5)
    app.selectbox(key="recipe").set_value("small").run()
    assert shown(app) == ("lenet", 5)


def late(app, **typed):
    """Sends what a browser sends that has not got the large recipe's values: the small one's, and what was typed."""
    app.selectbox(key="box_network").set_value("lenet")
    app.number_input(key="box_epochs").set_value(typed.get("epochs", 3))
    app.text_input(key="box_filled").proto.disabled = False  # no user can type there, but a browser sends what it shows
    app.text_input(key="box_filled").set_value("small").run()


def test_a_browser_that_has_not_heard_of_a_choice_does_not_undo_it(app):
    app.selectbox(key="recipe").set_value("large").run()
    late(app)
    assert shown(app) == ("resnet", 9)
    late(app, epochs=4)
    assert shown(app) == ("resnet", 4)
    late(app, epochs=4)
    assert shown(app) == ("resnet", 4)


def test_what_was_there_before_may_be_chosen_again(app):
    app.selectbox(key="recipe").set_value("large").run()
    app.selectbox(key="box_network").set_value("lenet").run()
    assert shown(app) == ("lenet", 9)
    app.selectbox(key="recipe").set_value("small").run()
    assert shown(app) == ("lenet", 3)
