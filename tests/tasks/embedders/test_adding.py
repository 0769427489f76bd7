"""Face networks of others as runs: what the card says, and what is refused before anything is written."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from kerasface.cli import main
from kerasface.faces.alignment import ARCFACE_TEMPLATE
from kerasface.faces.embedders import load_embedder_of
from kerasface.gallery.opening import open_gallery, recorded_embedder
from kerasface.models.pretrained import ModelFileError
from kerasface.runs.card import ModelCard
from kerasface.runs.store import RunError, load_run
from kerasface.tasks.embedders import known as ledger
from kerasface.tasks.embedders.adding import add_embedder
from kerasface.tasks.embedders.folders import remove_embedder
from tests.models.onnx.networks import DIM, SIDE, network
from tests.tasks.embedders.serving import entry

POINTS = (ARCFACE_TEMPLATE * SIDE / 112).tolist()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network of random weights, and a template of its size."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "some net.onnx").write_bytes(network().SerializeToString())
    (folder / "tiny.json").write_text(json.dumps({"points": POINTS}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def added(files, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    file, template = files / "some net.onnx", files / "tiny.json"
    return add_embedder(file, "tiny", licence=" MIT ", trained_on="nothing", template=template, root=root)


def test_a_run_says_what_it_is_and_gives_unit_embeddings(added):
    card = ModelCard.read(added.path / "card.json")
    assert (card.task, card.backbone, card.licence, card.trained_on) == ("embed", "some_net", "MIT", "nothing")
    assert (card.input.kind, card.input.side()) == ("face", SIDE)
    np.testing.assert_allclose(card.input.template, POINTS)
    assert (card.source.file, card.source.format, card.source.input) == ("some net.onnx", "onnx", "rgb 0..255")
    assert card.source.mirrored
    assert card.source.parity.num_crops == 32
    assert card.source.parity.relative <= 1e-4
    assert card.embedding.fingerprint.startswith(f"some_net-{card.source.sha256[:12]}-")
    assert card.embedding.fingerprint.endswith("-2views")
    run = load_run(added.path.parent, "tiny")
    embeddings = np.asarray(run.model(np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3))))
    assert embeddings.shape == (3, DIM) == (3, card.embedding.dim)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_a_network_that_knows_no_faces_is_doubted(added):
    assert len(added.doubts) == 1
    assert "--input or --template is most likely wrong" in added.doubts[0]


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"name": "tiny"}, RunError, "There is a model 'tiny' in .* already. Choose another name, or remove it"),
        ({"name": "face_resnet"}, RunError, "'face_resnet' is the embedder that ships"),
        ({"name": "../tiny"}, RunError, "must be a plain folder name"),
        ({"licence": " "}, RunError, "is added with its licence"),
        (
            {"template": "arcface-112"},
            ValueError,
            "takes crops of 18 x 18 pixels, and the template .* is for 112 x 112",
        ),
        ({"template": "other"}, ValueError, "Received: 'other', which is neither"),
        ({"input": "grey"}, ValueError, "An input is told as"),
        ({"file": "tiny.json"}, ModelFileError, "tiny.json is no ONNX file"),
        ({"file": "none.onnx"}, ModelFileError, "cannot be read"),
        ({"file": "raw.onnx"}, ModelFileError, "takes pixels as they come, and does not say which: give --input"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(files, added, changes, error, told):
    proto = network()
    del proto.graph.node[:2]  # its normalization
    proto.graph.node[0].input[0] = "images"
    (files / "raw.onnx").write_bytes(proto.SerializeToString())
    root = added.path.parent
    before = sorted(root.rglob("*"))
    given = {"file": "some net.onnx", "name": "new", "licence": "MIT", "template": files / "tiny.json"} | changes
    with pytest.raises(error, match=told):
        add_embedder(files / given.pop("file"), given.pop("name"), root=root, **given)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("content", ["[[1, 2]]", '{"points": "no"}', "{", "[]",
                                     "[[1,2],[3,4],[5,6],[7,8],[9,1e9]]", "3",
                                     "[[9,2],[3,2],[5,6],[3,9],[9,9]]"])  # fmt: skip
def test_a_file_that_is_no_template_is_refused(files, added, content):
    (files / "bad.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"A template is one of arcface-112, face_resnet-150, or a JSON file"):
        add_embedder(files / "some net.onnx", "new", licence="MIT", template=files / "bad.json", root=added.path.parent)


def test_an_embedder_is_removed_whole_and_nothing_else_is(files, added, tmp_path):
    shutil.copytree(added.path.parent, tmp_path / "runs")
    other = json.loads((added.path / "card.json").read_text(encoding="utf-8")) | {"task": "classify"}
    (tmp_path / "runs" / "named").mkdir()
    (tmp_path / "runs" / "named" / "card.json").write_text(json.dumps(other), encoding="utf-8")
    (tmp_path / "runs" / "named" / "model.keras").write_bytes(b"")
    with pytest.raises(RunError, match="'named' is no embedder: it is of task 'classify'"):
        remove_embedder("named", tmp_path / "runs")
    with pytest.raises(RunError, match="There is no model 'nobody'"):
        remove_embedder("nobody", tmp_path / "runs")
    remove_embedder("tiny", tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["named"]


def test_galleries_that_name_an_embedder_are_said_before_it_goes(added, tmp_path, monkeypatch):
    """And afterwards a sentence says what to do, instead of an answer that means nothing."""
    runs = shutil.copytree(added.path.parent, tmp_path / "saved_models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    space = added.card.embedding
    with open_gallery("theirs.gallery", embedder=space.fingerprint, embedding_dim=space.dim):
        pass
    told = CliRunner().invoke(main, ["embedders", "remove", "tiny"], input="n\n")
    assert (told.exit_code, runs.joinpath("tiny").is_dir()) == (1, True)
    assert told.stderr.startswith("Note: The gallery theirs.gallery holds its embeddings.\nRemove tiny? Galleries")
    told = CliRunner().invoke(main, ["embedders", "remove", "tiny", "--yes"])
    assert (told.exit_code, told.stdout) == (0, "saved_models/tiny: removed\n")
    with pytest.raises(RunError, match=r"No embedder here gives .* Put its model back into saved_models, or embed"):
        load_embedder_of(recorded_embedder("theirs.gallery")[0])


def test_a_question_is_asked_before_anything_is_fetched_or_removed(added, tmp_path):
    """The answer is no: nothing is reached, and nothing goes."""
    told = CliRunner().invoke(main, ["embedders", "get", "sface", "--cache", str(tmp_path)], input="n\n")
    assert told.exit_code == 1
    assert "Licence: Apache-2.0." in told.stderr
    assert "38.7 MB" in told.stderr
    assert list(tmp_path.iterdir()) == []
    told = CliRunner().invoke(main, ["embedders", "remove", "tiny", "--runs", str(added.path.parent)], input="n\n")
    assert told.exit_code == 1
    assert added.path.exists()


def test_a_known_one_is_fetched_added_and_its_file_is_gone(files, server, tmp_path, monkeypatch):
    server.content = (files / "some net.onnx").read_bytes()
    known = entry(
        server,
        "cut",
        bytes=len(server.content),
        sha256=hashlib.sha256(server.content).hexdigest(),
        template=str(files / "tiny.json"),
    )
    monkeypatch.setattr(ledger, "known_embedders", lambda: {"somebody": known})
    folders = ["--runs", str(tmp_path / "runs"), "--cache", str(tmp_path / "cache")]
    told = CliRunner().invoke(main, ["embedders", "get", "somebody", "--yes", "--json", *folders])
    assert told.exit_code == 0, told.output
    card = json.loads(told.stdout)["card"]
    assert (card["name"], card["licence"], card["source"]["file"]) == ("somebody", "MIT", known.url)
    assert len(server.seen) == 2  # it broke off once
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    again = CliRunner().invoke(main, ["embedders", "get", "somebody", "--yes", *folders])
    assert (again.exit_code, len(server.seen)) == (1, 2)  # refused before anything is fetched
    assert "There is a model 'somebody'" in again.stderr


def test_the_default_is_said_and_chosen(added, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("KERASFACE_EMBEDDER", raising=False)
    runs = ["--runs", str(added.path.parent)]
    assert CliRunner().invoke(main, ["embedders", "default", *runs]).stdout == "face_resnet\n"
    assert CliRunner().invoke(main, ["embedders", "default", "tiny", *runs]).stdout == "tiny\n"
    told = CliRunner().invoke(main, ["embedders", "default", "nobody", *runs])
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "Error: There is no embedder 'nobody'. There are face_resnet, tiny.\n"
    assert CliRunner().invoke(main, ["embedders", "default", *runs]).stdout == "tiny\n"
    shutil.copytree(added.path.parent, tmp_path / "runs")
    told = CliRunner().invoke(main, ["embedders", "remove", "tiny", "--yes", "--runs", str(tmp_path / "runs")])
    assert told.stdout == f"{tmp_path / 'runs' / 'tiny'}: removed\n"
    assert "tiny was taken where none is named: choose another" in told.stderr
