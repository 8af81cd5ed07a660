"""Finding COMMIT and the answer to it in the bytes between a database's client and its server.

The bytes of a client are framed as messages from its first byte on, whether anyone looks for a COMMIT or not. The
answer is looked at only from there: a server that was asked to COMMIT has answered everything before it, or its
answers are in the same stream and go down with it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol

COMMIT = re.compile(rb"\s*commit(\s+(work|transaction))?[\s;]*", re.IGNORECASE)

PROTOCOL_3 = 3
"""The upper half of the version number that PostgreSQL's clients begin with."""
ENCRYPTION_REQUESTS = {80877103, 80877104}
"""SSLRequest and GSSENCRequest: eight bytes, answered by one."""
NO_ENCRYPTION = b"N"

COM_QUERY = 3
GREETING_VERSION = 10


class Answer(Enum):
    """What the bytes after a COMMIT say."""

    OPEN = auto()
    """Nothing final yet."""
    COMMITTED = auto()
    OTHER = auto()
    """An error, or a rollback."""


class Dialect(Protocol):
    """What a proxy asks of one connection's protocol."""

    def commits(self, data: bytes) -> bool:
        """Take the client's next bytes; return whether a COMMIT is complete in them."""

    def answer(self, held: bytes) -> Answer:
        """Return what the server's bytes since the COMMIT say."""


class Unknown:
    """Bytes of some other protocol: there is no COMMIT in them."""

    def commits(self, data: bytes) -> bool:
        return False

    def answer(self, held: bytes) -> Answer:
        return Answer.OTHER


class Postgres:
    """PostgreSQL's messages: simple queries, and statements that are parsed, bound and executed."""

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False
        self._statements: set[bytes] = set()
        self._portals: set[bytes] = set()

    def commits(self, data: bytes) -> bool:
        self._buffer += data
        found = [self._is_commit(kind, body) for kind, body in self._messages()]
        return any(found)

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        """Cut complete messages off the buffer; the first of a connection has no type."""
        while len(self._buffer) >= 5:
            start = 1 if self._greeted else 0
            end = start + int(struct.unpack_from(">I", self._buffer, start)[0])
            if len(self._buffer) < end:
                return
            kind, body = self._buffer[:start], self._buffer[start + 4 : end]
            self._buffer = self._buffer[end:]
            self._greeted = True
            yield kind, body

    def _is_commit(self, kind: bytes, body: bytes) -> bool:
        if kind == b"Q":
            return COMMIT.fullmatch(body.partition(b"\0")[0]) is not None
        if kind == b"P":
            name, text = body.split(b"\0", 2)[:2]
            _keep(self._statements, name, COMMIT.fullmatch(text) is not None)
        elif kind == b"B":
            portal, name = body.split(b"\0", 2)[:2]
            _keep(self._portals, portal, name in self._statements)
        return kind == b"E" and body.partition(b"\0")[0] in self._portals

    def answer(self, held: bytes) -> Answer:
        if b"C\0\0\0\x0bCOMMIT\0" in held:
            return Answer.COMMITTED
        return Answer.OTHER if re.search(rb"Z\0\0\0\x05[ITE]\Z", held) else Answer.OPEN


def _keep(names: set[bytes], name: bytes, wanted: bool) -> None:
    """Let a name be in the set or not."""
    if wanted:
        names.add(name)
    else:
        names.discard(name)


class MariaDB:
    """The packets of MariaDB and MySQL: a length of three bytes, a number that is 0 for each new command."""

    def __init__(self) -> None:
        self._buffer = b""

    def commits(self, data: bytes) -> bool:
        self._buffer += data
        found = False
        while (packet := _packet(self._buffer)) is not None:
            number, body = packet
            self._buffer = self._buffer[4 + len(body) :]
            if number == 0 and body[:1] == bytes([COM_QUERY]):
                found = found or COMMIT.fullmatch(body[1:]) is not None
        return found

    def answer(self, held: bytes) -> Answer:
        packet = _packet(held)
        if packet is None:
            return Answer.OPEN
        return Answer.COMMITTED if packet[1][:1] == b"\0" else Answer.OTHER


def _packet(data: bytes) -> tuple[int, bytes] | None:
    """Return number and body of the first packet, ``None`` while it is not complete."""
    if len(data) < 4:
        return None
    length = int.from_bytes(data[:3], "little")
    return (data[3], data[4 : 4 + length]) if len(data) >= 4 + length else None


def asks_for_encryption(data: bytes) -> bool:
    """Return whether a client's first bytes are PostgreSQL's wish to encrypt, which would hide all the rest."""
    return len(data) == 8 and int.from_bytes(data[4:], "big") in ENCRYPTION_REQUESTS


class Watch:
    """One connection's protocol, known from its first bytes."""

    def __init__(self) -> None:
        self._client = b""
        self._server = b""
        self._dialect: Dialect | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the client has said anything yet."""
        return bool(self._client) or self._dialect is not None

    def client_says(self, data: bytes) -> bool:
        """Take the client's next bytes; return whether a COMMIT is complete in them."""
        if self._dialect is not None:
            return self._dialect.commits(data)
        self._client += data
        if len(self._client) < 8:
            return False
        self._dialect = _recognised(self._client, self._server)
        data, self._client = self._client, b""
        return self._dialect.commits(data)

    def server_says(self, data: bytes) -> None:
        """Take the server's next bytes; only a greeting before the client's first ones matters."""
        if self._dialect is None and len(self._server) < 8:
            self._server += data

    def answer(self, held: bytes) -> Answer:
        """Return what the server's bytes since the COMMIT say."""
        return Answer.OTHER if self._dialect is None else self._dialect.answer(held)


def _recognised(client: bytes, server: bytes) -> Dialect:
    """Return the protocol from the first bytes of each side; the server may have said nothing yet."""
    if server[3:5] == bytes([0, GREETING_VERSION]):
        return MariaDB()
    code = int.from_bytes(client[4:8], "big")
    return Postgres() if code >> 16 == PROTOCOL_3 else Unknown()
