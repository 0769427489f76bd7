"""Who is let in: a server is known by its certificate, a user by a password that is never said."""

import datetime
import os
import pwd
import socket
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import GalleryServerError

pytestmark = pytest.mark.slow


def certificate(folder, name):
    """Files of a certificate of `localhost` that vouches for itself, and of its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def guarded(postgres, port):
    """A server that encrypts, on a port of this machine."""
    server = type(postgres)(listen_addresses="127.0.0.1", port=str(port), ssl="on", fsync="off")
    try:
        for path, name in zip(certificate(server.folder, "made"), ("server.crt", "server.key"), strict=True):
            place = path.rename(server.data / name)
            place.chmod(0o600)
            if os.geteuid() == 0:
                owner = pwd.getpwnam("nobody")
                os.chown(place, owner.pw_uid, owner.pw_gid)
        server.start()
        yield server
    finally:
        server.remove()


def test_a_server_is_known_by_its_certificate(guarded, port, tmp_path, new_sample):
    own = tmp_path / "own.crt"
    own.write_bytes((guarded.data / "server.crt").read_bytes())
    other, _ = certificate(tmp_path, "other")
    place = f"postgresql://postgres@localhost:{port}/postgres?sslmode=verify-full&sslrootcert="
    with open_gallery(f"{place}{own}", embedder="embedder-a", embedding_dim=16, key=b"k" * 32) as gallery:
        gallery.enroll("Ada", [new_sample("ada")])
        (is_encrypted,) = gallery._database._server.ask(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
    assert is_encrypted
    with pytest.raises(GalleryServerError, match="certificate verify failed"):
        open_gallery(f"{place}{other}", create=False)
    with pytest.raises(GalleryServerError, match="does not match host name"):
        open_gallery(f"{place}{own}".replace("localhost", "127.0.0.1"), create=False)


def test_a_process_in_which_tensorflow_is_there_already_connects_too(guarded, port):
    """TensorFlow's OpenSSL, taken for psycopg's, ended the process."""
    place = f"postgresql://postgres@localhost:{port}/postgres?sslmode=require"
    opened = f"open_gallery({place!r}, embedder='embedder-a', embedding_dim=16, key=b'k' * 32).close()"
    code = f"import tensorflow\nfrom kerasface.gallery.opening import open_gallery\n{opened}\nprint('opened')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "opened"), done.stderr[-2000:]


def test_a_password_comes_from_where_libpq_looks_and_is_never_said(guarded, port, tmp_path, monkeypatch):
    guarded.execute("CREATE ROLE ada SUPERUSER LOGIN PASSWORD 'geheim'")
    (guarded.data / "pg_hba.conf").write_text("local all postgres trust\nhost all ada all scram-sha-256\n")
    guarded.execute("SELECT pg_reload_conf()")
    place = f"localhost:{port}/postgres?sslmode=require"

    def opened(address, **environment):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, str(value))
            with open_gallery(address, embedder="embedder-a", embedding_dim=16, key=b"k" * 32) as gallery:
                return str(gallery.path)

    passwords, services = tmp_path / "pgpass", tmp_path / "services"
    passwords.write_text(f"localhost:{port}:*:ada:geheim\n")
    passwords.chmod(0o600)
    services.write_text(f"[faces]\nhost=localhost\nport={port}\nuser=ada\ndbname=postgres\npassword=geheim\n")
    given = (
        opened(f"postgresql://ada:geheim@{place}"),
        opened(f"postgresql://ada@{place}&password=geheim"),
        opened(f"postgresql://ada@{place}", PGPASSWORD="geheim"),
        opened(f"postgresql://ada@{place}", PGPASSFILE=passwords),
        opened("postgresql://?service=faces", PGSERVICEFILE=services),
    )
    assert set(given[:4]) == {f"postgresql://ada@{place}&schema=kerasface"}
    assert given[4] == "postgresql://?service=faces&schema=kerasface"
    for address in (f"postgresql://ada@{place}", f"postgresql://ada:falsch@{place}"):
        with pytest.raises(GalleryServerError, match="password") as caught:
            opened(address, PGPASSFILE=tmp_path / "none")
        assert "falsch" not in str(caught.value)
