"""What PostgreSQL says, as sentences; and what is said where its client is missing."""

import subprocess
import sys

import pytest

from kerasface.gallery.postgres.address import Address
from kerasface.gallery.store import GalleryBusyError, GalleryDamagedError, GalleryError, GalleryServerError

psycopg = pytest.importorskip("kerasface.gallery.postgres.driver").psycopg

ADDRESS = Address.parse("postgresql://ada:secret@db/faces")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (psycopg.errors.DiskFull, GalleryServerError, "cannot grow: the server's disk is full"),
        (psycopg.errors.ReadOnlySqlTransaction, GalleryServerError, "may only read"),
        (psycopg.errors.InsufficientPrivilege, GalleryServerError, "refuses this role what was asked of it"),
        (psycopg.errors.TooManyConnections, GalleryServerError, "no connection left"),
        (psycopg.errors.AdminShutdown, GalleryServerError, "is being stopped or started"),
        (psycopg.errors.IoError, GalleryServerError, "full or failing"),
        (psycopg.errors.LockNotAvailable, GalleryBusyError, "for more than 3 s"),
        (psycopg.errors.DeadlockDetected, GalleryBusyError, "in use by another process"),
        (psycopg.errors.UndefinedTable, GalleryDamagedError, "has lost a table"),
        (psycopg.errors.DataCorrupted, GalleryDamagedError, "is damaged"),
        (psycopg.OperationalError, GalleryServerError, "of what was going on nothing was changed"),
        (psycopg.errors.SyntaxError, GalleryError, "cannot be used"),
    ],
)
def test_each_is_a_sentence_of_the_family_without_the_password(error, kind, words):
    from kerasface.gallery.postgres.errors import named_errors  # which needs psycopg

    with pytest.raises(kind, match=words) as caught, named_errors(ADDRESS, 3.0):
        raise error("secret said\nin two lines")
    assert "postgresql://ada@db/faces" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_question_of_the_server_ends_as_one():
    from kerasface.gallery.postgres.errors import said

    assert said(psycopg.OperationalError("refused\n\tIs it running?"), ADDRESS) == (
        "PostgreSQL says: refused Is it running?"
    )


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_without_an_address_its_client_is_not_imported(tmp_path):
    program = """
import sys
from kerasface.gallery.opening import recorded_embedder
print(recorded_embedder("nowhere.gallery"), "psycopg" in sys.modules)
"""
    assert run(program) == "None False\n"


def test_a_missing_client_is_named():
    program = """
import sys
sys.modules["psycopg"] = None
from kerasface.gallery.opening import recorded_embedder
from kerasface.gallery.store import GalleryError
try:
    recorded_embedder("postgresql://db/faces")
except GalleryError as error:
    print(error)
"""
    wanted = "A gallery on PostgreSQL needs psycopg, which is not installed: pip install 'kerasface[postgres]'\n"
    assert run(program) == wanted
