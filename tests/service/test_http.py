"""The service over HTTP, with a real server."""

import contextlib
import io
import json
import re
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from kerasface.gallery.opening import open_gallery
from kerasface.service.app import Settings, create_app
from kerasface.service.client import Client, ServiceError
from kerasface.service.keys import add_key, keys_path
from kerasface.service.uploads import MOST_BYTES
from kerasface.service.work import LONGEST_SIDE
from kerasface.tasks.verification import verify


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def app(tmp_path, analyzer):
    return create_app(Settings(tmp_path / "people.gallery", tmp_path / "runs", most_waiting=16), analyzer)


@pytest.fixture
def url(serve, app):
    yield serve(app)
    app.state.work.close()


@pytest.fixture
def key():
    return add_key("tests", ["read", "enroll", "admin"], 10_000)


def test_photos_are_answered_as_the_library_answers(url, key, portrait, analyzer):
    smaller = np.ascontiguousarray(portrait[::2, ::2])
    with Client(url, key) as client:
        found = client.verify(png(portrait), png(smaller), fmr=0.01)
        expected = verify(portrait, smaller, analyzer, fmr=0.01)
        assert found["decision"] == expected.decision == "match"
        assert found["score"] == pytest.approx(expected.score, abs=1e-3)
        assert found["operating_point"] == json.loads(json.dumps(expected.operating_point.to_dict()))
        assert [face["number"] for face in client.detect(png(portrait))["faces"]] == [1]
        (face,) = client.embed(png(portrait))["faces"]
        assert np.linalg.norm(face["embedding"]) == pytest.approx(1, abs=1e-5)


def test_people_come_are_found_and_go(url, key, portrait):
    with Client(url, key) as client:
        assert client.people() == []
        (unknown,) = client.identify(png(portrait))["faces"]
        assert unknown["decision"] == "unknown"
        person = client.enroll("Eileen", [png(portrait)])["person"]
        assert [row["name"] for row in client.people()] == ["Eileen"]
        (found,) = client.identify(png(portrait[:, ::-1].copy()))["faces"]
        assert (found["decision"], found["person_id"]) == ("match", person["id"])
        with pytest.raises(ServiceError, match="enrolled already") as refused:
            client.enroll("Eileen", [png(portrait)])
        assert refused.value.status == 409
        client.delete(person["id"])
        assert client.people() == []
        with pytest.raises(ServiceError, match="Nobody in the gallery") as gone:
            client.delete(person["id"])
        assert gone.value.status == 404


def test_a_photo_that_the_gate_refuses_is_answered_with_why(url, key):
    with Client(url, key) as client:
        answer = client.enroll("Nobody", [png(np.full((64, 64, 3), 90, np.uint8))])
        assert answer["person"] is None
        assert answer["photos"][0]["refused"] == "no_face"
        assert client.people() == []


@pytest.fixture
def ask(url, key):
    """Sends a request with the key, or with other headers."""

    def send(method, path, headers=None, **options):
        return httpx.request(method, url + path, headers={"x-api-key": key} | (headers or {}), **options)

    return send


