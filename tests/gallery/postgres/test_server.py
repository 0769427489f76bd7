"""What is special to a gallery on a server: what it sees, who may do what, and what becomes of a lost connection."""

import multiprocessing
import re
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from kerasface.gallery.opening import open_gallery, recorded_embedder
from kerasface.gallery.store import (
    Consent,
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryKeyError,
    GalleryServerError,
    NewSample,
    NotAGalleryError,
    OtherEmbedderError,
)

pytest.importorskip("kerasface.gallery.postgres.driver")
from kerasface.gallery.postgres import database, schema
from kerasface.gallery.postgres import server as connecting
from kerasface.gallery.postgres.driver import psycopg

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def kind():
    return "postgres"


@pytest.fixture
def ada(gallery, new_sample):
    return gallery.enroll("Ada Lovelace", [new_sample("ada/portrait-1.jpg"), new_sample("ada/portrait-2.jpg")])


@pytest.fixture
def lost(path):
    """Ends the connection of a gallery, as a server does that is stopped."""

    def end(gallery):
        path.server.execute(f"SELECT pg_terminate_backend({gallery._database._server.raw.info.backend_pid}, 5000)")

    return end


def test_the_server_sees_no_name_no_path_and_no_template(gallery, ada, path, new_sample):
    """Neither in its tables nor in its log, into which it writes every statement with its values, nor in its WAL."""
    gallery.refuse_match("5" * 64, (1, 2, 3, 4), "Ada Lovelace")
    gallery.rename("Ada Lovelace", "Augusta King")
    gallery.person("Augusta King")
    with pytest.raises(GalleryError):
        gallery.person("Charles Babbage")
    gallery.seen.add({"7" * 64: {"path": "secret-photo.jpg"}}, "eyes")
    gallery.templates()
    path.server.execute("CHECKPOINT")
    content = b"".join(file.read_bytes() for file in sorted(path.server.data.rglob("*")) if file.is_file())
    content += path.server.log.read_bytes()
    assert path.name.encode() in path.server.log.read_bytes()  # it does write
    made = new_sample("ada/portrait-1.jpg")
    secrets = [b"Lovelace", b"Augusta", b"Babbage", b"portrait-1", b"secret-photo", b"5" * 64, b"7" * 64]
    secrets += [made.source_hash.encode(), made.embedding.tobytes()]
    secrets += [secret.hex().encode() for secret in secrets]
    assert [secret for secret in secrets if secret in content] == []


@pytest.mark.parametrize("how", [database.TAKE_TURN, "SELECT nextval('numbers_of_a_sequence')"])
def test_numbers_become_visible_in_the_order_in_which_they_were_given(gallery, path, how):
    """Of a sequence who follows may see number 2 before number 1 comes; the lock of the row keeps that from being."""
    connect = dict(host=str(path.server.folder), user="postgres", dbname="postgres")
    with psycopg.connect(**connect, autocommit=True) as follower:
        follower.execute(f"SET search_path = {path.name}")
        follower.execute("CREATE SEQUENCE numbers_of_a_sequence")
        follower.execute("CREATE TABLE noted (number bigint)")
        first = psycopg.connect(**connect)
        first.execute(f"SET search_path = {path.name}")
        (number,) = first.execute(how).fetchone()
        first.execute("INSERT INTO noted VALUES (%s)", (number,))

        def second():
            with psycopg.connect(**connect) as other:
                other.execute(f"SET search_path = {path.name}")
                (later,) = other.execute(how).fetchone()
                other.execute("INSERT INTO noted VALUES (%s)", (later,))

        thread = threading.Thread(target=second)
        thread.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE gallery%'"
        )
        while thread.is_alive() and not follower.execute(waiting).fetchone()[0]:
            time.sleep(0.01)
        seen = [number for (number,) in follower.execute("SELECT number FROM noted")]
        first.commit()
        first.close()
        thread.join()
        late = follower.execute("SELECT number FROM noted WHERE number > %s", (max(seen, default=0),)).fetchall()
    is_complete = len(seen) + len(late) == 2
    assert is_complete == (how == database.TAKE_TURN)


