"""Database servers of a test's own: to be killed, crashed and started again, on data that stays.

Each has a free port of 127.0.0.1 that it keeps over restarts, and no password. As root, PostgreSQL runs as its own
user, because it refuses root; the folder must then be one that this user can reach.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import psycopg
import pymysql  # type: ignore[import-untyped]
import pytest
from cluster.support.ports import HOST, reserve

PATIENCE = 30.0
"""Seconds in which a server must accept connections, or end when told to."""
PAUSE = 0.02

Mode = Literal["fast", "immediate", "kill"]


class ServerMissing(Exception):  # noqa: N818 - named by what is the case
    """The server's programs are not installed, or cannot be run here."""


class ServerError(Exception):
    """A server did not start or end; the message has the last lines of its log."""


class Server(ABC):
    """A server in a folder: its data, its log. A context manager that starts it and removes what it made.

    :param directory: where to keep the data; ``None`` for a temporary folder of its own
    :param fsync: ``False`` to let the data be lost with the machine (not with the process), for speed
    :param settings: more arguments for the server's command line
    :raises ServerMissing: if it cannot be run here
    """

    programs: ClassVar[tuple[str, ...]]
    stops: ClassVar[dict[str, int]]
    refusals: ClassVar[tuple[type[Exception], ...]] = (
        psycopg.OperationalError,
        pymysql.err.OperationalError,
    )
    """What a greeting raises while the server is not up."""

    def __init__(
        self, directory: Path | None = None, *, fsync: bool = True, settings: tuple[str, ...] = ()
    ) -> None:
        self.where = self.find()
        self.fsync = fsync
        self.settings = settings
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="server-"))
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._holder = reserve()
        self.port: int = self._holder.getsockname()[1]

    @classmethod
    def find(cls) -> dict[str, str]:
        """Return the paths of the server's programs.

        :raises ServerMissing: if one is not there
        """
        found = {name: shutil.which(name, path=_search_path()) for name in cls.programs}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise ServerMissing(f"{cls.__name__} needs {', '.join(missing)}: not found")
        return {name: path for name, path in found.items() if path is not None}

    @property
    @abstractmethod
    def url(self) -> str:
        """The server as SQLAlchemy wants it, with a database that is there."""

    @property
    def pid(self) -> int | None:
        """The process that was started, ``None`` if it is not running."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start it, on what is there, and wait until it accepts connections.

        :raises ServerError: if it does not within 30 seconds
        """
        if self.pid is not None:
            return
        if not self.data.exists():
            self._make()
        with self.log.open("ab") as log:
            self._process = self._popen(self._command(), log)
        self._wait_until_it_answers()

    def stop(self, mode: Mode = "fast") -> None:
        """End it, and wait until all its processes are gone. Later calls do nothing.

        :param mode: ``fast``: in order; ``immediate``: so that it must recover; ``kill``: SIGKILL, all processes
        """
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        if mode not in self.stops:
            _kill_tree(process)
            return
        process.send_signal(self.stops[mode])
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            _kill_tree(process)
            raise ServerError(f"it did not end within {PATIENCE:.0f} s\n{self._tail()}") from None

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start it, on the same port and data."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Kill it and give the port back; remove the folder if it was made here."""
        self.stop("kill")
        self._holder.close()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    @abstractmethod
    def _make(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the server's command line."""

    @abstractmethod
    def _greet(self) -> None:
        """Connect once, and make sure that the database is there; an error of the driver if it is not up."""

    def _user(self) -> dict[str, Any]:
        """Return arguments of Popen that say as whom to run."""
        return {}

    def _popen(self, command: list[str], log: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **self._user(),
        )

    def _run(self, command: list[str]) -> None:
        """Run a program that makes the data folder."""
        with self.log.open("ab") as log:
            status = self._popen(command, log).wait(2 * PATIENCE)
        if status:
            raise ServerError(f"{command[0]} ended with {status}\n{self._tail()}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.pid is not None and time.monotonic() < deadline:
            with suppress(*self.refusals):
                self._greet()
                return
            time.sleep(PAUSE)
        why = "it ended" if self.pid is None else f"no answer within {PATIENCE:.0f} s"
        self.stop("kill")
        raise ServerError(f"{type(self).__name__} did not start: {why}\n{self._tail()}")

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"


class PostgresServer(Server):
    """A PostgreSQL server; its superuser and database are ``postgres``."""

    programs = ("initdb", "postgres")
    stops: ClassVar[dict[str, int]] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
    user = "postgres"

    @classmethod
    def find(cls) -> dict[str, str]:
        found = super().find()
        if os.geteuid() == 0 and not _has_user(cls.user):
            raise ServerMissing(f"root cannot run PostgreSQL, and there is no user {cls.user}")
        return found

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@{HOST}:{self.port}/postgres"

    def _user(self) -> dict[str, Any]:
        if os.geteuid():
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def _make(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.directory, self.user, self._user()["group"])
            _check_reach(self.directory)
        options = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        self._run([self.where["initdb"], "-D", str(self.data), "-U", "postgres", *options])

    def _command(self) -> list[str]:
        settings = [
            *(f"listen_addresses={HOST}", f"port={self.port}", "unix_socket_directories="),
            *("shared_buffers=16MB", f"fsync={'on' if self.fsync else 'off'}", *self.settings),
        ]
        given = [part for setting in settings for part in ("-c", setting)]
        return [self.where["postgres"], "-D", str(self.data), *given]

    def _greet(self) -> None:
        psycopg.connect(
            host=HOST, port=self.port, user="postgres", dbname="postgres", connect_timeout=5
        ).close()


class PostgresBackup(PostgresServer):
    """A server whose data begin as a physical copy of a running one's, made when it is first started.

    :param options: more arguments for pg_basebackup
    """

    programs = ("initdb", "postgres", "pg_basebackup")

    def __init__(
        self, original: PostgresServer, *options: str, settings: tuple[str, ...] = ()
    ) -> None:
        super().__init__(fsync=False, settings=settings)
        self.original = original
        self.options = options

    def take(self) -> None:
        """Copy the original's data as they are now."""
        self._make()

    def _make(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.directory, self.user, self._user()["group"])
        where = ["-h", HOST, "-p", str(self.original.port), "-U", "postgres", "-D", str(self.data)]
        self._run([self.where["pg_basebackup"], *where, "-X", "stream", *self.options])


class MariaDBServer(Server):
    """A MariaDB server with the user ``root`` and a database ``test``."""

    programs = ("mariadb-install-db", "mariadbd")
    stops: ClassVar[dict[str, int]] = {"fast": signal.SIGTERM}

    @property
    def url(self) -> str:
        return f"mysql+pymysql://root@{HOST}:{self.port}/test"

    @property
    def _tables_folder(self) -> Path:
        """Its own: a server that starts removes the temporary tables of all that share its folder."""
        return self.directory / "tmp"

    def _make(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._tables_folder.mkdir()
        options = [
            f"--tmpdir={self._tables_folder}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_as_whom(),
        ]
        self._run(
            [self.where["mariadb-install-db"], "--no-defaults", f"--datadir={self.data}", *options]
        )

    def _command(self) -> list[str]:
        return [
            *(self.where["mariadbd"], "--no-defaults", f"--datadir={self.data}", *_as_whom()),
            *(f"--bind-address={HOST}", f"--port={self.port}", "--socket=socket"),
            *(f"--pid-file={self.directory / 'pid'}", "--skip-name-resolve", "--skip-log-bin"),
            f"--tmpdir={self._tables_folder}",
            *("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M"),
            *(() if self.fsync else ("--innodb-flush-log-at-trx-commit=2", "--debug-no-sync")),
            *self.settings,
        ]

    def _greet(self) -> None:
        connection = pymysql.connect(host=HOST, port=self.port, user="root", connect_timeout=5)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS test")


def require(server: type[Server]) -> None:
    """Skip where a server's programs are missing; with REQUIRE_SERVICES=1 that is a failure."""
    try:
        server.find()
    except ServerMissing as missing:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


def _search_path() -> str:
    """Return PATH with the folders in which Debian hides servers, the newest first."""
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest = sorted(versions, key=lambda path: _number(path.parent.name), reverse=True)
    added = ("/usr/sbin", "/usr/share/zookeeper/bin")
    return os.pathsep.join([*map(str, newest), os.environ.get("PATH", ""), *added])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _as_whom() -> tuple[str, ...]:
    return ("--user=root",) if os.geteuid() == 0 else ()


def _check_reach(directory: Path) -> None:
    """Raise where another user cannot come to a folder; pytest's ``tmp_path`` is such a place."""
    for parent in directory.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            raise ServerMissing(f"{parent} is closed to others: give no folder, or one below /tmp")


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and its children, as if the machine had lost power, and wait until they are gone.

    The server is stopped first, so that it neither forks nor reaps: its children's numbers stay theirs.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        _wait_for_state([process.pid], "TZX")
        children = _children(process.pid)
        for child in children:
            os.kill(child, signal.SIGKILL)
        _wait_for_state(children, "ZX")
    process.kill()
    process.wait(PATIENCE)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(each) for each in text.split()]


def _wait_for_state(pids: list[int], wanted: str) -> None:
    """Wait until each process is in one of the wanted states of proc(5); "X" is also for one that is gone."""
    deadline = time.monotonic() + PATIENCE
    while any(_state(pid) not in wanted for pid in pids):
        if time.monotonic() > deadline:
            raise ServerError(f"signalled, but not in state {wanted}: {pids}")
        time.sleep(PAUSE)


def _state(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]
