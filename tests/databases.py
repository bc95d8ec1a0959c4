"""PostgreSQL for tests: a cluster of its own in a temporary folder, reached by a socket in it.

with postgresql() as server:                  # skips the test where it is not installed
    url = server.database(postgis=True)       # another empty database
    server.kill(); server.start()
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.end_to_end.processes import is_running
from tests.transport.processes import until

PROGRAMS = Path("/usr/lib/postgresql")
"""Debian's folder: one below it for each version."""
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
USER = "postgres"
"""Of the system, whom Debian's package adds, and of the database: the server does not run as root."""


class Server:
    """A cluster that can be stopped in the middle of things, and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        """Make the cluster and start it."""
        self._programs, self._folder = programs, folder
        self._databases: list[str] = []
        self._schemas = 0
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        options += f" -c unix_socket_directories={self._folder}"
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-w", "-t", "240", "-D", str(self._data), "-l", str(log), "-o", options)

    def stop(self) -> None:
        """Stop it at once, and end all connections."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data))

    def kill(self) -> None:
        """End its first process by a signal that it cannot handle, as when memory is short, and wait for the others, which notice that."""
        file = self._data / "postmaster.pid"
        process = int(file.read_text().split()[0])
        others = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        os.kill(process, signal.SIGKILL)
        until(lambda: not any(map(is_running, (str(process), *others))))
        if Path(
            f"/proc/{process}"
        ).exists():  # nobody has waited for it: its number would count as that of a server
            for path in (file, *self._folder.glob(".s.PGSQL.*.lock")):
                path.unlink()

    def database(self, postgis: bool) -> str:
        """The address of an empty schema in a database with PostGIS, or in one where it is not used."""
        self._schemas += 1
        name, schema = "with_postgis" if postgis else "without", f"test{self._schemas}"
        if name not in self._databases:
            self._databases.append(name)
            self._run("createdb", "-h", str(self._folder), "-U", USER, "-T", "template0", name)
            if postgis:
                self._execute(name, "CREATE EXTENSION postgis")
        self._execute(name, f"CREATE SCHEMA {schema}")
        suffix = "" if postgis else "&postgis=no"
        options = quote(f"-c search_path={schema},public")
        return f"postgresql://{USER}@/{name}?host={self._folder}&options={options}{suffix}"

    def _execute(self, database: str, statement: str) -> None:
        import psycopg

        with psycopg.connect(
            host=str(self._folder), user=USER, dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement)

    @property
    def has_postgis(self) -> bool:
        """Whether PostGIS is installed for this version of PostgreSQL."""
        version = self._programs.parent.name
        return Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists()

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command: Sequence[str] = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", *command]
        done = subprocess.run(
            command, cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        assert not check or done.returncode == 0, done.stderr + done.stdout


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server of the newest version that is installed; skips where there is none."""
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    # the path of a socket has at most 107 characters, which those of pytest's folders can exceed
    folder = Path(tempfile.mkdtemp(prefix="iipserve-postgresql-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = None
    try:
        server = Server(found[-1].parent, folder)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def store_address(kind: str) -> Iterator[str]:
    """The address of an empty store in a database of its own: `postgresql` or `postgis`; none for a kind that needs no server."""
    if kind not in ("postgresql", "postgis"):
        yield ""
        return
    pytest.importorskip("psycopg")
    with postgresql() as server:
        if kind == "postgis" and not server.has_postgis:
            pytest.skip("PostGIS is not installed")
        yield server.database(postgis=kind == "postgis")
