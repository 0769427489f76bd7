"""A gallery, in a file or on a server: people whose names, sources and templates are encrypted."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kerasface.gallery import thumbnails
from kerasface.gallery.changes.merging import merge, unmerge
from kerasface.gallery.changes.reembedding import reembed, undo
from kerasface.gallery.changes.transfer import import_gallery
from kerasface.gallery.checks import checked_embeddings, checked_name, checked_refusal, details_of
from kerasface.gallery.connections import Connection
from kerasface.gallery.reading import ReadableGallery
from kerasface.gallery.refusals import accept_refusals, add_refusal, delete_refusals, same_refusals
from kerasface.gallery.rows import sample_ids_of
from kerasface.gallery.sealing.acceptance import put_right
from kerasface.gallery.store import (
    Consent,
    GalleryError,
    NewSample,
    Person,
    Sample,
)


class Gallery(ReadableGallery):
    """A gallery that can be changed. `opening.open_gallery` makes or opens it, and says what each argument is.

    Threads and processes may use one gallery at once. Threads that share this object take turns; a process opens its
    own, also after a fork. A method that changes the gallery returns when the change is durable, and changes nothing if
    it raises; one that has to do with files raises errors of the family of `GalleryError`. Where a `person_id` is
    wanted, the person's name does as well.

    Attributes:
        path: Its file, or its address.
        embedder: Fingerprint of the embedder of its templates.
        embedding_dim: Length of an embedding.
    """

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Makes all changes inside a `with` statement one: durable together at its end, or undone together.

        Many changes are faster this way. Whoever else wants to write waits meanwhile.
        """
        with self._database.write() as connection:
            self._check_embedder(connection)
            yield connection

    def enroll(self, name: str, samples: Sequence[NewSample], *, consent: Consent | None = None) -> Person:
        """Adds samples to the person of this name, who is made if there is none.

        Args:
            name: Letter case counts, spaces around it do not.
            samples: The faces; none makes a person of whom only the name and the consent are known.
            consent: Recorded in place of an earlier one, which stays if this is not given.

        Raises:
            GalleryError: If the person's consent has expired and no new one is given.
            ValueError: If the name or a sample is malformed.
        """
        name, details = checked_name(name), [details_of(sample) for sample in samples]
        embeddings = checked_embeddings([sample.embedding for sample in samples], len(samples), self.embedding_dim)
        with self.transaction() as connection:
            number = self._rows.named(connection, name)
            if number is None:
                number = self._rows.add_person(connection, name, consent)
            elif consent is not None:
                self.set_consent(name, consent)
            if not (person := self._rows.person(connection, number)).is_searched:
                raise GalleryError(
                    f"The consent of {name!r} expired, or was altered without the key: no sample can be added. "
                    "Record a new consent with it. "
                    f"Received: consent={consent}; recorded: {person.consent}."
                )
            if not thumbnails.are_kept(connection, self._rows):
                details = [{key: value for key, value in one.items() if key != "thumbnail"} for one in details]
            change = self._rows.record(connection, "enroll", number, f"{_counted(samples)} of {name!r}")
            self._rows.add_samples(connection, number, change, zip(embeddings, details, strict=True))
            return self._rows.person(connection, number)

    def rename(self, person_id: str, name: str) -> Person:
        """Gives a person another name.

        Raises:
            NameTakenError: If somebody else has it.
            ValueError: If it is malformed.
        """
        name = checked_name(name)
        with self.transaction() as connection:
            number = self._rows.number(connection, person_id)
            self._rows.refuse_taken(connection, name, but=number)
            person = self._rows.person(connection, number)
            self._rows.update_person(connection, number, name, person.consent)
            self._rows.record(connection, "rename", number, f"from {person.name!r} to {name!r}")
            return self._rows.person(connection, number)

    def set_consent(self, person_id: str, consent: Consent | None) -> Person:
        """Records a person's consent in place of the earlier one; `None` records that there is none.

        A person that somebody without the key has altered is taken as it is from then on.
        """
        with self.transaction() as connection:
            number = self._rows.number(connection, person_id)
            accept_refusals(connection, self._rows, number)
            self._database.manifest.accept_person(connection, number)
            self._rows.update_person(connection, number, self._rows.person(connection, number).name, consent)
            self._rows.record_consent(connection, number, consent)
            return self._rows.person(connection, number)

    def merge(self, into_id: str, other_id: str) -> Person:
        """Makes two persons one: all that is the other's becomes the first one's, whose name and consent stay.

        If the first one has no consent, the other's becomes its own. `unmerge` takes it back.
        """
        with self.transaction() as connection:
            into, other = self._rows.number(connection, into_id), self._rows.number(connection, other_id)
            if into == other:
                raise GalleryError(f"Two different persons can be merged. Received: {into_id!r} and {other_id!r}.")
            merge(connection, self._rows, into, other)
            return self._rows.person(connection, into)

    def unmerge(self, person_id: str, merge: int | None = None) -> Person:
        """Undoes a merge: the one who became part of a person is a person again, and both are as they were before.

        Id, name, samples, refusals, consent and history come back. What was changed since stays changed: samples that
        were added stay where they are, deleted or split ones are not brought back, a consent that was recorded since
        stays with the person, and one that was ended is ended for both.

        Args:
            person_id: Who has the other.
            merge: Number of the merge, as `merges` gives it; the latest if not given.

        Returns:
            The person who is there again.

        Raises:
            GalleryError: If there is no such merge.
            NameTakenError: If somebody has the name by now.
        """
        with self.transaction() as connection:
            number = unmerge(connection, self._rows, self._rows.number(connection, person_id), merge)
            return self._rows.person(connection, number)

    def split(self, person_id: str, sample_ids: Sequence[int], name: str) -> Person:
        """Makes a new person out of some samples of another one, and returns it.

        The new one has the consent under which the samples were enrolled. What was refused for the old one stays there.

        Raises:
            NameTakenError: If somebody has the name.
            GalleryError: If a sample is not that person's, or none would be left.
        """
        name, wanted = checked_name(name), sorted({int(sample_id) for sample_id in sample_ids})
        with self.transaction() as connection:
            old = self._rows.number(connection, person_id)
            self._rows.refuse_taken(connection, name)
            present = sample_ids_of(connection, old)
            if not wanted or not set(wanted) < set(present):
                raise GalleryError(
                    "Some of a person's samples, but not all, can become another person. "
                    f"Received: sample_ids={wanted}; the person has {present}."
                )
            new = self._rows.add_person(connection, name, self._rows.person(connection, old).consent)
            self._rows.record(connection, "split", old, f"{_counted(wanted)} became another person")
            change = self._rows.record(connection, "split", new, f"{_counted(wanted)} became {name!r}")
            self._rows.move_samples(connection, wanted, old, new, change)
            return self._rows.person(connection, new)

    def delete_person(self, person_id: str) -> None:
        """Forgets a person: name, templates, sources, refusals, and what the history says of it.

        When this returns, the gallery's files or tables hold nothing of it any more, not even encrypted. Backups,
        exports, the spare blocks of the disk, and of a server what `what_stays` names are beyond its reach. Takes as
        long as rewriting all of it. All photos that were remembered are forgotten too: the person is on some of them,
        and no name says on which.

        Raises:
            GalleryBusyError: If the person was deleted, but another process reads an old state for so long that the
                encrypted traces must wait for the next deletion or opening; the message says so.
        """
        with self.transaction() as connection:
            number = self._rows.number(connection, person_id)
            self.seen.forget()
            change = self._rows.record(connection, "delete_person", None, "")
            self._rows.delete_samples(connection, "person", number, change)
            for table in ("refusals", "merges"):
                connection.execute(f"DELETE FROM {table} WHERE person = ?", (number,))
            connection.execute("UPDATE changes SET person = NULL, sealed = NULL WHERE person = ?", (number,))
            connection.execute("DELETE FROM persons WHERE person = ?", (number,))
            self._database.leave_no_traces()

    def delete_sample(self, sample_id: int) -> None:
        """Forgets a sample and what is remembered of its photo, as thoroughly as `delete_person`; the person stays."""
        with self.transaction() as connection:
            row = connection.execute("SELECT person FROM samples WHERE sample_id = ?", (sample_id,)).fetchone()
            if row is None:
                raise GalleryError(f"There is no such sample in the gallery. Received: sample_id={sample_id}.")
            for sample in self._rows.samples(connection, "sample_id", sample_id):
                self.seen.forget_photo(sample.source_hash)
            change = self._rows.record(connection, "delete_sample", row[0], f"sample {sample_id}")
            self._rows.delete_samples(connection, "sample_id", sample_id, change)
            self._database.leave_no_traces()

    def refuse_match(self, source_hash: str, box: Sequence[float], person_id: str) -> None:
        """Records "not this person" for a face; recording it again changes nothing.

        Args:
            source_hash: SHA-256 of the photo's file.
            box: x, y, width and height of the face, in pixels of the photo.
            person_id: Who it is not.
        """
        refusal = checked_refusal(source_hash, box, person_id)
        with self.transaction() as connection:
            number = self._rows.number(connection, person_id)
            if not same_refusals(connection, self._rows, number, refusal):
                self._rows.record(connection, "refuse_match", number, f"a face of the file {source_hash}")
                add_refusal(connection, self._rows, number, refusal)

    def lift_refusal(self, source_hash: str, box: Sequence[float], person_id: str) -> None:
        """Takes back what `refuse_match` recorded with the same arguments.

        Raises:
            GalleryError: If it recorded nothing with them.
        """
        refusal = checked_refusal(source_hash, box, person_id)
        with self.transaction() as connection:
            number = self._rows.number(connection, person_id)
            if not (same := same_refusals(connection, self._rows, number, refusal)):
                raise GalleryError(f"No such face was refused for this person. Received: {refusal}.")
            self._rows.record(connection, "lift_refusal", number, f"a face of the file {source_hash}")
            delete_refusals(connection, self._rows, number, same)

    def accept(self) -> None:
        """Takes the file as it is now for what it should be: all rows that there are and no others, and the latest.

        For an older copy that you put back yourself, and after damage that nothing undoes; look at `check` before, as
        what others deleted or put back without the key is believed from then on. A row that does not open stays.
        """
        with self._database.write(even_older=True) as connection:
            self._check_embedder(connection)
            put_right(connection, self._rows, self._rows.record(connection, "accept", None, "the file as it was found"))
            self._database.accept_as_latest()

    def turn_unlock(self) -> int:
        """Counts a change of the file that counts attempts to unlock, and returns the new number; see `unlock_turn`."""
        with self.transaction() as connection:
            self._database.manifest.finish(connection)
            return self._database.manifest.turn_unlock(connection)

    def keep_thumbnails(self) -> None:
        """Lets samples that are enrolled from now on keep small pictures of their faces; off unless it is called.

        Whoever gets hold of the file and of its key sees everybody in it then.
        """
        with self.transaction() as connection:
            thumbnails.keep(connection, self._rows)

    def add_thumbnails(self, pictures: Mapping[int, bytes]) -> int:
        """Gives samples, by their ids, small pictures of their faces, JPEG, where such are kept; returns to how many.

        Raises:
            ValueError: If one is no JPEG, or too large.
        """
        with self.transaction() as connection:
            return thumbnails.add(connection, self._rows, pictures)

    def drop_thumbnails(self) -> int:
        """Forgets all pictures of faces, as thoroughly as `delete_person`, and keeps none any more.

        Returns:
            How many there were.
        """
        with self.transaction() as connection:
            count = thumbnails.drop(connection, self._rows)
            self._database.leave_no_traces()
        return count

    def forget_own_points(self) -> None:
        """Drops the thresholds of one's own, also altered ones: those that ship decide again."""
        with self.transaction() as connection:
            self._rows.keep_own_points(connection, None, "the thresholds that ship decide again")

    def keep_own_points(self, record: dict, detail: str) -> None:
        """Keeps thresholds of one's own in place of earlier ones.

        Args:
            record: JSON-ready: `faces.own_points.OwnPoints.to_dict`.
            detail: What the history says of it.
        """
        with self.transaction() as connection:
            self._rows.keep_own_points(connection, record, detail)

    def import_(self, path: str | os.PathLike, *, passphrase: str | None = None, merge: bool = False) -> int:
        """Adds everybody of an exported file, or nobody if that fails; see `transfer`."""
        return import_gallery(self, Path(path), passphrase, merge)

    def reembed(
        self,
        embedder: str,
        embedding_dim: int,
        embeddings_of: Callable[[list[Sample]], np.ndarray],
        *,
        left_out: Collection[int] = (),
        batch_size: int = 64,
    ) -> None:
        """Replaces all templates by those of another embedder, all at once or none.

        Others may use the gallery while embeddings are computed; afterwards those who opened it with the old embedder
        get an `OtherEmbedderError`. A copy from before lies next to the gallery, sealed with the same key, until
        something is deleted: `undo_reembed` takes everything back by it. Photos that were remembered are forgotten.

        Args:
            embedder: Fingerprint of the new embedder.
            embedding_dim: Length of its embeddings.
            embeddings_of: Called with samples, `batch_size` at most; returns their embeddings, of length 1, shape
                `(num_samples, embedding_dim)`. An error that leaves it ends the re-embedding.
            left_out: Samples that no embedding can be made of; they are deleted.
            batch_size: Samples per call.
        """
        self._rows = reembed(
            self._database, self._rows, self.transaction, embedder, embedding_dim, embeddings_of, left_out, batch_size
        )
        self.seen.forget()

    def undo_reembed(self) -> None:
        """Takes the last re-embedding back: the samples that it left out, too.

        Raises:
            GalleryError: If no copy from before is there, or the gallery was changed since; nothing is changed then.
        """
        self._rows = undo(self._database, self._rows, self.transaction)


def _counted(samples: Sequence) -> str:
    return "1 sample" if len(samples) == 1 else f"{len(samples)} samples"
