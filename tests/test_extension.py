"""What docs/architecture.md says it takes to add a backbone, a loss, a page, an embedder is all it takes.

The lines of the document are put where it says, in a copy of the project, and what came of it is used there.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.documents import ROOT

SECTIONS = dict(
    re.findall(
        r"^### (.*?)\n(.*?)(?=^### |\Z)",
        (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("\n## Adding something\n")[1],
        flags=re.DOTALL | re.MULTILINE,
    )
)
BLOCK = re.compile(r"^```python\n# ([\w/.]+), ([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def added(text, where, lines):
    """Returns the text of a file with lines put where a block says: `a new file`, `in front of X`, `first in X`."""
    if where == "a new file":
        assert text is None
        return lines
    kind, name = re.fullmatch(r'(in front of|first in) "?(\w+)"?', where).groups()
    start = rf"^(?:def |class )?{name}\b" if kind == "in front of" else rf'^ *"?{name}\b.*[\[{{]\n'
    (place,) = re.finditer(start, text, flags=re.MULTILINE)
    index = place.start() if kind == "in front of" else place.end()
    return text[:index] + lines + ("\n\n" if kind == "in front of" else "") + text[index:]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the project with all that the document adds."""
    root = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("kerasface", "pages", "tests", ".streamlit"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    for section in SECTIONS.values():
        for path, where, lines in BLOCK.findall(section):
            file = root / path
            text = file.read_text(encoding="utf-8") if file.exists() else None
            file.write_text(added(text, where, lines), encoding="utf-8")
    return root


def run(house, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(house), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=house, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", SECTIONS)
def test_each_is_at_most_thirty_lines_in_two_files(name):
    blocks = BLOCK.findall(SECTIONS[name])
    assert len(blocks) == SECTIONS[name].count("```python")
    assert sum(bool(line.strip()) for _, _, lines in blocks for line in lines.splitlines()) <= 30
    assert len({path for path, _, _ in blocks}) <= 2


def test_four_things_can_be_added():
    assert set(SECTIONS) == {"A backbone", "A loss", "A page", "An embedder"}


@pytest.mark.slow
def test_a_backbone_passes_the_tests_of_all_architectures(house):
    printed = run(
        house, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", "tests/models/test_zoo.py", "-k", "two_blocks"
    )
    assert int(re.search(r"(\d+) passed", printed)[1]) >= 7
    code = """
from kerasface.models.backbones import build_backbone
from kerasface.models.freezing import freeze
backbone = build_backbone("two_blocks", (32, 32), weights=None)
print([(row.block, row.trainable) for row in freeze(backbone, trainable_blocks=1)])
"""
    assert run(house, "-c", code).strip().splitlines()[-1] == "[('block1', False), ('block2', True)]"


@pytest.mark.slow
def test_a_loss_has_a_name_trains_and_comes_back(house):
    code = """
import keras, numpy as np
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.stages import build_loss
loss = build_loss(resolve_segment(SegmentRecipe(loss="tversky+dice")), np.ones(3))
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 1)])
model.compile(keras.optimizers.Adam(0.1), loss)
x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
losses = model.fit(x, x.argmax(-1), epochs=20, verbose=0).history["loss"]
assert losses[-1] < losses[0] / 2, losses
model.save("model.keras")
print(keras.models.load_model("model.keras").loss.losses[0].miss)
from kerasface.losses.pixels import DiceLoss, TverskyLoss
y, z = x.argmax(-1), np.random.default_rng(1).normal(size=x.shape).astype("float32")
np.testing.assert_allclose(TverskyLoss(0.5)(y, z), DiceLoss()(y, z), rtol=1e-5)
"""
    assert run(house, "-c", code).strip().splitlines()[-1] == "0.7"
    assert "tversky" in run(house, "-m", "kerasface", "train", "segment", "--help")


@pytest.mark.slow
def test_a_page_is_in_the_menu_and_answers(house):
    code = """
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("app.py", default_timeout=300).switch_page("pages/brightness.py").run()
assert not page.exception, page.exception
page.segmented_control(key="photo_source").set_value("Sample").run()
assert not page.exception, page.exception
print(page.title[0].value, [metric.label for metric in page.metric][:1])
"""
    # A page that is not in the menu would show Home.
    assert run(house, "-c", code).strip().splitlines()[-1] == "How light are the faces? ['Face 1']"


@pytest.mark.slow
def test_an_embedder_gives_scores_and_no_decision(house):
    code = """
import keras, numpy as np
from skimage.data import astronaut
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedding import cosine_scores
from kerasface.faces.own_embedding import OwnEmbedder
from kerasface.models.zoo import build_features
from kerasface.tasks.verification import verify
analyzer = FaceAnalyzer(embedder=OwnEmbedder(build_features("simple_cnn", (64, 64))))
faces = [found[0] for found in analyzer.analyze([astronaut(), astronaut()[:400, 20:]])]
assert faces[0].crop.shape == (64, 64, 3) and faces[0].embedding.shape == (128,)
first, second = (face.embedding[None] for face in faces)
assert cosine_scores(first, second)[0, 0] > 0.95
verdict = verify(astronaut(), astronaut(), analyzer)
print(verdict.embedder, verdict.decision, round(verdict.score, 3))
"""
    assert run(house, "-c", code).strip().splitlines()[-1] == "simple_cnn_features not_calibrated 1.0"