def test_who_may_not_is_told_so_before_anything_is_read(url, portrait):
    reader = add_key("reader", ["read"], 2)
    files = {"files": png(portrait)}
    for headers in ({}, {"x-api-key": "kf_" + "x" * 43}, {"authorization": "Bearer nothing"}):
        assert httpx.post(f"{url}/v1/people", params={"name": "Ada"}, files=files, headers=headers).status_code == 401
    own = {"authorization": f"Bearer {reader}"}
    refused = httpx.post(f"{url}/v1/people", params={"name": "Ada"}, files=files, headers=own)
    assert (refused.status_code, "lacks the scope 'enroll'" in refused.json()["error"]) == (403, True)
    assert httpx.delete(f"{url}/v1/people/0123456789abcdef", headers=own).status_code == 403
    assert [httpx.get(f"{url}/v1/people", headers=own).status_code for _ in range(3)] == [200, 200, 429]
    waiting = httpx.get(f"{url}/v1/people", headers=own)
    assert int(waiting.headers["retry-after"]) >= 1
    assert httpx.get(f"{url}/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"files": {"file": ("notes.txt", b"hello")}}, 422, "notes.txt: Not an image"),
        ({"files": {"photo": b"hello"}}, 422, "wanted in the field 'file'. Received: photo"),
        ({"files": [("file", b"one"), ("file", b"two")]}, 422, "One file"),
        ({"data": {"file": "hello"}}, 415, "multipart/form-data"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 422, "no form"),
        ({"content": b"--x\r\nnothing", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 422, ""),
        ({"content": b"", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 422, "Received: nothing"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=é".encode("latin1")}}, 422, ""),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(ask, options, status, words):
    answer = ask("POST", "/v1/detect", **options)
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.slow
def test_questions_that_cannot_be_answered_name_what_is_wrong(ask, portrait):
    photo = {"file": png(portrait)}
    pair = {"first": photo["file"], "second": photo["file"]}
    for path, files, status, words in (
        ("/v1/verify?fmr=lots", pair, 422, "fmr:"),
        ("/v1/verify?fmr=0.7", pair, 422, "Thresholds were measured"),
        ("/v1/verify?face_a=4", pair, 422, "4"),
        ("/v1/identify?fpir=nan", photo, 422, ""),
        ("/v1/predict?model=..%2Fx", photo, 404, "plain folder name"),
        ("/v1/predict?model=nothing", photo, 404, "There is no model 'nothing'"),
        ("/v1/predict", photo, 422, "model:"),
        ("/v1/people?name=", {"files": photo["file"]}, 422, ""),
        ("/v1/nothing", photo, 404, "Not Found"),
    ):
        answer = ask("POST", path, files=files)
        assert (path, answer.status_code) == (path, status)
        assert words in json.dumps(answer.json())


def test_a_request_may_have_so_many_bytes_and_no_more(ask, url, key):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"}

    def endless():
        yield head
        for _ in range(MOST_BYTES // 2**20 + 1):
            yield bytes(2**20)

    assert ask("POST", "/v1/detect", kind, content=endless()).status_code == 413
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        lines = ["POST /v1/detect HTTP/1.1", "host: x", f"x-api-key: {key}", f"content-type: {kind['content-type']}"]
        connection.sendall("\r\n".join([*lines, f"content-length: {10**12}", "", ""]).encode())
        assert b" 413 " in connection.recv(1000).partition(b"\r\n")[0] + b" "


def test_requests_that_are_under_way_have_an_end_together(ask, url, key, app, monkeypatch):
    monkeypatch.setattr("kerasface.service.uploads.MOST_TOGETHER", 5000)
    head = f"POST /v1/detect HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 9000\r\n"
    form = "content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection:
        connection.sendall(
            (head + form).encode() + b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        connection.sendall(bytes(4000))
        while app.state.held < 4000:
            time.sleep(0.01)
        crowded = ask("POST", "/v1/detect", files={"file": bytes(2000)})
        assert (crowded.status_code, "retry-after" in crowded.headers) == (503, True)
        assert ask("GET", "/v1/people").status_code == 200
    while app.state.held:  # until it is noticed that the client went away
        time.sleep(0.01)
    assert ask("POST", "/v1/detect", files={"file": bytes(2000)}).status_code == 422
    assert app.state.held == 0


def test_a_bomb_costs_an_answer_and_no_more(ask):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    sizes = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", sizes) + chunk(b"IDAT", zlib.compress(bytes(999)))
    answer = ask("POST", "/v1/detect", files={"file": huge})
    assert answer.status_code == 422
    assert "megapixels" in answer.json()["error"]


def test_a_photo_that_others_would_wait_for_is_refused(ask):
    answer = ask("POST", "/v1/detect", files={"file": ("long.png", png(np.zeros((2, LONGEST_SIDE + 1, 3), np.uint8)))})
    assert answer.status_code == 422
    assert f"long.png: {LONGEST_SIDE + 1} x 2 pixels" in answer.json()["error"]


def test_a_name_is_one_however_its_letters_are_composed(url, key, portrait):
    composed, apart = "Zo\u00eb", "Zoe\u0308"
    with Client(url, key) as client:
        assert client.enroll(f" {composed}", [png(portrait)])["person"]["name"] == composed
        with pytest.raises(ServiceError, match="enrolled already"):
            client.enroll(apart, [png(portrait)])


@pytest.mark.slow
def test_rates_that_clients_think_up_do_not_pile_up(app, ask, portrait):
    for number in range(8):
        assert (
            ask("POST", f"/v1/identify?fpir={0.01 + number * 1e-4}", files={"file": png(portrait)}).status_code == 200
        )
    assert len(app.state.work._searches) <= 4


def test_what_is_no_short_json_is_refused(ask):
    path = "/api/v1/recognition/subjects"
    for content, status in ((b"{", 400), (b"[1]", 400), (b"[" * 9999, 400), (b" " * 2**17, 413)):
        answer = ask("POST", path, content=content)
        assert (answer.status_code, len(answer.content) < 2000) == (status, True)


def test_who_may_enroll_may_not_rename(url):
    own = {"x-api-key": add_key("door", ["read", "enroll"])}
    assert httpx.put(f"{url}/api/v1/recognition/subjects/Ada", headers=own, json={"subject": "Bob"}).status_code == 403


def test_a_fault_of_the_service_is_said_in_json_and_counted(app, ask, monkeypatch):
    monkeypatch.setattr(app.state.work.desk.detector, "detect", lambda images: 1 / 0)
    answer = ask("POST", "/v1/detect", files={"file": png(np.zeros((40, 40, 3), np.uint8))})
    assert (answer.status_code, "fault of its own" in answer.json()["error"]) == (500, True)
    assert 'status="500"} 1.0' in ask("GET", "/metrics").text


def test_faces_are_compared_by_what_the_gallery_was_made_with(tmp_path, monkeypatch):
    asked = []

    class ChosenError(Exception):
        pass

    def chosen(name):
        asked.append(name)
        raise ChosenError

    monkeypatch.setattr("kerasface.faces.embedders.load_embedder_of", chosen)
    monkeypatch.setattr("kerasface.faces.embedders.load_embedder", chosen)
    with open_gallery(tmp_path / "people.gallery", embedder="other-1", embedding_dim=4):
        pass
    for settings in (("people.gallery",), ("people.gallery", "mine"), ("nothing.gallery",)):
        with pytest.raises(ChosenError):
            create_app(Settings(tmp_path / settings[0], tmp_path, *settings[1:]))
    assert asked == ["other-1", "mine", None]


def test_who_has_no_key_is_not_told_where_the_keys_lie(url, key):
    keys_path().write_text("{")
    answer = httpx.get(f"{url}/v1/people", headers={"x-api-key": key})
    assert (answer.status_code, str(keys_path()) in answer.text) == (500, False)


def test_where_the_keys_cannot_be_read_nobody_has_one(url, key):
    own = {"x-api-key": key}
    assert httpx.get(f"{url}/v1/people", headers=own).status_code == 200
    keys_path().write_text("{")
    deadline = time.monotonic() + 20
    while httpx.get(f"{url}/v1/people", headers=own).status_code == 200:  # for a second they are not looked at anew
        assert time.monotonic() < deadline
    assert httpx.get(f"{url}/v1/people", headers=own).status_code in (401, 500)


def test_a_file_has_a_name_of_255_letters_and_no_more(url, key, portrait):
    with Client(url, key) as client:
        files = [("files", ("n\x1b[2J" * 100, png(portrait)))]
        own = {"x-api-key": key}
        answer = httpx.post(f"{url}/v1/people", params={"name": "Ada"}, files=files, headers=own)
        person = answer.json()["person"]["id"]
        (sample,) = httpx.get(f"{url}/v1/people/{person}", headers=own).json()["samples"]
        assert len(client.people()) == 1
    assert len(sample["source"]) == 255


def test_more_than_may_be_under_way_are_turned_away(serve, tmp_path, analyzer, key):
    app = create_app(Settings(tmp_path / "g", tmp_path / "runs", most_waiting=0), analyzer)
    address = serve(app)
    answer = httpx.get(f"{address}/v1/people", headers={"x-api-key": key})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert httpx.get(f"{address}/health").status_code == 200
    app.state.work.close()


@pytest.mark.slow
def test_many_at_once_are_all_answered_or_told_to_come_again(ask, portrait):
    small = png(np.ascontiguousarray(portrait[:256, 100:356]))
    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(lambda _: ask("POST", "/v1/embed", files={"file": small}, timeout=60), range(24)))
    assert {answer.status_code for answer in found} <= {200, 503}
    answered = [answer.json()["faces"][0]["embedding"] for answer in found if answer.status_code == 200]
    assert answered
    np.testing.assert_allclose(answered, [answered[0]] * len(answered), atol=1e-4)
    assert all("retry-after" in answer.headers for answer in found if answer.status_code == 503)


def test_counters_name_routes_and_nobody(ask, portrait):
    ask("POST", "/v1/people?name=Eileen", files={"files": png(portrait)})
    ask("GET", "/v1/people/0123456789abcdef")
    text = ask("GET", "/metrics").text
    assert 'kerasface_requests_total{route="/v1/people/{person_id}",status="404"} 1.0' in text
    assert "Eileen" not in text
    assert "0123456789abcdef" not in text


def test_what_can_be_asked_is_described(ask):
    paths = ask("GET", "/openapi.json").json()["paths"]
    assert {"/v1/verify", "/v1/identify", "/v1/people/{person_id}/samples", "/health"} <= set(paths)
    form = paths["/v1/verify"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["first", "second"]
    assert ask("GET", "/docs").status_code == 404  # it would be fetched from the internet


@pytest.mark.slow
def test_the_documents_example_runs(url, key, portrait, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "ada.jpg", "party.jpg"):
        Image.fromarray(portrait[:256, 100:356]).save(name, quality=95)
    text = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(script.replace("http://127.0.0.1:8600", url), {"key": key})
    assert printed.getvalue() == "match\n['Ada']\n"
