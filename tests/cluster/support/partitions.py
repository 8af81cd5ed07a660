"""Networks that can be cut between a node and its server, so that neither hears anything: no reset, no refusal.

``Namespaces`` gives each node a network namespace with an address of its own, joined to ours by a pair of virtual cards.
A way is cut by a wrong entry in the sender's neighbour table: its packets still leave, and the other card drops them, as
it does with what is for somebody else. That takes no firewall. ``Proxies`` is for where the kernel refuses namespaces: one
TCP proxy for each node.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from contextlib import ExitStack
from typing import Any, Self

from cluster.support.ports import HOST
from cluster.support.proxy import Proxy
from sqlalchemy.engine import make_url

_OF_TESTS = "198.18"  # RFC 2544: addresses for measurements, which nobody routes
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_OURS, _THEIRS, _NOBODYS = ("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:99")


class NamespacesMissing(Exception):  # noqa: N818 - named by what is the case
    """The kernel, or our rights, do not allow network namespaces; the message has its words."""


def _ip(*arguments: str) -> str:
    """Run ``ip``.

    :raises NamespacesMissing: with what it says
    """
    program = shutil.which("ip", path=_PATH)
    if program is None:
        raise NamespacesMissing("there is no program ip (Debian: iproute2)")
    done = subprocess.run(
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NamespacesMissing(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """A network namespace with one card, which is joined to one of ours."""

    def __init__(self) -> None:
        token = secrets.token_hex(4)
        self.name = f"tried-{token}"
        self.card, self.peer = f"n{token}", f"o{token}"
        self.ours, self.theirs = _free_addresses()
        self.prefix = ("ip", "netns", "exec", self.name)
        """What a command line begins with that is to run in it."""

    def make(self) -> None:
        _ip("netns", "add", self.name)
        pair = ("type", "veth", "peer", "name", self.card, "address", _THEIRS, "netns", self.name)
        _ip("link", "add", self.peer, "address", _OURS, *pair)
        _ip("addr", "add", f"{self.ours}/30", "dev", self.peer)
        _ip("link", "set", self.peer, "up")
        self._inside("addr", "add", f"{self.theirs}/30", "dev", self.card)
        self._inside("link", "set", "lo", "up")
        self.plug_in()
        self.heal()

    def remove(self) -> None:
        """Remove what was made of it; the cards go with it."""
        if self.name in _ip("netns", "list").split():
            _ip("netns", "delete", self.name)

    def _inside(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)

    def drop_answers(self) -> None:
        """Let nothing of ours arrive there; what comes from there still arrives here."""
        _ip(
            "neigh",
            "replace",
            self.theirs,
            "lladdr",
            _NOBODYS,
            "dev",
            self.peer,
            "nud",
            "permanent",
        )

    def cut(self) -> None:
        """Let nothing arrive, either way."""
        wrong = ("lladdr", _NOBODYS, "dev", self.card, "nud", "permanent")
        self._inside("neigh", "replace", self.ours, *wrong)
        self.drop_answers()

    def heal(self) -> None:
        permanent = ("nud", "permanent")
        right = ("lladdr", _OURS, "dev", self.card, *permanent)
        self._inside("neigh", "replace", self.ours, *right)
        _ip("neigh", "replace", self.theirs, "lladdr", _THEIRS, "dev", self.peer, *permanent)

    def unplug(self) -> None:
        """Take its card down: the system there says so at once to whoever sends."""
        self._inside("link", "set", self.card, "down")

    def plug_in(self) -> None:
        self._inside("link", "set", self.card, "up")


def _free_addresses() -> tuple[str, str]:
    """Return two addresses of a network of four that no card here has."""
    taken = {
        address["local"]
        for card in json.loads(_ip("-json", "addr", "show"))
        for address in card.get("addr_info", ())
    }
    while True:
        third, fourth = secrets.randbelow(256), 4 * secrets.randbelow(64)
        found = f"{_OF_TESTS}.{third}.{fourth + 1}", f"{_OF_TESTS}.{third}.{fourth + 2}"
        if found[0] not in taken:
            return found


class Namespaces:
    """One namespace for each node. A context manager.

    :raises NamespacesMissing: where there can be none; nothing is left then
    """

    def __init__(self, nodes: int) -> None:
        self.places = [Namespace() for _ in range(nodes)]
        self.addresses = [each.ours for each in self.places]
        """Where a server must listen to be reached from them."""

    def __enter__(self) -> Self:
        try:
            for each in self.places:
                each.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.places:
            each.remove()

    def reach(self, url: str) -> None:
        """Be told of the server, which listens at our addresses."""
        self._url = make_url(url)

    def url_for(self, node: int) -> str:
        there = self._url.set(host=self.addresses[node])
        return there.render_as_string(hide_password=False)

    def prefix_for(self, node: int) -> tuple[str, ...]:
        return self.places[node].prefix

    def cut(self, node: int) -> None:
        self.places[node].cut()

    def drop_answers(self, node: int) -> None:
        self.places[node].drop_answers()

    def unplug(self, node: int) -> None:
        self.places[node].unplug()

    def heal(self, node: int) -> None:
        self.places[node].plug_in()
        self.places[node].heal()


class Proxies:
    """One TCP proxy for each node, to a server at its usual address. A context manager."""

    addresses: tuple[str, ...] = ()

    def __init__(self, nodes: int) -> None:
        self._count = nodes
        self._stack = ExitStack()
        self._proxies: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def reach(self, url: str) -> None:
        self._url = make_url(url)
        for _ in range(self._count):
            proxy = Proxy(self._url.host, self._url.port)
            self._proxies.append(self._stack.enter_context(proxy))

    def url_for(self, node: int) -> str:
        through = self._url.set(host=HOST, port=self._proxies[node].port)
        return through.render_as_string(hide_password=False)

    def prefix_for(self, node: int) -> tuple[str, ...]:
        return ()

    def cut(self, node: int) -> None:
        self._proxies[node].hang()

    def drop_answers(self, node: int) -> None:
        self._proxies[node].drop_to_client()

    def unplug(self, node: int) -> None:
        self._proxies[node].cut()

    def heal(self, node: int) -> None:
        self._proxies[node].heal()
