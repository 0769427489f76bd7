"""Names of models that lead out of their folder, wherever the command line takes one."""

import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from tests.runs.made_up import make_run

COMMANDS = """
predict photo.png --model NAME
segment photo.png --model NAME --out out
verify photo.png photo.png --embedder NAME
embed photos --embedder NAME --out out.npz
enroll Ada photo.png --embedder NAME
identify photo.png --embedder NAME
cluster photos --embedder NAME
train classify people --name NAME
train metric people --name NAME
train segment people --name NAME
train classify --resume NAME
train segment people --name new --encoder NAME
runs show NAME
runs compare NAME ada
runs rename NAME new
runs rename ada NAME
runs delete NAME --yes
evaluate classification --images people --model NAME
evaluate segmentation --images people --masks people --model NAME
evaluate identification --images people --embedder NAME
evaluate population people --embedder NAME
embedders add photo.png --name NAME --template arcface --licence own --trained-on own
embedders get sface --name NAME
embedders remove NAME --yes
embedders default NAME
embedders calibrate NAME --images people
embedders compare NAME face_resnet --images people
export NAME --format onnx --out out.onnx
inspect layers --model NAME
inspect attribution photo.png --model NAME --out out.png
inspect match photo.png photo.png --embedder NAME --out out
inspect activations photo.png --model NAME --layer maps --out out
inspect channel photos --model NAME --layer maps --channel 0 --out out
inspect map photos --model NAME --out out.html
""".strip().splitlines()


@pytest.fixture
def outside(tmp_path, monkeypatch, portrait):
    """A model next to the folder of the models; photos and people are there, too."""
    work = tmp_path / "work"
    make_run(work / "saved_models", "ada")
    folder = make_run(work, "outside", input={"kind": "face", "image_size": [32, 32]})
    (work / "photos").mkdir()
    for person in ("Ada", "Emmy"):
        (work / "people" / person).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (40, 40), (number, 0, 0)).save(work / "people" / person / f"{number}.png")
    (work / "people" / "Stranger").mkdir()
    for place in ("photo.png", "photos/1.png", "people/Stranger/0.png"):
        Image.fromarray(portrait).save(work / place)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(work)
    return folder


def content(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.slow
@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.parametrize("kind", ["below", "absolute"])
def test_no_command_follows_a_name_that_leads_out(outside, line, kind):
    name = "../outside" if kind == "below" else str(outside)
    before = content(outside.parent)
    done = CliRunner().invoke(main, [name if word == "NAME" else word for word in line.split()])
    assert done.exit_code in (1, 2), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    last = done.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert "outside" in last
    after = content(outside.parent)
    assert {path: text for path, text in after.items() if path.parts[0] == "outside"} == {
        path: text for path, text in before.items() if path.parts[0] == "outside"
    }
