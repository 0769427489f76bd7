"""What may happen to a gallery's file: kills, other writers, full disks, damage, wrong keys, thorough forgetting."""

import importlib.util
import multiprocessing
import os
import sqlite3
import stat
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kerasface.gallery.sqlite import schema
from kerasface.gallery.sqlite.database import locked
from kerasface.gallery.store import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryFileError,
    GalleryKeyError,
    NotAGalleryError,
    OtherEmbedderError,
)

ROOT = Path(__file__).resolve().parent.parent.parent
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None
needs_unix = pytest.mark.skipif(FORK is None, reason="needs fork, permission bits and resource limits of Unix")
# Later Pythons warn of it where other threads are about; the child here uses none of what they hold.
quiet_fork = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture
def kind():
    """These are of files alone; those of servers are in `postgres/`."""
    return "sqlite"


@pytest.fixture
def ada(gallery, new_sample):
    return gallery.enroll("Ada", [new_sample("ada/1.jpg"), new_sample("ada/2.jpg")])


def all_bytes(path):
    """The bytes of every file in the gallery's folder."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def stored(path, query):
    """What a query finds in the file, past KerasFace."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def alter(path, statement, *values):
    """Changes the file, past KerasFace."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def outcome_of(action):
    """Runs an action in a child process; returns its result, or the name and text of its error."""
    reader, writer = FORK.Pipe(duplex=False)

    def child():
        try:
            writer.send(action())
        except Exception as error:
            writer.send((type(error).__name__, str(error)))

    process = FORK.Process(target=child)
    process.start()
    result = reader.recv() if reader.poll(60) else None
    process.join(60)
    return result


def test_names_sources_and_templates_are_not_readable(gallery, ada, path, new_sample):
    gallery.refuse_match("0" * 64, (1, 2, 3, 4), "Ada")
    gallery.close()
    content = all_bytes(path)
    made = new_sample("ada/1.jpg")
    for secret in (b"Ada", b"ada/1", made.embedding.tobytes(), made.source_hash.encode(), b"0" * 64):
        assert secret not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def traces_of(path):
    """Everything that the file holds of its persons, sealed as it is, and the ids."""
    queries = ("SELECT template, sealed, source_tag FROM samples", "SELECT sealed, name_tag, person_id FROM persons",
               "SELECT sealed FROM changes", "SELECT sealed FROM refusals", "SELECT sealed FROM merges")  # fmt: skip
    cells = [cell for query in queries for row in stored(path, query) for cell in row]
    return [cell.encode() if isinstance(cell, str) else cell for cell in cells]


def test_a_deleted_person_is_in_no_file_of_the_gallery(gallery, ada, path, new_sample):
    """Not even encrypted: not the vectors, not the names of old, nor what moved with merges."""
    gallery.enroll("Bob", [new_sample(f"bob/{number}") for number in range(30)])
    gallery.refuse_match("0" * 64, (1, 2, 3, 4), "Bob")
    old = traces_of(path)
    gallery.rename("Bob", "Robert")
    gallery.merge("Ada", "Robert")
    path.with_name("friends.before-reembed").write_bytes(path.read_bytes())
    secrets = [*old, *traces_of(path)]
    assert sum(secret in all_bytes(path) for secret in secrets) > 100
    gallery.delete_person("Ada")
    content = all_bytes(path)
    assert [secret for secret in secrets if secret in content] == []
    assert gallery.check() == []


def test_only_the_deleted_one_is_gone_and_no_space_is_left_empty(gallery, ada, path, new_sample):
    gallery.enroll("Ada", [new_sample(f"ada/{number}") for number in range(99)])
    bob = gallery.enroll("Bob", [new_sample(f"bob/{number}") for number in range(30)])
    embeddings = gallery.embeddings("Bob")
    gallery.delete_person("Ada")
    assert stored(path, "PRAGMA freelist_count") == [(0,)]
    assert gallery.people() == [bob]
    np.testing.assert_array_equal(gallery.embeddings("Bob"), embeddings)


def test_a_deleted_sample_is_in_no_file_of_the_gallery(gallery, ada, path):
    first, second = gallery.samples("Ada")
    rows = dict(stored(path, "SELECT sample_id, template FROM samples"))
    assert all(template in all_bytes(path) for template in rows.values())
    gallery.delete_sample(first.sample_id)
    assert rows[first.sample_id] not in all_bytes(path)
    assert rows[second.sample_id] in all_bytes(path)
    assert gallery.samples("Ada") == [second]
    with pytest.raises(GalleryError, match="no such sample"):
        gallery.delete_sample(first.sample_id)


def test_traces_that_a_reader_holds_back_go_later(gallery, ada, path, open_at):
    (template,) = stored(path, "SELECT template FROM samples LIMIT 1")[0]
    brief = open_at(path, timeout=0.2)
    with gallery.snapshot():
        gallery.people()
        with pytest.raises(GalleryBusyError, match="What was asked is done, but what was deleted may still be"):
            brief.delete_person("Ada")
    assert brief.people() == []
    assert template in all_bytes(path)
    assert "Traces" in brief.check()[0]
    open_at(path)
    assert template not in all_bytes(path)
    assert brief.check() == []


def test_the_check_waits_for_who_is_just_removing_traces(gallery, ada, path, open_at):
    """A deletion is seen between its commit and its end: no problem, if it comes to its end."""
    other = open_at(path)
    seen = []
    scrub = other._database._scrub

    def slow():
        checking.start()
        time.sleep(0.2)
        scrub()

    other._database._scrub = slow
    checking = threading.Thread(target=lambda: seen.append(gallery.check()))
    other.delete_sample(gallery.samples("Ada")[0].sample_id)
    checking.join()
    assert seen == [[]]


def test_another_embedder_is_refused_with_both_named(gallery, open_at, path):
    with pytest.raises(OtherEmbedderError, match=r"Received: embedder-b \(16 numbers\); the gallery has embedder-a"):
        open_at(path, embedder="embedder-b")
    with pytest.raises(OtherEmbedderError, match=r"embedder-a \(8 numbers\)"):
        open_at(path, embedding_dim=8)


def test_a_wrong_key_is_recognised_at_once(gallery, ada, open_at, path):
    gallery.close()
    before = path.read_bytes()
    with pytest.raises(GalleryKeyError, match="not the one that the gallery"):
        open_at(path, key=b"w" * 32)
    assert path.read_bytes() == before


def test_a_missing_key_makes_no_new_one(gallery, open_at, path, tmp_path):
    with pytest.raises(GalleryKeyError, match="does not exist"):
        open_at(path, key=None)
    assert not (tmp_path / "config").exists()


def test_the_users_key_is_made_with_the_first_gallery(open_at, tmp_path, new_sample):
    open_at(tmp_path / "first", key=None).enroll("Ada", [new_sample("1")])
    open_at(tmp_path / "second", key=None)
    assert open_at(tmp_path / "first", key=None, create=False).person("Ada").num_samples == 1


def test_no_gallery_is_made_where_none_is_wanted(open_at, path):
    with pytest.raises(GalleryError, match="There is no gallery"):
        open_at(path, create=False)
    assert not path.parent.exists()


def foreign_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE samples (a)")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"SQLite format 3\0"),
        lambda path: path.write_bytes(b"a letter to somebody" * 99),
        foreign_database,
        lambda path: path.mkdir(),
    ],
    ids=["empty", "cut", "text", "other database", "folder"],
)
def test_what_is_no_gallery_is_not_touched(open_at, tmp_path, make):
    path = tmp_path / "file"
    make(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(GalleryFileError if before is None else NotAGalleryError, match=str(path)):
        open_at(path)
    assert before is None or path.read_bytes() == before


def test_a_later_schema_is_refused_and_an_earlier_one_brought_up_to_date(gallery, ada, open_at, path, monkeypatch):
    gallery.close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE novelty (a) STRICT",)))
        with pytest.raises(GalleryError):
            open_at(path)  # the statement is wrong: STRICT columns have a type
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], ("CREATE TABLE novelty (a TEXT) STRICT",)))
        later = open_at(path)
        assert (later.people(), later.check()) == ([ada], [])
        later.close()
    latest = len(schema.MIGRATIONS)
    assert stored(path, "PRAGMA user_version") == [(latest + 1,)]
    with pytest.raises(
        NotAGalleryError, match=rf"Received: schema version {latest + 1}; this one reads up to {latest}\. Upgrade"
    ):
        open_at(path)


def test_a_log_without_its_gallery_is_not_taken_for_a_new_one(gallery, ada, open_at, path):
    log = path.with_name("friends-wal")
    content = log.read_bytes()
    gallery.close()
    path.unlink()
    log.write_bytes(content)
    with pytest.raises(GalleryDamagedError, match="Put the gallery back beside it"):
        open_at(path)
    assert (log.read_bytes(), path.exists()) == (content, False)


def test_a_killed_creation_is_done_anew(open_at, path):
    path.parent.mkdir()
    path.with_name(".friends.new").write_bytes(b"half")
    assert open_at(path).people() == []
    assert not path.with_name(".friends.new").exists()


def test_a_restored_copy_is_written_as_durably(gallery, ada, open_at, path):
    gallery._database.write_copy()
    restored = open_at(path.with_name("friends.before-reembed"), create=False)
    restored.rename("Ada", "Eve")
    assert stored(restored.path, "PRAGMA journal_mode") == [("wal",)]


def test_who_waits_too_long_is_told_so(open_at, path, gallery, ada):
    brief = open_at(path, timeout=0.1)
    started = time.monotonic()
    with locked(path, 1), pytest.raises(GalleryBusyError, match=r"for more than 0\.1 s"):
        brief.rename("Ada", "Eve")
    assert time.monotonic() - started >= 0.1
    assert brief.people() == [ada]
    assert brief.rename("Ada", "Eve").name == "Eve"


def test_a_foreign_writer_is_waited_for_and_named(open_at, path, gallery, ada):
    brief = open_at(path, timeout=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryBusyError, match="in use by another process"):
            brief.rename("Ada", "Eve")
        foreign.execute("ROLLBACK")
    assert brief.rename("Ada", "Eve").name == "Eve"


def test_links_to_one_gallery_share_its_lock(open_at, path, gallery, tmp_path):
    (tmp_path / "link").symlink_to(path)
    assert open_at(tmp_path / "link").path == path


@needs_unix
@quiet_fork
def test_a_read_only_file_can_be_read_and_says_why_it_cannot_be_written(gallery, ada, open_at, path, tmp_path):
    gallery.close()
    path.chmod(0o444)
    path.parent.chmod(0o777)
    path.with_name("friends-lock").unlink()
    before = path.read_bytes()
    assert outcome_of(lambda: as_nobody(tmp_path, lambda: open_at(path).people())) == [ada]
    kind, text = outcome_of(lambda: as_nobody(tmp_path, lambda: open_at(path).rename("Ada", "Eve")))
    assert (kind, "read-only" in text) == ("GalleryFileError", True)
    assert path.read_bytes() == before


@needs_unix
@quiet_fork
def test_a_read_only_folder_is_named(gallery, ada, open_at, path, tmp_path):
    gallery.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    before = path.read_bytes()
    kind, text = outcome_of(lambda: as_nobody(tmp_path, lambda: open_at(path)))
    assert (kind, "read-only" in text or "folder writable" in text) == ("GalleryFileError", True)
    kind, text = outcome_of(lambda: as_nobody(tmp_path, lambda: open_at(path.with_name("new"))))
    assert (kind, "writable" in text) == ("GalleryFileError", True)
    assert path.read_bytes() == before
    path.parent.chmod(0o755)


def as_nobody(folder, action):
    """Does something, in a child process, as a user to whom permissions apply: they do not to root."""
    if os.geteuid() == 0:
        for parent in [folder, *folder.parents][: len(folder.parts) - len(Path("/tmp").parts)]:
            parent.chmod(parent.stat().st_mode | 0o755)
        os.setgid(65534)
        os.setuid(65534)
    return action()


@needs_unix
@quiet_fork
def test_a_full_disk_loses_nothing(gallery, ada, open_at, path, new_sample):
    """The log may grow by 64 KiB; 200 samples need more. What is there stays, and the next small change succeeds."""
    many = [new_sample(f"many {number}") for number in range(200)]
    gallery.close()

    def fill():
        import resource  # not on Windows

        full = open_at(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
        errors = []
        for _ in range(2):
            try:
                full.enroll("Many", many)
            except GalleryFileError as error:
                errors.append(str(error))
        small = full.rename("Ada", "Eve")
        return errors, [small] == full.people(), full.check()

    errors, is_whole, problems = outcome_of(fill)
    assert len(errors) == 2
    assert "disk is full" in errors[0]
    assert (is_whole, problems) == (True, [])
    assert [person.name for person in open_at(path).people()] == ["Eve"]


def test_a_gallery_that_may_not_grow_loses_nothing(gallery, ada, new_sample):
    """SQLite's own limit stands in for a disk without space (SQLITE_FULL)."""
    with gallery._database.read() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # not below what the file has
    with pytest.raises(GalleryFileError, match="disk is full"):
        gallery.enroll("Many", [new_sample(f"many {number}") for number in range(200)])
    assert gallery.people() == [ada]
    assert gallery.rename("Ada", "Eve").num_samples == 2
    assert gallery.check() == []


