"""The service as an application of FastAPI: who asks, how much may be sent, and what is answered where it fails."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from kerasface import __version__
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.embedders import load_embedder_for
from kerasface.gallery.store import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryFileError,
    GalleryKeyError,
    NameTakenError,
    NoSuchPersonError,
)
from kerasface.images.decoding import ImageError
from kerasface.runs.store import RunError
from kerasface.service.compreface import compreface_routes
from kerasface.service.desk import Desk, DeskClosedError
from kerasface.service.keys import Gatekeeper
from kerasface.service.metrics import Metrics
from kerasface.service.people import people_routes
from kerasface.service.photos import photo_routes
from kerasface.service.uploads import UploadError, let_go
from kerasface.service.work import Work

_STATUS = {
    UploadError: 422,
    ImageError: 422,
    NoSuchPersonError: 404,
    NameTakenError: 409,
    GalleryBusyError: 503,
    DeskClosedError: 503,
    **dict.fromkeys((GalleryKeyError, GalleryDamagedError, GalleryFileError), 500),
    GalleryError: 422,
    RunError: 404,
    ValueError: 422,
}
_OF_PEOPLE = ("/v1/people", "/api/v1/recognition/subjects", "/api/v1/recognition/faces")
_LOG = logging.getLogger(__name__)
_LONGEST_MESSAGE = 500  # letters; what was sent may be named in it
_OPEN = ("/health", "/ready", "/openapi.json")


@dataclass(frozen=True)
class Settings:
    """What a service is started with.

    Attributes:
        gallery: Where the people are that it knows: a file, or an address.
        runs: Folder of the models.
        embedder: What compares faces; what the gallery was made with, or the default, if not given.
        most_waiting: How many requests may be under way; more are answered with 503, before they are read.
        workers: Threads that read photos.
    """

    gallery: Path
    runs: Path
    embedder: str | None = None
    most_waiting: int = 64
    workers: int = 4


def create_app(settings: Settings, analyzer: FaceAnalyzer | None = None) -> FastAPI:
    """Builds the application; its networks are there when this returns.

    Args:
        settings: What to serve.
        analyzer: The face front end, if it is not to be made of `settings`.
    """
    desk = Desk(analyzer or FaceAnalyzer(embedder=load_embedder_for(settings.gallery, settings.embedder)))
    work = Work(desk, settings.gallery, settings.runs, settings.workers)
    gatekeeper, metrics = Gatekeeper(), Metrics(lambda: desk.num_waiting)
    app = FastAPI(
        title="KerasFace",
        version=__version__,
        docs_url=None,  # these pages would be fetched from the internet
        redoc_url=None,
        description="Faces found, compared and recognized on this machine. Every decision comes with the error rate it "
        "stands on. Send a key as `x-api-key`; `kerasface keys add NAME` makes one.",
    )
    app.state.work, app.state.held = work, 0
    _watch(app, settings.most_waiting, gatekeeper, metrics)
    for kind, status in _STATUS.items():
        app.add_exception_handler(kind, _handler(status))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    _add_service_routes(app, work, metrics)
    app.include_router(photo_routes(work))
    app.include_router(people_routes(work))
    app.include_router(compreface_routes(work))
    return app


def _watch(app: FastAPI, most_waiting: int, gatekeeper: Gatekeeper, metrics: Metrics) -> None:
    """Sees every request: turns away who may not ask and whoever is too many, counts, and says faults in JSON."""
    under_way = 0

    @app.middleware("http")
    async def watch(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        nonlocal under_way
        started = time.perf_counter()
        under_way += 1
        try:
            if under_way > most_waiting and request.scope["path"] not in _OPEN:
                response = _error(503, f"{most_waiting} requests wait already. Try again in a moment.")
            else:
                response = _turned_away(request, gatekeeper) or await answer(request)
        except Exception:
            _LOG.exception("A request failed.")
            response = _error(500, "The service failed at this, which is a fault of its own; its log says more.")
        finally:
            under_way -= 1
            let_go(request)
        route = request.scope.get("route")
        metrics.count(getattr(route, "path", "other"), response.status_code, time.perf_counter() - started)
        response.headers["cache-control"] = "no-store"
        return response


def _add_service_routes(app: FastAPI, work: Work, metrics: Metrics) -> None:
    @app.get("/health", tags=["service"], summary="Whether the process answers")
    def health() -> dict:
        return {"status": "ok", "version": __version__}

    @app.get("/ready", tags=["service"], summary="Whether photos can be looked at now")
    def ready() -> Response:
        problem = work.problem()
        return JSONResponse({"ready": problem is None, "problem": problem}, 200 if problem is None else 503)

    @app.get("/metrics", tags=["service"], summary="Counters, as Prometheus reads them")
    def numbers() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def _turned_away(request: Request, gatekeeper: Gatekeeper) -> Response | None:
    """The answer to who may not ask, before anything is read of what was sent."""
    path = request.scope["path"]
    if path in _OPEN:
        return None
    key = gatekeeper.find(request.headers.get("x-api-key") or _bearer(request))
    if key is None:
        return _error(401, "A key is wanted in the header x-api-key; `kerasface keys add NAME` makes one.")
    scope = _scope_of(request.method, path)
    if scope not in key.scopes:
        return _error(403, f"The key {key.name} may not do this: it lacks the scope {scope!r}.")
    if wait := gatekeeper.seconds_to_wait(key):
        return _error(429, f"The key {key.name} may make {key.per_minute} requests a minute.", wait)
    return None


def _scope_of(method: str, path: str) -> str:
    """The scope that a request needs: people are changed by few, looked at by more."""
    if not path.startswith(_OF_PEOPLE) or method in ("GET", "HEAD"):
        return "read"
    return "enroll" if method == "POST" else "admin"


def _bearer(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _error(status: int, message: str, wait: float = 0.0) -> JSONResponse:
    headers = {"retry-after": str(max(1, round(wait)))} if status in (429, 503) else {}
    message = message[:_LONGEST_MESSAGE]
    # Said twice more, as programs made for CompreFace look there.
    return JSONResponse({"error": message, "message": message, "code": status}, status, headers)


def _handler(status: int) -> Callable[[Request, Exception], Response]:
    return lambda request, error: _error(getattr(error, "status", status), " ".join(str(error).split()))


def _invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return _error(422, f"{place}: {first['msg']}. Received: {first.get('input')!r:.80}.")


def _http(request: Request, error: HTTPException) -> Response:
    return _error(error.status_code, f"{error.detail}: {request.method} {request.url.path:.200}.")
