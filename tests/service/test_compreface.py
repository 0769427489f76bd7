"""Programs made for CompreFace, here its own client, ask the service unchanged."""

import importlib
import importlib.util
import io
import sys
import types

import numpy as np
import pytest
import urllib3.contrib
from PIL import Image

from kerasface.service.app import Settings, create_app
from kerasface.service.keys import add_key

if importlib.util.find_spec("compreface") is None:
    pytest.skip("compreface-sdk is not installed", allow_module_level=True)
# The client's own requirement, requests-toolbelt 0.9.1, imports a part of urllib3 that is gone, and never uses it.
urllib3.contrib.appengine = sys.modules["urllib3.contrib.appengine"] = types.ModuleType("appengine")
compreface = importlib.import_module("compreface")
pytestmark = pytest.mark.slow


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def client(serve, tmp_path, analyzer):
    app = create_app(Settings(tmp_path / "people.gallery", tmp_path / "runs"), analyzer)
    domain, _, port = serve(app).rpartition(":")
    yield compreface.CompreFace(domain, port), add_key("tests", ["read", "enroll", "admin"])
    app.state.work.close()


def test_its_client_detects_and_verifies(client, portrait):
    service, key = client
    face = portrait[:256, 100:356]
    (found,) = service.init_face_detection(key).detect(jpeg(face))["result"]
    assert found["box"]["probability"] > 0.9
    assert 0 < found["box"]["x_min"] < found["box"]["x_max"] < 256
    (compared,) = service.init_face_verification(key).verify(jpeg(face), jpeg(face[:, ::-1]))["result"]
    (match,) = compared["face_matches"]
    assert match["similarity"] > 0.9
    assert match["decision"] == "match"
    nobody = service.init_face_detection(key).detect(jpeg(np.full((64, 64, 3), 90, np.uint8)))
    assert (nobody["code"], "No face" in nobody["message"]) == (400, True)


def test_its_client_keeps_subjects_and_recognizes_them(client, portrait):
    service, key = client
    recognition, face = service.init_face_recognition(key), portrait[:256, 100:356]
    subjects, faces = recognition.get_subjects(), recognition.get_face_collection()
    (before,) = recognition.recognize(jpeg(face))["result"]
    assert (before["subjects"], before["decision"]) == ([], "unknown")
    assert subjects.add("Eileen") == {"subject": "Eileen"}
    assert subjects.add("Eileen")["code"] == 409
    added = faces.add(jpeg(face), "Eileen")
    assert faces.list()["faces"] == [added]
    (after,) = recognition.recognize(jpeg(face[:, ::-1]))["result"]
    (named,) = after["subjects"]
    assert named["subject"] == "Eileen"
    assert named["similarity"] > 0.9
    assert subjects.update("Eileen", "Ada") == {"updated": True}
    assert subjects.list() == {"subjects": ["Ada"]}
    assert faces.delete(added["image_id"]) == {"image_id": added["image_id"], "subject": "Ada"}
    assert faces.add(jpeg(face), "Ada")["subject"] == "Ada"
    assert faces.delete_all("Ada") == {"deleted": 1}
    assert subjects.delete("Ada") == {"subject": "Ada"}
    assert subjects.list() == {"subjects": []}