def test_every_corrupted_page_is_noticed(gallery, ada, open_at, path, new_sample):
    """Each page in turn is overwritten in its middle: the check tells, and nothing but errors of the family appears."""
    gallery.enroll("Bob", [new_sample(f"bob/{number}") for number in range(40)])
    gallery.close()
    whole = path.read_bytes()
    (page_size,) = stored(path, "PRAGMA page_size")[0]
    is_noticed = []
    for page in range(1, len(whole) // page_size):
        start = page * page_size
        path.write_bytes(whole[:start] + b"\xa5" * page_size + whole[start + page_size :])
        try:
            with open_at(path) as damaged:
                is_noticed.append(bool(damaged.check()))
        except GalleryError:
            is_noticed.append(True)
    assert len(is_noticed) > 10
    assert all(is_noticed)
    path.write_bytes(whole)
    assert open_at(path).check() == []


def test_an_altered_template_names_its_sample_and_can_be_deleted(gallery, ada, path):
    first, second = gallery.samples("Ada")
    alter(path, "UPDATE samples SET template = zeroblob(92) WHERE sample_id = ?", first.sample_id)
    with pytest.raises(GalleryDamagedError, match=f"sample {first.sample_id} was altered"):
        gallery.templates()
    problems = gallery.check()
    assert any(f"The template of sample {first.sample_id} was altered or destroyed." in problem for problem in problems)
    gallery.delete_sample(first.sample_id)
    gallery.accept()
    assert gallery.check() == []
    assert gallery.templates().sample_ids.tolist() == [second.sample_id]


ALTERATIONS = {
    "templates exchanged": "UPDATE samples SET template = (SELECT s.template FROM samples AS s WHERE s.sample_id <> "
    "samples.sample_id AND s.sample_id < 3)",
    "sample given to another": "UPDATE samples SET person = 2 WHERE sample_id = 1",
    "records exchanged": "UPDATE persons SET sealed = (SELECT p.sealed FROM persons AS p WHERE p.person = 2)",
    "names exchanged": "UPDATE persons SET name_tag = zeroblob(16) WHERE person = 1",
    "consent prolonged": "UPDATE persons SET expires = 1e12 WHERE person = 1",
    "source changed": "UPDATE samples SET source_tag = zeroblob(16) WHERE sample_id = 1",
    "details altered": "UPDATE samples SET sealed = zeroblob(99) WHERE sample_id = 1",
    "history altered": "UPDATE changes SET sealed = zeroblob(99) WHERE number = 1",
    "history cut": "DELETE FROM changes WHERE number = 1",
    "person lost": "DELETE FROM persons WHERE person = 1",
    "refusal altered": "UPDATE refusals SET sealed = zeroblob(99)",
    "refusal moved": "UPDATE refusals SET source_tag = zeroblob(16)",
}  # fmt: skip


@pytest.mark.parametrize("what", ALTERATIONS)
def test_the_check_notices_what_was_altered_past_kerasface(gallery, ada, path, new_sample, what):
    gallery.enroll("Bob", [new_sample("bob")])
    gallery.refuse_match("0" * 64, (1, 2, 3, 4), "Bob")
    assert gallery.check() == []
    alter(path, ALTERATIONS[what])
    assert gallery.check() != []


@pytest.fixture
def benchmark(monkeypatch):
    """`benchmarks/gallery_durability.py` as a module."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("gallery_durability", ROOT / "benchmarks" / "gallery_durability.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("machine", None)


@needs_unix
@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_kills_lose_nothing_that_was_acknowledged(benchmark, tmp_path, kills):
    counts = benchmark.run(tmp_path, kills, seed=0)
    assert counts["kills"] == kills
    assert counts["acknowledged"] > 2 * kills
    assert (counts["lost"], counts["half done"], counts["problems"]) == (0, 0, 0)


def test_the_judge_of_the_kills_sees_losses(benchmark, tmp_path):
    """One of two acknowledged persons is missing, and one has half of its samples."""
    worker = benchmark.Worker(tmp_path, 0, str(tmp_path / "gallery"))
    with worker.log.open("ab", buffering=0) as log:
        for number in (1, 2):
            change = {"number": number, "action": "enroll", "name": f"0/{number}", "num_samples": 2}
            benchmark.append(log, change | {"done": False})
            benchmark.append(log, change | {"done": True})
    assert worker.judge({"0/1": {"0/1/0"}}) == {"acknowledged": 2, "lost": 1, "half done": 1}
