"""The people of the gallery: who is there, and who comes and goes. Only photos that pass the gate are enrolled."""

from contextlib import suppress
from functools import partial

from fastapi import APIRouter, Query, Request, Response

from kerasface.gallery.store import NoSuchPersonError, Person
from kerasface.service.photos import form
from kerasface.service.uploads import UploadError, files_of, read_files
from kerasface.service.work import Work
from kerasface.tasks.enrollment import OVERRIDES


def people_routes(work: Work) -> APIRouter:
    """Builds the routes."""
    routes = APIRouter(prefix="/v1", tags=["people"])

    async def enrolled(request: Request, name: str, allow: list[str], *, new: bool = False) -> list[dict]:
        photos = await work.source_photos(files_of(await read_files(request), "files"))
        return await work.do(partial(work.enroll, name, photos, allow, new=new))

    allowed = Query([], description=f"What is enrolled all the same, of {', '.join(sorted(OVERRIDES))}.")

    @routes.get("/people", summary="Who is enrolled")
    def people() -> list[dict]:
        return [_row(person) for person in work.gallery.people()]

    @routes.post("/people", status_code=201, summary="Enroll somebody new", openapi_extra=form("files", many=True))
    async def enroll(request: Request, response: Response, name: str, allow: list[str] = allowed) -> dict:
        results = await enrolled(request, name, allow, new=True)
        person = await work.do(partial(work.named, name))
        response.status_code = 201 if person else 422
        return {"person": person and _row(person), "photos": results}

    @routes.get("/people/{person_id}", summary="One person, with the samples")
    def one(person_id: str) -> dict:
        person = _found(work, person_id)
        samples = work.gallery.samples(person.person_id)
        rows = [{"id": entry.sample_id, "source": entry.source, "created": entry.created} for entry in samples]
        return {**_row(person), "samples": rows}

    @routes.post(
        "/people/{person_id}/samples",
        status_code=201,
        summary="Add photos of somebody",
        openapi_extra=form("files", many=True),
    )
    async def add(request: Request, response: Response, person_id: str, allow: list[str] = allowed) -> dict:
        person = await work.do(partial(_found, work, person_id))
        results = await enrolled(request, person.name, allow)
        response.status_code = 201 if any(result["enrolled"] for result in results) else 422
        return {"person": _row(await work.do(partial(_found, work, person_id))), "photos": results}

    @routes.delete("/people/{person_id}", status_code=204, summary="Delete somebody with all samples")
    def remove(person_id: str) -> None:
        work.gallery.delete_person(_found(work, person_id).person_id)

    @routes.delete("/people/{person_id}/samples/{sample_id}", status_code=204, summary="Delete one sample")
    def remove_sample(person_id: str, sample_id: int) -> None:
        person = _found(work, person_id)
        if all(entry.sample_id != sample_id for entry in work.gallery.samples(person.person_id)):
            raise UploadError(404, f"{person.name} has no sample {sample_id}.")
        work.gallery.delete_sample(sample_id)

    return routes


def _found(work: Work, person_id: str) -> Person:
    with suppress(NoSuchPersonError):
        if (person := work.gallery.person(person_id)).person_id == person_id:  # not a name that is the same
            return person
    raise NoSuchPersonError(f"Nobody in the gallery has the id {person_id:.40}. GET /v1/people names everybody.")


def _row(person: Person) -> dict:
    return {
        "id": person.person_id,
        "name": person.name,
        "samples": person.num_samples,
        "created": person.created,
        "searched": person.is_searched,
    }
