"""`kerasface unlock`: exit codes, what is said, what is logged, and that nothing opens by accident."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample


@pytest.fixture(autouse=True)
def _made_up_faces(tmp_path, monkeypatch, made_up_analyzer, left_right):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KERASFACE_KEY", raising=False)
    monkeypatch.setattr("kerasface.unlock.session.unlock_analyzer", lambda _: made_up_analyzer)
    monkeypatch.setattr("kerasface.unlock.session.draw_challenge", lambda: left_right)


@pytest.fixture
def gallery_file(tmp_path, front_unit):
    path = tmp_path / "g.gallery"
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM) as gallery:
        gallery.enroll("Ada", [NewSample(front_unit, "ada.png", "0" * 64)])
    return path


@pytest.fixture
def run(gallery_file):
    def call(*words, code=0, as_json=True):
        words = ["unlock", *map(str, words), "--gallery", str(gallery_file), *(["--json"] if as_json else [])]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
        assert "Traceback" not in done.output
        return json.loads(done.stdout) if as_json else done

    return call


@pytest.fixture
def filmed(tmp_path):
    def write(frames, name="film"):
        folder = tmp_path / name
        folder.mkdir()
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / f"{number:04d}.png", compress_level=1)
        return folder

    return write


@pytest.fixture
def genuine(filmed, genuine_frames):
    return filmed(genuine_frames(), "genuine")


def log(tmp_path):
    text = (tmp_path / "config" / "kerasface" / "unlock-attempts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_it_must_be_turned_on_then_it_unlocks(run, genuine, tmp_path):
    refused = run("--camera", genuine, code=2)
    assert (refused["unlocked"], refused["cause"]) == (False, "not_enabled")
    assert run("--enable", "Ada")["enabled"] == "Ada"
    opened = run("--camera", genuine, "--user", "Ada")
    assert (opened["unlocked"], opened["state"], opened["person"]) == (True, "unlocked", "Ada")
    assert opened["camera"] == "genuine"
    # 0.5 s ahead, 0.5 s left, 0.2 s back; held from the first frame on the right, the third is over 0.1 s later.
    assert opened["seconds"] == pytest.approx((8 + 8 + 3 + 3 + 1) / 15, abs=0.1)
    assert [line["state"] for line in log(tmp_path)] == ["refused", "unlocked"]
    assert log(tmp_path)[1]["virtual_camera"] is False


def test_text_for_people(run, genuine):
    run("--enable", "Ada", as_json=False)
    done = run("--camera", genuine, as_json=False)
    assert done.stdout == "Unlocked for Ada.\n"
    assert "0.01%" in done.stderr


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"score": 0.85}, "not_recognised"), ({"faces": 0}, "video_ended"), ({"faces": 2}, "video_ended")],
)
def test_who_is_not_recognised_is_refused(run, filmed, genuine_frames, change, cause):
    run("--enable", "Ada")
    refused = run("--camera", filmed(genuine_frames(**change)), code=1)
    assert (refused["unlocked"], refused["state"], refused["cause"]) == (False, "refused", cause)
    assert refused["reason"]


def test_a_black_picture_that_stands_still_is_refused(run, filmed):
    run("--enable", "Ada")
    refused = run("--camera", filmed([np.zeros((48, 64, 3), np.uint8)] * 40), code=1)
    assert refused["cause"] == "frozen"


def test_five_failures_lock_out(run, filmed, coded_frame):
    run("--enable", "Ada")
    still = filmed([coded_frame(number) for number in range(5)])
    for _ in range(5):
        assert run("--camera", still, code=1)["cause"] == "video_ended"
    assert run("--camera", still, code=1)["state"] == "locked_out"
    run("--enable", "Ada")
    assert run("--camera", still, code=1)["state"] == "refused"


def test_a_camera_taken_away_is_an_error(run, monkeypatch, coded_frame):
    """Nothing was decided: a script must be able to tell that from a stranger."""
    run("--enable", "Ada")

    class Unplugged:
        name, is_live, is_virtual = "Integrated Camera", True, False

        def __init__(self, source):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def frames(self):
            yield from ((number / 15, coded_frame(number)) for number in range(6))

    monkeypatch.setattr("kerasface.unlock.camera.Camera", Unplugged)
    lost = run(code=2)
    assert (lost["unlocked"], lost["cause"]) == (False, "camera_lost")
    assert "taken away" in lost["reason"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--camera", "97"), "no camera 97"),
        (("--camera", "missing.mp4"), "does not exist"),
        (("--user", "Eve"), "Eve"),
        (("--enable", "Eve"), "Eve"),
    ],
)
def test_errors_are_a_sentence(run, words, said):
    assert said in run(*words, code=2)["reason"]
    done = run(*words, code=2, as_json=False)
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "spoil", [lambda key: key.unlink(), lambda key: key.write_text("A" * 43 + "="), lambda key: key.chmod(0o644)]
)
def test_without_the_right_key_nobody_unlocks(run, genuine, tmp_path, spoil):
    run("--enable", "Ada")
    spoil(tmp_path / "config" / "kerasface" / "gallery.key")
    refused = run("--camera", genuine, code=2)
    assert (refused["unlocked"], refused["state"]) == (False, "error")
    assert "key" in refused["reason"]


def test_an_altered_count_is_no_way_in(run, genuine, tmp_path):
    run("--enable", "Ada")
    (tmp_path / "config" / "kerasface" / "unlock.json").write_text("{}")
    assert run("--camera", genuine, code=2)["cause"] == "not_enabled"


def test_frames_are_kept_only_if_asked(run, genuine, tmp_path):
    run("--enable", "Ada")
    before = sorted(path.name for path in tmp_path.iterdir())
    seen = run("--camera", genuine)["frames"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    run("--camera", genuine, "--keep-frames", tmp_path / "kept")
    assert len(list((tmp_path / "kept").glob("*.jpg"))) == seen


def test_a_gallery_of_another_embedder_than_the_one_named_opens_nothing(run, genuine, monkeypatch):
    asked = []

    def load(name):
        asked.append(name)
        return SimpleNamespace(fingerprint="theirs-1", embedding_dim=3)

    monkeypatch.setattr("kerasface.faces.embedders.load_embedder", load)
    done = run("--camera", genuine, "--embedder", "theirs", code=2)
    assert "holds templates of another embedder; scores with them mean nothing. Received: theirs-1" in done["reason"]
    assert asked == ["theirs"]
    monkeypatch.undo()
    assert "no model 'nobody'" in run("--camera", genuine, "--embedder", "nobody", code=2)["reason"]
