"""A client of the service, for Python programs.

Needs the package httpx, and nothing else of KerasFace's: this file may be copied.
"""

from collections.abc import Sequence
from pathlib import Path

import httpx

Photo = str | Path | bytes


class ServiceError(RuntimeError):
    """What the service refused; the message is its sentence.

    Attributes:
        status: HTTP's number.
        wait: Seconds after which one may ask again; 0 where that would not help.
    """

    def __init__(self, status: int, message: str, wait: float = 0.0):
        super().__init__(message)
        self.status, self.wait = status, wait


class Client:
    """Asks a service.

    Args:
        url: Such as `"http://127.0.0.1:8600"`.
        key: The API key.
        timeout: Seconds for an answer.

    Example:
        ```python
        with Client("http://127.0.0.1:8600", key) as client:
            print(client.verify("a.jpg", "b.jpg")["decision"])
        ```
    """

    def __init__(self, url: str, key: str, *, timeout: float = 60.0):
        self._http = httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception) -> None:
        self._http.close()

    def detect(self, photo: Photo) -> dict:
        """Finds the faces of a photo."""
        return self._send("/v1/detect", {"file": [photo]})

    def verify(self, first: Photo, second: Photo, **options: float) -> dict:
        """Compares two photos; options are `fmr`, `face_a` and `face_b`."""
        return self._send("/v1/verify", {"first": [first], "second": [second]}, options)

    def embed(self, photo: Photo) -> dict:
        """Embeds the faces of a photo."""
        return self._send("/v1/embed", {"file": [photo]})

    def identify(self, photo: Photo, **options: float) -> dict:
        """Says who of the gallery is in a photo; the option is `fpir`."""
        return self._send("/v1/identify", {"file": [photo]}, options)

    def people(self) -> list[dict]:
        """Returns who is enrolled."""
        return self._answer(self._http.get("/v1/people"))

    def enroll(self, name: str, photos: Sequence[Photo]) -> dict:
        """Enrolls somebody new."""
        return self._send("/v1/people", {"files": photos}, {"name": name})

    def delete(self, person_id: str) -> None:
        """Deletes somebody."""
        self._answer(self._http.delete(f"/v1/people/{person_id}"))

    def _send(self, path: str, photos: dict[str, Sequence[Photo]], options: dict | None = None) -> dict:
        files = [(field, self._file(photo)) for field, several in photos.items() for photo in several]
        return self._answer(self._http.post(path, files=files, params=options or {}))

    @staticmethod
    def _file(photo: Photo) -> tuple[str, bytes]:
        return ("photo", photo) if isinstance(photo, bytes) else (Path(photo).name, Path(photo).read_bytes())

    @staticmethod
    def _answer(response: httpx.Response):
        if response.status_code == 204:
            return None
        try:
            content = response.json()
        except ValueError as error:
            raise ServiceError(response.status_code, response.text[:200]) from error
        if response.is_error and "error" in content:
            raise ServiceError(response.status_code, content["error"], float(response.headers.get("retry-after", 0)))
        return content
