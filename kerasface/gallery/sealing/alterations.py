"""What the file says of a person, against what is sealed of the person."""

from collections.abc import Iterator

from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.sealing.manifest import Sum, sum_of
from kerasface.gallery.store import Consent
from kerasface.terminal.words import counted


def alterations(
    keys: GalleryKeys, row: tuple, record: dict, consent: Consent | None, wanted: dict[str, Sum]
) -> Iterator[str]:
    """Gives what the file says of a person and its record does not.

    Args:
        keys: The gallery's.
        row: What `rows.PERSONS` selects.
        record: What is sealed.
        consent: The one in the record.
        wanted: The person's manifest.
    """
    number, person_id, tag, expires, sealed, num_samples, refusals, _ = row
    is_told = False
    for is_altered, sentence in (
        (tag != keys.tag("name", record["name"]), "The person of row {} is not found by its name."),
        (person_id != record.get("person_id"), "The id of the person of row {} was altered."),
        (expires != (consent and consent.expiry), "The end of the consent of the person of row {} was altered."),
        (
            sorted(map(int, refusals.split(",") if refusals else ())) != record.get("refusals"),
            'What is "not this person" was altered of the person of row {}.',
        ),
    ):
        if is_altered:
            is_told = True
            yield sentence.format(number)
    found = sum_of(keys, "persons", [(number, person_id, tag, expires, sealed[-16:])])
    if found != wanted["persons"] and not is_told:
        yield f"The person of row {number} is not as it was last: an older record was put back."
    if num_samples != wanted["samples"][0]:
        yield (
            f"The person of row {number} should have {counted(wanted['samples'][0], 'sample')}, and has {num_samples}."
        )
