"""What a user does while a page runs arrives, in a real browser. A hundred times over: benchmarks/lost_actions.py."""

import pytest

from tests.conftest import running_dashboard, settle

expect = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: see requirements-test.txt"
).expect
pytestmark = [pytest.mark.browser, pytest.mark.slow]
ANALYSIS = 90_000  # milliseconds
# Holds back what the page says to the server, from the end of the next upload until it is released in one go.
HELD = """
const send = WebSocket.prototype.send, upload = XMLHttpRequest.prototype.send;
WebSocket.prototype.send = function (message) {
  if (window.held) window.held.push([this, message]);
  else send.call(this, message);
};
XMLHttpRequest.prototype.send = function (...body) {
  this.addEventListener("load", () => { if (window.holdNext) [window.held, window.holdNext] = [[], false]; });
  return upload.apply(this, body);
};
window.release = () => {
  const messages = window.held;
  window.held = null;
  for (const [socket, message] of messages) send.call(socket, message);
};
"""


def test_a_photo_given_in_the_moment_in_which_a_run_begins_arrives(page, app_server, portrait_files):
    """Before it uploads a photo the browser asks where to; here with the very message that begins a run."""
    page.add_init_script(HELD)
    page.goto(f"{app_server}/verify")
    inputs = page.locator("input[type=file]")
    expect(inputs).to_have_count(2, timeout=ANALYSIS)
    settle(page)
    for turn in range(6):
        photos = [
            {"name": f"{turn}-{file.name}", "mimeType": "image/*", "buffer": file.read_bytes()}
            for file in portrait_files
        ]
        page.evaluate("window.holdNext = true")
        inputs.nth(turn % 2).set_input_files(photos[turn % 2])
        page.wait_for_function("window.held?.length > 0")
        page.evaluate("window.heldBefore = window.held.length")
        inputs.nth(1 - turn % 2).set_input_files(photos[1 - turn % 2])
        page.wait_for_function("window.held.length > window.heldBefore")
        page.evaluate("window.release()")
        for photo in photos:
            expect(page.get_by_text(f"{photo['name']}: 1 face found")).to_be_visible(timeout=ANALYSIS)


def test_a_press_arrives_that_is_followed_by_something_else_at_once(page, app_server):
    """Both reach the server in one moment: the run that was asked for first must not be forgotten for the second."""
    page.add_init_script(HELD)
    page.goto(f"{app_server}/gallery")
    page.get_by_role("button", name="Look at a demonstration").last.click(timeout=ANALYSIS)
    leave = page.get_by_role("button", name="Leave the demonstration")
    expect(leave).to_be_visible(timeout=ANALYSIS)
    settle(page)
    page.evaluate("window.held = []")
    leave.click()
    page.get_by_role("radio", name="Who is who").click()
    page.wait_for_function("window.held.length == 2")
    page.evaluate("window.release()")
    expect(page.get_by_text("There is no gallery at")).to_be_visible(timeout=ANALYSIS)


def test_a_name_that_is_typed_is_the_name_that_is_given(page, app_server):
    """No run of the page has seen the name when the button is pressed: it arrives with the press."""
    page.goto(f"{app_server}/gallery")
    page.get_by_role("button", name="Look at a demonstration").last.click(timeout=ANALYSIS)
    page.get_by_text("The astronaut").first.click(timeout=ANALYSIS)
    page.get_by_text("Rename", exact=True).first.click(timeout=ANALYSIS)
    box = page.get_by_label("New name")
    expect(box).to_be_visible(timeout=ANALYSIS)
    settle(page)
    box.fill("Grace")
    page.get_by_role("button", name="Rename", exact=True).click(delay=60)
    expect(page.get_by_text("is now Grace.")).to_be_visible(timeout=ANALYSIS)


def test_the_terminal_shows_the_address_and_nothing_else(page, tmp_path, portrait_files):
    """Started from a folder of the user's, opened, used, and left while it runs: not a line of TensorFlow's."""
    with running_dashboard(tmp_path) as url:
        page.goto(f"{url}/verify")
        inputs = page.locator("input[type=file]")
        expect(inputs).to_have_count(2, timeout=ANALYSIS)
        for place, file in enumerate(portrait_files):
            inputs.nth(place).set_input_files(file)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Match: the same person", timeout=ANALYSIS)
        page.goto(url)
        expect(page.get_by_role("heading", name="Installed", exact=True)).to_be_visible(timeout=ANALYSIS)
        page.get_by_text("Gallery").first.click()
        page.goto("about:blank")
    lines = [line for line in (tmp_path / "server.log").read_text().splitlines() if line.strip()]
    known = ("You can now view your Streamlit app", "URL: http://", "Stopping...")
    assert [line for line in lines if not any(words in line for words in known)] == []
    assert any("URL: http://" in line for line in lines)
