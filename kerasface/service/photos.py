"""What is asked of photos: detect, verify, embed, identify, predict, segment; answers are as the commands' JSON."""

import base64
import hashlib
import io
from collections.abc import Callable
from functools import partial

import numpy as np
from fastapi import APIRouter, Query, Request
from PIL import Image

from kerasface.service.uploads import file_of, read_files
from kerasface.service.work import Work
from kerasface.tasks.identification import DEFAULT_FPIR
from kerasface.tasks.verification import DEFAULT_FMR, verify


def form(*fields: str, many: bool = False) -> dict:
    """What a route says of the form that it takes, for OpenAPI."""
    one = {"type": "string", "format": "binary"}
    properties = {field: {"type": "array", "items": one} if many else one for field in fields}
    schema = {"type": "object", "required": list(fields), "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def photo_routes(work: Work) -> APIRouter:
    """Builds the routes."""
    routes = APIRouter(prefix="/v1", tags=["photos"])
    one_photo = form("file")

    async def answer(request: Request, task: Callable[[np.ndarray, bytes], dict]) -> dict:
        """Reads the one photo of a request, and gives it and its file to what answers."""
        name, content = file_of(await read_files(request), "file")
        async with work.looking():
            image = await work.read((name, content))
            return {**await work.do(lambda: task(image, content)), **work.used()}

    @routes.post("/detect", summary="Boxes, landmarks and scores of all faces", openapi_extra=one_photo)
    async def detect(request: Request) -> dict:
        def task(image: np.ndarray, content: bytes) -> dict:
            (faces,) = work.desk.run(lambda: work.desk.detector.detect([image]))
            return {"faces": [{"number": number, **face.to_dict()} for number, face in enumerate(faces, start=1)]}

        return await answer(request, task)

    @routes.post("/verify", summary="Whether two photos show one person", openapi_extra=form("first", "second"))
    async def compare(
        request: Request,
        fmr: float = Query(DEFAULT_FMR, description="False match rate to decide at."),
        face_a: int | None = Query(None, ge=1, description="Which face of the first, as `detect` counts."),
        face_b: int | None = Query(None, ge=1, description="Which face of the second."),
    ) -> dict:
        sent = await read_files(request)
        files = [file_of(sent, field) for field in ("first", "second")]
        async with work.looking():
            images = [await work.read(file) for file in files]
            found = await work.do(partial(verify, *images, work.desk, fmr=fmr, faces=(face_a, face_b)))
        return {**found.to_dict(), **work.used()}

    @routes.post("/embed", summary="Unit embeddings of all faces", openapi_extra=one_photo)
    async def embed(request: Request) -> dict:
        def task(image: np.ndarray, content: bytes) -> dict:
            (faces,) = work.desk.analyze([image])
            rows = [{**entry.face.to_dict(), "embedding": entry.embedding.astype(float).tolist()} for entry in faces]
            return {"faces": rows, "fingerprint": work.desk.embedder.fingerprint}

        return await answer(request, task)

    @routes.post("/identify", summary="Who of the gallery is in a photo", openapi_extra=one_photo)
    async def identify(
        request: Request,
        fpir: float = Query(DEFAULT_FPIR, description="Share of strangers who may be taken for somebody."),
    ) -> dict:
        return await answer(
            request, lambda image, content: work.identify(image, fpir, hashlib.sha256(content).hexdigest())
        )

    @routes.post("/predict", summary="What a trained classifier says", openapi_extra=one_photo)
    async def predict(request: Request, model: str, top: int = Query(5, ge=1, le=1000)) -> dict:
        def task(image: np.ndarray, content: bytes) -> dict:
            classifier = work.classifier(model)
            (found,) = work.desk.run(lambda: classifier.recognize([image], top=top))
            answers = {"faces": [face.to_dict() for face in found]} if isinstance(found, list) else found.to_dict()
            return {**answers, "model": model}

        return await answer(request, task)

    @routes.post("/segment", summary="The class of every pixel", openapi_extra=one_photo)
    async def segment(
        request: Request,
        model: str = "face-parts",
        whole: bool = Query(False, description="The picture as a whole, in place of around each face."),
    ) -> dict:
        def task(image: np.ndarray, content: bytes) -> dict:
            segmenter = work.segmenter(model)
            found = work.desk.run(partial(segmenter.segment_whole if whole else segmenter.segment_faces, image))
            file = io.BytesIO()
            Image.fromarray(found.mask).save(file, "PNG")
            return {**found.to_dict(), "mask_png": base64.b64encode(file.getvalue()).decode(), "model": model}

        return await answer(request, task)

    return routes
