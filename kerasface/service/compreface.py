"""The routes of CompreFace, so that programs made for it ask KerasFace: verification, recognition, subjects, detection.

`similarity` is the calibrated probability that two faces are one person's, where every second pair is; with it stand
our decision and its reason. Unlike there, nobody is named whom the error rates do not allow to name: a face that is no
match has an empty list of subjects, whatever a program's own limit on the similarity may be.
"""

import hashlib
from functools import partial

from fastapi import APIRouter, Query, Request

from kerasface.faces.detection import Face
from kerasface.faces.rates.operating_points import pair_calibration
from kerasface.gallery.store import NoSuchPersonError, Person
from kerasface.service.photos import form
from kerasface.service.uploads import UploadError, file_of, read_files, read_json
from kerasface.service.work import Work
from kerasface.tasks.identification import DEFAULT_FPIR
from kerasface.tasks.verification import verify


def compreface_routes(work: Work) -> APIRouter:
    """Builds the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["as CompreFace has them"])

    @routes.post("/detection/detect", openapi_extra=form("file"))
    async def detect(request: Request) -> dict:
        file = file_of(await read_files(request), "file")
        async with work.looking():
            image = await work.read(file)
            (faces,) = await work.do(partial(work.desk.run, lambda: work.desk.detector.detect([image])))
        return {"result": [_face(face) for face in _found(faces)]}

    @routes.post("/verification/verify", openapi_extra=form("source_image", "target_image"))
    async def compare(request: Request) -> dict:
        sent = await read_files(request)
        files = [file_of(sent, field) for field in ("source_image", "target_image")]
        async with work.looking():
            images = [await work.read(file) for file in files]
            verdict = await work.do(partial(verify, *images, work.desk, names=("source", "target")))
        similarity = (verdict.probability or 0.0) if verdict.decision == "match" else 0.0
        source, target = ([entry for entry in verdict.faces if entry.image == name] for name in ("source", "target"))
        ours = {"decision": verdict.decision, "reason": verdict.reason, "threshold": verdict.threshold}
        matches = [
            {**_face(entry.face), "similarity": similarity if entry.chosen else 0.0, **ours} for entry in _found(target)
        ]
        return {"result": [{"source_image_face": _face(_found(source)[0].face), "face_matches": matches}]}

    @routes.post("/recognition/recognize", openapi_extra=form("file"))
    async def recognize(request: Request, limit: int = Query(0, ge=0, description="Most faces; 0 for all.")) -> dict:
        name, content = file_of(await read_files(request), "file")
        async with work.looking():
            image = await work.read((name, content))
            source_hash = hashlib.sha256(content).hexdigest()
            found = await work.do(partial(work.identify, image, DEFAULT_FPIR, source_hash))
        calibration = pair_calibration(work.desk.embedder.fingerprint)
        rows = []
        for face in _found(found["faces"])[: limit or None]:
            named = face["decision"] == "match"
            similarity = float(calibration.probability(face["normalized_score"])) if named and calibration else 0.0
            rows.append(
                {
                    "box": _box(face["box"], face["detection_score"]),
                    "landmarks": face["landmarks"],
                    "subjects": [{"subject": face["name"], "similarity": similarity}] if named else [],
                    **{word: face[word] for word in ("decision", "reason", "probability", "threshold")},
                }
            )
        return {"result": rows}

    @routes.get("/recognition/subjects")
    def subjects() -> dict:
        return {"subjects": [person.name for person in work.gallery.people()]}

    @routes.post("/recognition/subjects", status_code=201)
    async def add_subject(request: Request) -> dict:
        subject = await _subject_in(request)
        return {"subject": (await work.do(partial(work.add, subject))).name}

    @routes.put("/recognition/subjects/{name}")
    async def rename(name: str, request: Request) -> dict:
        subject = await _subject_in(request)
        await work.do(lambda: work.gallery.rename(_person(work, name).person_id, subject))
        return {"updated": True}

    @routes.delete("/recognition/subjects/{name}")
    def delete_subject(name: str) -> dict:
        work.gallery.delete_person(_person(work, name).person_id)
        return {"subject": name}

    @routes.get("/recognition/faces")
    def faces(subject: str | None = None, page: int = Query(0, ge=0), size: int = Query(20, ge=1, le=10_000)) -> dict:
        rows = _samples(work, subject)
        shown = {"faces": rows[page * size : (page + 1) * size], "page_number": page, "page_size": size}
        return {**shown, "total_pages": -(-len(rows) // size), "total_elements": len(rows)}

    @routes.post("/recognition/faces", status_code=201, openapi_extra=form("file"))
    async def add_face(request: Request, subject: str) -> dict:
        (photo,) = await work.source_photos([file_of(await read_files(request), "file")])
        _found(photo.faces)
        (result,) = await work.do(partial(work.enroll, subject, [photo]))
        if not result["enrolled"]:
            raise UploadError(400, result["reason"])
        return (await work.do(partial(_samples, work, subject)))[-1]

    @routes.delete("/recognition/faces")
    def delete_faces(subject: str) -> dict:
        rows = _samples(work, subject)
        for row in rows:
            work.gallery.delete_sample(int(row["image_id"]))
        return {"deleted": len(rows)}

    @routes.delete("/recognition/faces/{image_id}")
    def delete_face(image_id: int) -> dict:
        row = next((row for row in _samples(work, None) if row["image_id"] == str(image_id)), None)
        if row is None:
            raise UploadError(404, f"There is no face {image_id}.")
        work.gallery.delete_sample(image_id)
        return row

    return routes


def _found(faces: list) -> list:
    """The faces; CompreFace answers with 400 where there is none."""
    if not faces:
        raise UploadError(400, "No face is found in the given image")  # as CompreFace says it
    return faces


def _face(face: Face) -> dict:
    shown = face.to_dict()
    return {"box": _box(shown["box"], shown["detection_score"]), "landmarks": shown["landmarks"]}


def _box(box, probability: float) -> dict:
    x, y, width, height = box
    sides = {"x_min": round(x), "y_min": round(y), "x_max": round(x + width), "y_max": round(y + height)}
    return {"probability": probability, **sides}


async def _subject_in(request: Request) -> str:
    sent = await read_json(request)
    if not isinstance(sent, dict) or not isinstance(sent.get("subject"), str):
        raise UploadError(400, 'JSON such as {"subject": "Ada"} is wanted.')
    return sent["subject"]


def _person(work: Work, name: str) -> Person:
    if (person := work.named(name)) is None:
        raise NoSuchPersonError(f"There is no subject {name:.80}.")
    return person


def _samples(work: Work, subject: str | None) -> list[dict]:
    """The samples of one person or of all, as CompreFace lists them, oldest first."""
    people = work.gallery.people() if subject is None else [_person(work, subject)]
    rows = [(entry.sample_id, person.name) for person in people for entry in work.gallery.samples(person.person_id)]
    return [{"image_id": str(number), "subject": name} for number, name in sorted(rows)]
