"""A PostgreSQL server of one's own in a temporary folder, for tests and benchmarks: started, killed, started anew."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_DEBIAN = "/usr/lib/postgresql"  # a folder for each version, none of them on the PATH
_USER = "nobody"  # PostgreSQL refuses to run as root


def programs() -> Path | None:
    """Returns the folder of `initdb` and `postgres`, the latest version's; `None` where there is none."""
    found = sorted(Path(_DEBIAN).glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


class Server:
    """A server that listens on a socket in its own folder, and on no port unless asked to.

    Args:
        settings: Of postgresql.conf.

    Attributes:
        folder: Of the socket, the data (`data`) and the log (`log`).
    """

    def __init__(self, **settings: str):
        self._programs, self._settings = programs(), settings
        self._user = _USER if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="kfpg-", dir="/tmp"))  # a socket's path is short
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._process: subprocess.Popen | None = None
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self._run("pg_ctl", "-D", self.data, "-l", self.log, "-o", self._options(), "-w", "-t", "120", "start")

    def stop(self) -> None:
        """Stops it, which ends all connections."""
        self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", "120", "stop")

    def kill(self) -> None:
        """Kills it with all its processes, as a power cut would."""
        first = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for process in (first, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(_is_alive(process) for process in (first, *map(int, children))):
            time.sleep(0.005)
        # One whose parent has not asked how it ended is taken for alive by the next server.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def address(self, schema: str = "kerasface", user: str = "postgres", password: str = "", **settings: str) -> str:
        """Returns an address of a gallery on it."""
        more = "".join(f"&{name}={value}" for name, value in settings.items())
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/postgres?host={self.folder}&schema={schema}{more}"

    def execute(self, *statements: str, user: str = "postgres") -> list[tuple]:
        """Executes statements past KerasFace; returns the rows of the last one."""
        from kerasface.gallery.postgres.driver import psycopg

        settings = {"host": str(self.folder), "port": self._settings.get("port", "5432"), "dbname": "postgres"}
        with psycopg.connect(**settings, user=user, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        """Stops it, if it runs, and removes its folder."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _options(self) -> str:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder)} | self._settings
        return " ".join(f"-c {name}='{value}'" for name, value in settings.items())

    def _run(self, program: str, *arguments: object, check: bool = True) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        more = {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []} if self._user else {}
        # What `pg_ctl` starts would keep a pipe open.
        output = subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE
        done = subprocess.run(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **more
        )
        if check and done.returncode:
            told = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else done.stdout
            raise RuntimeError(f"{program} failed: {told}")


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
