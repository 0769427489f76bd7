"""Several users edit the same persons: an edit goes through only if nobody changed the person since it was looked at.

The gallery itself never loses an acknowledged change. But two people who look at one person and then decide, one of
them on a state that is gone, overwrite each other all the same; numbers of changes tell.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasface.gallery.store import GalleryError, NoSuchPersonError

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery


class ChangedMeanwhileError(GalleryError):
    """Somebody else changed or deleted what an edit was decided on; of the edit nothing was done."""


@dataclass(frozen=True)
class LastChange:
    """The latest change of a person.

    Attributes:
        number: Rises with every change of the gallery.
        time: ISO 8601 in UTC.
    """

    number: int
    time: str


def last_changes(gallery: "Gallery") -> dict[str, LastChange]:
    """Returns the latest change of everybody in a gallery, by `person_id`; nothing is decrypted for it.

    Example:
        ```python
        seen = last_changes(gallery)[person_id].number
        ...  # somebody looks at the person, and decides
        with unchanged_since(gallery, {person_id: seen}):
            gallery.rename(person_id, "Ada")
        ```
    """
    with gallery.snapshot() as connection:
        rows = connection.execute(
            """SELECT p.person_id, c.number, c.time FROM persons AS p JOIN changes AS c ON c.number =
            (SELECT max(d.number) FROM changes AS d WHERE d.person = p.person)"""
        ).fetchall()
    return {person_id: LastChange(number, time) for person_id, number, time in rows}


@contextmanager
def unchanged_since(gallery: "Gallery", seen: Mapping[str, int]) -> Iterator[None]:
    """Makes all changes inside a `with` statement one, if persons are still what they were.

    Args:
        gallery: The gallery.
        seen: `person_id` to the number of the person's latest change when it was looked at.

    Raises:
        ChangedMeanwhileError: If one of them has been changed or deleted since then; the message tells what was done.
    """
    with gallery.transaction():
        latest = last_changes(gallery)
        for person_id, number in seen.items():
            try:
                name = gallery.person(person_id).name
            except NoSuchPersonError as error:
                raise ChangedMeanwhileError(
                    "Somebody else has deleted this person, or merged it into another one, since you opened it; "
                    f"nothing of your change was made. Received: {person_id}. Go back to the people there are."
                ) from error
            if latest[person_id].number != number:
                raise ChangedMeanwhileError(
                    f"Somebody else has changed {name!r} since you opened it ({_told(gallery, person_id, number)}); "
                    f"nothing of your change was made. Received: change {number}, the latest is "
                    f"{latest[person_id].number}. Look at what is there now, and decide again."
                )
        yield


def _told(gallery: "Gallery", person_id: str, number: int) -> str:
    """What has been done with a person since a change, oldest first."""
    since = [change for change in gallery.history() if change.person_id == person_id and change.number > number]
    return "; ".join(f"{change.action} {change.detail}".strip() for change in reversed(since))
