"""The main paths, in a real browser against a running dashboard."""

import re

import pytest

from tests.conftest import settle

expect = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: see requirements-test.txt"
).expect
pytestmark = pytest.mark.browser
MENU = (
    *("Home", "Verify", "Recognise", "Gallery", "Segment", "Unlock"),
    *("Lectures", "Inspect", "Architectures", "Playground", "Train", "Runs", "Evaluate"),
)
ANALYSIS = 90_000  # milliseconds; on the first photo the server imports TensorFlow and builds the models


def test_two_uploaded_photos_get_a_verdict(page, app_server, portrait_files):
    page.goto(f"{app_server}/verify")
    expect(page.get_by_role("heading", level=1)).to_have_text("Are two photos of the same person?", timeout=ANALYSIS)
    # The server has just started and was asked for a page, not for the app: the menu must be the app's all the same.
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_text([re.compile(name) for name in MENU])
    inputs = page.locator("input[type=file]")
    expect(inputs).to_have_count(2)
    for index, file in enumerate(portrait_files):
        inputs.nth(index).set_input_files(file)
        expect(page.get_by_text(file.name).first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Match: the same person", timeout=ANALYSIS)
    expect(page.get_by_text("1 in 1,000").first).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart").get_by_text("score 1")).to_be_visible()  # and more, drawn


@pytest.mark.slow
def test_a_photo_from_the_webcam_shows_its_face(page, app_server):
    page.goto(f"{app_server}/recognise")
    settle(page)
    page.get_by_text("Camera", exact=True).click()
    # The button is there before the camera: pressed without a picture it does nothing.
    page.wait_for_function("document.querySelector('video')?.videoWidth > 0", timeout=ANALYSIS)
    page.get_by_role("button", name="Take Photo").click()
    expect(page.get_by_text("Face 1")).to_be_visible(timeout=ANALYSIS)


@pytest.mark.parametrize("path", ["", *(name.lower() for name in MENU[1:])])
@pytest.mark.slow
def test_nothing_is_wider_than_a_phone(page, app_server, path):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app_server}/{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=ANALYSIS)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", ["architectures", ""])
@pytest.mark.slow
def test_the_browser_asks_nobody_but_this_machine(page, app_server, path):
    """Fonts, icons and scripts come from the dashboard itself: it works, and keeps to itself, without a network."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{app_server}/{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=ANALYSIS)
    settle(page)
    assert [url for url in asked if not url.startswith((app_server, "data:", "blob:"))] == []
    assert any(url.startswith(app_server) for url in asked)
