"""Poolers of a test's own in front of PostgreSQL: PgBouncer and pgpool-II, on a free port, with their own settings."""

from __future__ import annotations

import os
from typing import ClassVar

import psycopg
from cluster.support.ports import HOST, reserve
from cluster.support.servers import Mode, PostgresServer
from sqlalchemy.engine import make_url


class Pooler(PostgresServer):
    """A pooler; as root it runs as PostgreSQL's user.

    :param target: URL of the server behind it
    """

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = make_url(target)

    @property
    def url(self) -> str:
        through = self.target.set(host=HOST, port=self.port)
        return through.render_as_string(hide_password=False)

    def _make(self) -> None:
        self.data.mkdir(parents=True)
        for name, content in self._files().items():
            (self.data / name).write_text(content)
        if os.geteuid() == 0:
            entry = self._user()
            for path in (self.directory, self.data, *self.data.iterdir()):
                os.chown(path, entry["user"], entry["group"])
            self.log.touch()

    def _files(self) -> dict[str, str]:
        raise NotImplementedError

    def _greet(self) -> None:
        plain = self.target.set(drivername="postgresql", host=HOST, port=self.port)
        address = plain.render_as_string(hide_password=False)
        psycopg.connect(address, connect_timeout=5, prepare_threshold=None).close()


class PgBouncer(Pooler):
    """PgBouncer.

    :param mode: ``"transaction"`` or ``"session"``
    """

    programs = ("pgbouncer",)
    stops: ClassVar[dict[str, int]] = {}

    def __init__(self, target: str, mode: str) -> None:
        super().__init__(target)
        self.mode = mode

    def stop(self, mode: Mode = "kill") -> None:
        """End it; it has nothing to lose."""
        super().stop("kill" if mode else mode)

    def _files(self) -> dict[str, str]:
        url = self.target
        return {
            "settings.ini": (
                f"[databases]\n{url.database} = host={url.host} port={url.port} "
                f"dbname={url.database} user={url.username}\n"
                f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {self.port}\nauth_type = any\n"
                f"pool_mode = {self.mode}\ndefault_pool_size = 20\nunix_socket_dir =\n"
            )
        }

    def _command(self) -> list[str]:
        return [self.where["pgbouncer"], str(self.data / "settings.ini")]


class Pgpool(Pooler):
    """pgpool-II in its raw mode: a pooler in front of one server."""

    programs = ("pgpool",)
    stops: ClassVar[dict[str, int]] = {}

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self._control = reserve()

    def stop(self, mode: Mode = "kill") -> None:
        """End it; it has nothing to lose."""
        super().stop("kill" if mode else mode)

    def close(self) -> None:
        super().close()
        self._control.close()

    def _files(self) -> dict[str, str]:
        url = self.target
        return {
            "pgpool.conf": (
                f"backend_clustering_mode = 'raw'\nlisten_addresses = '{HOST}'\nport = {self.port}\n"
                f"backend_hostname0 = '{url.host}'\nbackend_port0 = {url.port}\n"
                f"unix_socket_directories = '{self.data}'\npcp_socket_dir = '{self.data}'\n"
                f"pcp_port = {self._control.getsockname()[1]}\nlogdir = '{self.data}'\npid_file_name = '{self.data}/pid'\n"
                "num_init_children = 24\nmax_pool = 1\nconnection_cache = on\n"
            ),
            "pcp.conf": "",
            "pool_hba.conf": "host all all 0.0.0.0/0 trust\n",
        }

    def _command(self) -> list[str]:
        files = [
            *("-f", str(self.data / "pgpool.conf"), "-F", str(self.data / "pcp.conf")),
            *("-a", str(self.data / "pool_hba.conf")),
        ]
        return [self.where["pgpool"], "-n", "-D", *files]
