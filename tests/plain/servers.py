"""Servers of etcd and ZooKeeper, on free ports, each one for all tests of a session."""

from __future__ import annotations

import http.client
import socket
from typing import ClassVar

from cluster.support.ports import HOST, reserve
from cluster.support.servers import Mode, Server


class _Kept(Server):
    stops: ClassVar[dict[str, int]] = {}
    refusals: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    @property
    def url(self) -> str:
        return f"{HOST}:{self.port}"

    def stop(self, mode: Mode = "kill") -> None:
        """End it; its data are the tests' own."""
        super().stop(mode)

    def _make(self) -> None:
        self.data.mkdir(parents=True)


class Etcd(_Kept):
    """An etcd server."""

    programs = ("etcd",)

    def __init__(self) -> None:
        super().__init__(fsync=False)
        self._peers = reserve()

    def close(self) -> None:
        super().close()
        self._peers.close()

    def _command(self) -> list[str]:
        peers = f"http://{HOST}:{self._peers.getsockname()[1]}"
        clients = f"http://{self.url}"
        return [
            *(self.where["etcd"], "--data-dir", str(self.data), "--log-level", "error"),
            *("--listen-client-urls", clients, "--advertise-client-urls", clients),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"default={peers}", "--unsafe-no-fsync"),
        ]

    def _greet(self) -> None:
        asked = http.client.HTTPConnection(HOST, self.port, timeout=5)
        asked.request("GET", "/health")
        if b"true" not in asked.getresponse().read():
            raise ConnectionRefusedError("it has no leader yet")
        asked.close()


class ZooKeeper(_Kept):
    """A ZooKeeper server; its sessions last from one second on."""

    programs = ("zkServer.sh", "java")

    def _make(self) -> None:
        super()._make()
        settings = [
            *("tickTime=500", f"dataDir={self.data}", f"clientPort={self.port}"),
            *(f"clientPortAddress={HOST}", "admin.enableServer=false"),
            *("maxClientCnxns=0", "4lw.commands.whitelist=ruok"),
        ]
        (self.directory / "zoo.cfg").write_text("\n".join(settings))

    def _user(self) -> dict:
        logs = {"ZOO_LOG_DIR": str(self.directory), "ZOOCFGDIR": str(self.directory)}
        return {"env": {"PATH": "/usr/bin:/bin", "JMXDISABLE": "true", **logs}}

    def _command(self) -> list[str]:
        return [self.where["zkServer.sh"], "start-foreground", str(self.directory / "zoo.cfg")]

    def _greet(self) -> None:
        with socket.create_connection((HOST, self.port), timeout=5) as asked:
            asked.sendall(b"ruok")
            if asked.recv(4) != b"imok":
                raise ConnectionRefusedError("it does not answer yet")