def _enroll_many(address, writer, count):
    from tests.gallery.conftest import EMBEDDING_DIM, sample_of

    with open_gallery(address, embedder="embedder-a", embedding_dim=EMBEDDING_DIM, key=b"k" * 32) as gallery:
        for number in range(count):
            gallery.enroll(f"person {number % 5}", [sample_of(f"{writer} {number}")])


def test_whoever_follows_sees_every_change_of_several_writers(gallery, path):
    writers = [SPAWN.Process(target=_enroll_many, args=(str(path), writer, 25)) for writer in range(3)]
    for writer in writers:
        writer.start()
    followed, version = set(), 0
    with gallery.following() as wait:
        while len(followed) < 75 and wait(version, 60):
            templates = gallery.templates(version)
            followed |= set(templates.sample_ids.tolist())
            version = templates.version
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert followed == set(gallery.templates().sample_ids.tolist()) == set(range(1, 76))
    assert gallery.check() == []


def test_who_waits_catches_up_after_the_connection_was_lost(gallery, ada, open_at, path, new_sample):
    other, version = open_at(path), gallery.version

    def lose_and_change():
        path.server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
            f"AND query LIKE '%{path.name}%'"
        )
        other.enroll("Bob", [new_sample("bob")])

    with gallery.following() as wait:
        timer = threading.Timer(0.2, lose_and_change)
        timer.start()
        assert wait(version, 60)
        timer.join()
        assert [person.name for person in gallery.people()] == ["Ada Lovelace", "Bob"]
        assert not wait(gallery.version, 0.05)
        other.enroll("Cy", [new_sample("cy")])
        assert wait(version + 1, 60)


def test_a_connection_that_was_lost_between_two_changes_is_made_anew(gallery, ada, lost, new_sample):
    lost(gallery)
    assert gallery.people() == [ada]
    lost(gallery)
    assert gallery.enroll("Bob", [new_sample("bob")]).num_samples == 1
    lost(gallery)
    assert (gallery.seen.count(), gallery.check()) == (0, [])


def test_a_connection_that_is_lost_within_a_change_leaves_nothing_of_it(gallery, ada, lost, new_sample):
    def enroll_and_lose():
        with gallery.transaction():
            gallery.enroll("Bob", [new_sample("bob")])
            lost(gallery)
            gallery.enroll("Cy", [new_sample("cy")])

    with pytest.raises(GalleryServerError, match=r"was lost"):
        enroll_and_lose()
    assert gallery.people() == [ada]
    assert gallery.enroll("Bob", [new_sample("bob")]).num_samples == 1
    assert gallery.check() == []


@pytest.mark.parametrize("is_done", [True, False])
def test_of_a_commit_that_nobody_confirmed_it_is_found_out_whether_it_was_made(
    gallery, ada, lost, new_sample, monkeypatch, is_done
):
    """The connection ends right after the server has committed, or right before."""
    from kerasface.gallery.database import Database

    commit = Database._commit

    def lose(self):
        if is_done:
            commit(self)
            self._server.raw.execute("BEGIN")
        lost(gallery)
        commit(self)

    monkeypatch.setattr(Database, "_commit", lose)
    if is_done:
        gallery.enroll("Bob", [new_sample("bob")])
    else:
        with pytest.raises(GalleryServerError, match="was lost"):
            gallery.enroll("Bob", [new_sample("bob")])
    monkeypatch.undo()
    assert [person.name for person in gallery.people()] == ["Ada Lovelace", "Bob"][: 1 + is_done]
    assert gallery.check() == []


