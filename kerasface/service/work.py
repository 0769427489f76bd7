"""What the service does for a request: the tasks of the command line, on threads, with networks that all share."""

import hashlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import numpy as np
from anyio.to_thread import run_sync

from kerasface.gallery.checks import checked_name
from kerasface.gallery.gallery import Gallery
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NameTakenError, NoSuchPersonError, Person
from kerasface.images.decoding import ImageError, decode
from kerasface.models.runtime import engines_in_use
from kerasface.runs.store import load_run
from kerasface.service.desk import Desk
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, SourcePhoto
from kerasface.tasks.identification import Identifier
from kerasface.tasks.recognition import build_classifier
from kerasface.tasks.segmentation import Segmenter

_Result = TypeVar("_Result")
MOST_PIXELS, LONGEST_SIDE = 25_000_000, 10_000  # of a photo: what more costs, others would have to wait for
_IN_MEMORY = 8  # requests whose photos are decoded at the same moment; others wait with the files that they sent
_SIDE_BY_SIDE = 128  # threads that may wait for the networks
_MOST_SEARCHES = 4  # rates of identification whose search is kept
_READY_FOR = 5.0  # seconds that the answer of `problem` holds


class Work:
    """The people and models of a service, each opened when it is first asked for.

    Args:
        desk: Where networks are run.
        gallery: Where the people are: a file, or an address.
        runs: Folder of the models.
        workers: Photos that are read at once.
    """

    def __init__(self, desk: Desk, gallery: Path, runs: Path, workers: int):
        self.desk = desk
        self._gallery_path, self._runs = gallery, runs
        self._readers = workers
        self._limits: dict[str, anyio.CapacityLimiter] = {}
        self._opening, self._building, self._asking = threading.Lock(), threading.Lock(), threading.Lock()
        self._turn = threading.RLock()  # of who searches or changes the gallery
        self._gallery: Gallery | None = None
        self._searches: dict[float, Identifier] = {}
        self._models: dict[tuple[str, str], object] = {}
        self._asked, self._problem = float("-inf"), None

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Waits until there is room for the photos of one more request, and keeps it inside the block."""
        async with self._limit("memory", _IN_MEMORY):
            yield

    async def read(self, photo: tuple[str, bytes]) -> np.ndarray:
        """Decodes one photo.

        Raises:
            ImageError: If it cannot be, or is larger than `MOST_PIXELS` or `LONGEST_SIDE`.
        """
        name, content = photo
        image = await run_sync(
            partial(decode, content, name=name, max_pixels=MOST_PIXELS), limiter=self._limit("read", self._readers)
        )
        if max(image.shape) > LONGEST_SIDE:
            height, width, _ = image.shape
            raise ImageError(f"{name}: {width} x {height} pixels; a side may have {LONGEST_SIDE:,}. Send a part of it.")
        return image

    async def source_photos(self, files: Sequence[tuple[str, bytes]]) -> list[SourcePhoto]:
        """Decodes and analyzes photos to enroll, one after the other, so that there is never more than one in memory.

        Raises:
            ImageError: If one cannot be read.
        """
        photos = []
        for name, content in files:
            async with self.looking():
                (faces,) = await self.do(partial(self.desk.analyze, [await self.read((name, content))]))
            photos.append(SourcePhoto(name, hashlib.sha256(content).hexdigest(), faces))
        return photos

    async def do(self, task: Callable[[], _Result]) -> _Result:
        """Runs something that waits for the networks, next to what others wait for."""
        return await run_sync(task, limiter=self._limit("wait", _SIDE_BY_SIDE))

    def problem(self) -> str | None:
        """Why photos cannot be looked at now; `None` if they can. Asked anew after a few seconds only."""
        with self._asking:
            if time.monotonic() - self._asked > _READY_FOR:
                try:
                    self.desk.analyze([np.zeros((32, 32, 3), dtype=np.uint8)])
                    self._problem = None
                except RuntimeError as error:
                    self._problem = str(error)
                self._asked = time.monotonic()
            return self._problem

    @property
    def gallery(self) -> Gallery:
        """The people; a gallery that is not there is made with the first of them.

        Raises:
            GalleryError: If it cannot be opened.
        """
        with self._opening:
            if self._gallery is None:
                own = self.desk.embedder
                self._gallery = open_gallery(
                    self._gallery_path, embedder=own.fingerprint, embedding_dim=own.embedding_dim, create="late"
                )
            return self._gallery

    def identify(self, image: np.ndarray, fpir: float, source_hash: str) -> dict:
        """Says who of the gallery is in a photo, as `kerasface identify --json`."""
        (faces,) = self.desk.analyze([image])
        with self._turn:
            search = self._search(fpir)
            (found,) = search.decide([faces], source_hashes=[source_hash])
            point = search.operating_point()
        decision = {} if found else {"decision": "no_face"}
        return {**decision, "faces": [face.to_dict() for face in found], "gallery": point and point.to_dict()}

    def enroll(
        self, name: str, photos: Sequence[SourcePhoto], allow: Sequence[str] = (), *, new: bool = False
    ) -> list[dict]:
        """Adds photos of one person, all that pass the gate.

        Args:
            name: The person.
            photos: Photos of the person.
            allow: What is enrolled all the same.
            new: Whether it must be somebody who is not there yet.

        Raises:
            NameTakenError: If somebody of that name is there who must not be.
        """
        with self._turn:
            if new:
                self._check_new(name)
            enroller = Enroller(self._search(CONFLICT_FPIR), allow=allow)
            return [result.to_dict() for result in enroller.enroll(name, photos)]

    def add(self, name: str) -> Person:
        """Adds somebody without a photo.

        Raises:
            NameTakenError: If somebody of that name is there.
        """
        with self._turn:
            self._check_new(name)
            return self.gallery.enroll(name, [])

    def named(self, name: str) -> Person | None:
        """The person of a name, however its letters are composed; `None` if there is none."""
        name = checked_name(name)  # which is nobody's id
        with suppress(NoSuchPersonError):
            return self.gallery.person(name)
        return None

    def classifier(self, model: str):
        """A trained classifier of faces or pictures.

        Raises:
            RunError: If there is none of that name.
        """
        return self._model("classify", model, lambda run: build_classifier(run, lambda: self.desk.detector))

    def segmenter(self, model: str) -> Segmenter:
        """A trained segmentation.

        Raises:
            RunError: If there is none of that name.
        """
        return self._model("segment", model, lambda run: Segmenter(run, self.desk.detector))

    def used(self) -> dict:
        """What computed an answer."""
        return {"embedder": self.desk.embedder.name, "engine": engines_in_use()}

    def close(self) -> None:
        """Lets who waits be served, and closes the gallery."""
        self.desk.close()
        if self._gallery is not None:
            self._gallery.close()

    def _check_new(self, name: str) -> None:
        if self.named(name) is not None:
            raise NameTakenError(f"{name} is enrolled already. Add photos to that person.")

    def _search(self, fpir: float) -> Identifier:
        if fpir not in self._searches:
            search = Identifier(self.gallery, fpir=fpir)  # first, as a rate may be refused
            while len(self._searches) >= _MOST_SEARCHES:  # each holds the whole gallery
                del self._searches[next(iter(self._searches))]
            self._searches[fpir] = search
        return self._searches[fpir]

    def _model(self, kind: str, name: str, build: Callable):
        with self._building:
            if (kind, name) not in self._models:
                self._models[kind, name] = build(load_run(self._runs, name))
            return self._models[kind, name]

    def _limit(self, kind: str, most: int) -> anyio.CapacityLimiter:
        # Made late, as one belongs to the event loop in which it is used.
        return self._limits.setdefault(kind, anyio.CapacityLimiter(most))