def test_of_a_commit_that_the_server_is_still_at_the_end_is_waited_for(gallery, ada, new_sample, monkeypatch):
    """The way to the server is lost before the answer, and the server takes its time."""
    from kerasface.gallery.database import Database

    def lose_the_way(self):
        old, self._server.raw.close = self._server.raw, lambda: None
        timer = threading.Timer(0.3, lambda: (old.execute("COMMIT"), type(old).close(old)))
        self._server.raw = psycopg.connect(old.info.dsn, autocommit=True)
        self._server.raw.close()
        timer.start()
        raise psycopg.OperationalError("the way is lost")

    monkeypatch.setattr(Database, "_commit", lose_the_way)
    gallery.enroll("Bob", [new_sample("bob")])
    monkeypatch.undo()
    assert [person.name for person in gallery.people()] == ["Ada Lovelace", "Bob"]
    assert gallery.check() == []


def test_who_waits_too_long_is_told_so(gallery, ada, open_at, path):
    brief = open_at(path, timeout=0.1)
    with gallery.transaction(), pytest.raises(GalleryBusyError, match=r"for more than 0\.1 s"):
        brief.rename("Ada Lovelace", "Eve")
    assert brief.rename("Ada Lovelace", "Eve").name == "Eve"


def test_a_gallery_is_made_with_the_first_change_and_not_before(open_at, path, new_sample):
    first, second = open_at(path, create="late"), open_at(path, create="late")
    assert (first.people(), first.version, first.seen.count(), recorded_embedder(path)) == ([], 0, 0, None)
    with pytest.raises(GalleryError):
        first.delete_person("Ada")

    def enroll_and_fail():
        with first.transaction():
            first.enroll("Ada", [new_sample("1")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enroll_and_fail()
    assert not path.exists()
    first.enroll("Ada", [new_sample("1")])
    assert [person.name for person in second.people()] == ["Ada"]
    second.enroll("Bob", [new_sample("2")])
    assert [person.name for person in first.people()] == ["Ada", "Bob"]
    assert (first.check(), second.check()) == ([], [])


def test_of_two_who_make_it_late_with_two_keys_the_second_is_refused(open_at, path, new_sample):
    first, second = open_at(path, create="late"), open_at(path, create="late", key=b"o" * 32)
    first.enroll("Ada", [new_sample("1")])
    with pytest.raises(GalleryKeyError):
        second.enroll("Bob", [new_sample("2")])
    assert (first.check(), len(first.people())) == ([], 1)


def test_another_key_embedder_or_version_is_named(gallery, ada, open_at, path, monkeypatch):
    with pytest.raises(GalleryKeyError, match="not the one that the gallery postgresql://"):
        open_at(path, key=b"w" * 32)
    with pytest.raises(OtherEmbedderError, match="embedder-b"):
        open_at(path, embedder="embedder-b")
    novelty = (*schema.MIGRATIONS, ("CREATE TABLE novelty (a text)",))
    with monkeypatch.context() as patch:
        for module in (schema, database):
            patch.setattr(module, "MIGRATIONS", novelty)
        later = open_at(path)
        assert (later.people(), later.check()) == ([ada], [])
    with pytest.raises(NotAGalleryError, match=rf"schema version {len(novelty)}; this one reads up to \d+\. Upgrade"):
        open_at(path)
    with pytest.raises(NotAGalleryError, match="Upgrade KerasFace"):
        gallery.rename("Ada Lovelace", "Eve")  # which was open before


def test_tables_of_another_program_are_left_alone(open_at, path):
    path.server.execute(f"CREATE SCHEMA {path.name}", f"CREATE TABLE {path.name}.gallery (photo text)")
    for create in (True, False, "late"):
        with pytest.raises(NotAGalleryError, match="holds tables of another program"):
            open_at(path, create=create)


def test_an_old_server_is_refused(gallery, open_at, path, monkeypatch):
    monkeypatch.setattr(connecting, "OLDEST", 99)
    with pytest.raises(GalleryServerError, match=r"needs PostgreSQL 99 or later\. Received: PostgreSQL \d+"):
        open_at(path)


def test_what_is_no_postgresql_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            for _ in range(2):  # libpq asks again without TLS
                connection, _ = listening.accept()
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(GalleryServerError, match="No PostgreSQL opens the gallery"):
            open_gallery(f"postgresql://ada@127.0.0.1:{listening.getsockname()[1]}/faces", timeout=5)


def test_a_server_that_may_only_read_is_read_and_says_why_it_takes_nothing(gallery, ada, open_at, path):
    path.server.execute("ALTER ROLE postgres SET default_transaction_read_only = on")
    try:
        other = open_at(path)
        assert other.people() == [ada]
        with pytest.raises(GalleryServerError, match="may only read"):
            other.rename("Ada Lovelace", "Eve")
    finally:
        path.server.execute("SET default_transaction_read_only = off", "ALTER ROLE postgres RESET ALL")
    assert gallery.people() == [ada]


FOREIGN = {
    "a trigger": (
        "CREATE FUNCTION {0}.forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM {0}.refusals; "
        "RETURN NULL; END $$; CREATE TRIGGER forget AFTER INSERT ON {0}.changes EXECUTE FUNCTION {0}.forget()",
        "trigger 'forget'",
    ),
    "a rule": ("CREATE RULE keep AS ON DELETE TO {0}.samples DO INSTEAD NOTHING", "rule 'keep'"),
    "a policy": ("CREATE POLICY few ON {0}.samples USING (sample_id > 1)", "policy 'few'"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_kerasface_did_not_make_is_refused(gallery, ada, open_at, path, new_sample, what):
    statement, named = FOREIGN[what]
    path.server.execute(statement.format(path.name))
    with pytest.raises(GalleryDamagedError, match=named):
        gallery.enroll("Bob", [new_sample("bob")])
    assert gallery.people() == [ada]
    assert any(named in problem for problem in gallery.check())
    with pytest.raises(GalleryDamagedError, match=named):
        open_at(path)


def test_a_deleted_person_is_in_no_table_file(gallery, ada, path, new_sample):
    gallery.enroll("Bob", [new_sample(f"bob/{number}") for number in range(30)])
    rows = path.server.execute(f"SELECT template, sealed, source_tag FROM {path.name}.samples WHERE person = 2")
    secrets = [bytes(cell) for row in rows for cell in row]
    files = f"""SELECT pg_relation_filepath(c.oid) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = '{path.name}' AND c.relkind IN ('r', 'i')"""

    def content():
        path.server.execute("CHECKPOINT")
        return b"".join((path.server.data / file).read_bytes() for (file,) in path.server.execute(files))

    assert all(secret in content() for secret in secrets)
    gallery.delete_person("Bob")
    found = content()
    assert [secret for secret in secrets if secret in found] == []
    assert gallery.check() == []
    assert "write-ahead log (until it is recycled), its replicas" in gallery.what_stays()


def test_traces_that_a_reader_holds_back_go_later(gallery, ada, open_at, path):
    brief = open_at(path, timeout=1.0)
    with gallery.snapshot():
        gallery.people()
        with pytest.raises(GalleryBusyError, match="What was asked is done, but what was deleted may still be"):
            brief.delete_person("Ada Lovelace")
    assert brief.people() == []
    assert "Traces" in brief.check()[0]
    open_at(path)
    assert brief.check() == []


@pytest.fixture
def roles(path):
    """Addresses of an administrator, an enroller and a reader, with the rights that docs/postgres.md gives them."""
    first, second = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "postgres.md").read_text(), re.DOTALL)
    names = {name: f"{name}_{path.name}" for name in ("administrator", "enroller", "reader")}

    def given(statements, user):
        for name, own in {**names, "SCHEMA kerasface": f"SCHEMA {path.name}", "kerasface.": f"{path.name}."}.items():
            statements = statements.replace(name, own)
        path.server.execute(statements, user=user)

    given(first, "postgres")
    places = {name: path.server.address(path.name, user=own) for name, own in names.items()}
    yield places, lambda: given(second, names["administrator"])
    path.server.execute(f"DROP SCHEMA {path.name} CASCADE", f"DROP ROLE {', '.join(names.values())}")


def test_everybody_may_do_what_the_documents_say_and_no_more(roles, open_at, new_sample):
    places, grant = roles
    administrator = open_at(places["administrator"], create="late")
    administrator.enroll("Ada", [new_sample("ada")])
    grant()
    enroller, reader = open_at(places["enroller"]), open_at(places["reader"])
    enroller.enroll("Bob", [new_sample("bob/1")], consent=Consent("2020-01-01T00:00:00+00:00", "door"))
    enroller.enroll("Bob", [new_sample("bob/2")])
    enroller.rename("Bob", "Robert")
    enroller.refuse_match("0" * 64, (1, 2, 3, 4), "Ada")
    enroller.lift_refusal("0" * 64, (1, 2, 3, 4), "Ada")
    enroller.seen.add({"1" * 64: {"faces": []}}, "eyes")
    assert [person.name for person in reader.people()] == ["Ada", "Robert"]
    assert (len(reader.templates().sample_ids), reader.seen.count(), reader.check()) == (3, 1, [])
    with reader.following() as wait:
        assert wait(0, 60)
    for gallery, change in (
        (reader, lambda: reader.enroll("Cy", [new_sample("cy")])),
        (enroller, lambda: enroller.delete_person("Ada")),
        (enroller, lambda: enroller.merge("Ada", "Robert")),
    ):
        with pytest.raises(GalleryServerError, match="refuses this role what was asked of it"):
            change()
        assert len(gallery.people()) == 2
    administrator.delete_person("Robert")
    assert [person.name for person in reader.people()] == ["Ada"]
    assert administrator.check() == []


def test_traces_are_removed_by_whom_the_tables_belong_to(roles, open_at, new_sample, path):
    places, grant = roles
    administrator = open_at(places["administrator"], timeout=0.5)
    administrator.enroll("Ada", [new_sample("ada")])
    administrator.enroll("Bob", [new_sample("bob")])
    grant()
    reader = open_at(places["reader"])
    with reader.snapshot():
        reader.people()
        with pytest.raises(GalleryBusyError, match="What was asked is done"):
            administrator.delete_person("Bob")
    assert "Traces" in open_at(places["enroller"]).check()[0]
    assert open_at(places["administrator"]).check() == []


def test_a_restarted_server_holds_what_was_there(gallery, ada, path, new_sample):
    path.server.stop()
    with pytest.raises(GalleryServerError, match="No PostgreSQL opens the gallery"):
        gallery.people()
    path.server.start()
    assert gallery.people() == [ada]
    assert gallery.enroll("Bob", [new_sample("bob")]).num_samples == 1


def test_a_template_may_be_longer_than_a_page_of_a_table(open_at, path, new_sample):
    gallery = open_at(path, embedding_dim=4096)
    template = np.random.default_rng(0).normal(size=4096).astype(np.float32)
    template /= np.linalg.norm(template)
    made = new_sample("ada")
    gallery.enroll("Ada", [NewSample(template, made.source, made.source_hash)])
    np.testing.assert_array_equal(gallery.templates().embeddings, [template])
    assert gallery.check() == []


def test_templates_are_those_of_a_file_bit_for_bit(gallery, ada, open_at, tmp_path, new_sample):
    gallery.export(tmp_path / "people")
    file = open_at(tmp_path / "file")
    file.import_(tmp_path / "people")
    np.testing.assert_array_equal(file.templates().embeddings, gallery.templates().embeddings)
    file.export(tmp_path / "back")
    gallery.import_(tmp_path / "back", merge=True)
    assert gallery.person("Ada Lovelace").num_samples == 2
