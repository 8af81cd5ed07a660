"""A server that answers RethinkDB's Python driver as RethinkDB does, as far as the job store asks: NOT RethinkDB.

No server package of RethinkDB installs on Debian 12, so what the store's tests show is that it and the real driver agree
on the handshake and the messages, and that 3.11.3 and ours ask the same of it. Whether RethinkDB itself does what this
file and ``reql.py`` take it to do was not tried.
"""

from __future__ import annotations

import json
import socket
import socketserver
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import pbkdf2_hmac, sha256
from hmac import digest
from threading import Lock, Thread
from typing import Any, Self

from plain.reql import ReqlError, Tables

_HEADER = struct.Struct("<QI")
_V1_0 = 0x34C2BDC3
_START, _CONTINUE, _STOP, _NOREPLY_WAIT, _SERVER_INFO = range(1, 6)
_ATOM, _SEQUENCE, _PARTIAL, _WAIT_COMPLETE, _INFO = range(1, 6)
_CLIENT_ERROR, _WRONG_PASSWORD = 16, 12
_DEFAULT_DATABASE = [14, ["test"]]
_SALT, _ROUNDS = b"0123456789abcdef", 64


class RethinkDouble:
    """The server; a context manager.

    :ivar tables: what it holds
    :ivar asked: the queries' terms
    :ivar batch: how many rows go into one answer
    :ivar on_query: called with each before it is answered
    """

    def __init__(self, password: str = "") -> None:
        self.tables = Tables()
        self.asked: list[Any] = []
        self.batch = 1000
        self.on_query: Callable[[Any], object] = lambda term: None
        self.password = password
        self.port = 0
        self._lock = Lock()
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        double = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with double._lock:
                    double._open.add(self.request)
                try:
                    with suppress(EOFError, OSError):  # it hung up, or was hung up on
                        _Session(double, self.request).serve()
                finally:
                    with double._lock:
                        double._open.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()
        self._thread.join()

    def hang_up(self) -> None:
        """Close every connection."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):  # its client hung up this moment
                    each.shutdown(socket.SHUT_RDWR)

    def run(self, term: Any, database: Any) -> tuple[bool, Any]:
        """Return whether the result is a stream, and the result."""
        self.asked.append(term)
        self.on_query(term)
        with self._lock:
            return self.tables.run(term, database)


class _Session:
    """One connection."""

    def __init__(self, double: RethinkDouble, connection: socket.socket) -> None:
        self._double = double
        self._socket = connection
        self._rest: dict[int, list[Any]] = {}

    def serve(self) -> None:
        if not self._greet():
            return
        while True:
            token, length = _HEADER.unpack(self._received(_HEADER.size))
            answer = self._answer(token, json.loads(self._received(length)))
            if answer is not None:
                content = json.dumps(answer).encode()
                self._socket.sendall(_HEADER.pack(token, len(content)) + content)

    def _received(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            part = self._socket.recv(count - len(content))
            if not part:
                raise EOFError
            content += part
        return content

    # -- handshake ----------------------------------------------------------------------------------

    def _greet(self) -> bool:
        assert struct.unpack("<I", self._received(4)) == (_V1_0,)
        self._say({"min_protocol_version": 0, "max_protocol_version": 0, "server_version": "2.4.4"})
        first = self._heard()
        assert first["authentication_method"] == "SCRAM-SHA-256", first
        bare = first["authentication"].removeprefix("n,,")
        nonce = dict(part.split("=", 1) for part in bare.split(","))["r"] + "server"
        challenge = f"r={nonce},s={b64encode(_SALT).decode()},i={_ROUNDS}"
        self._say({"authentication": challenge})
        final = self._heard()["authentication"]
        without_proof, _, proof = final.rpartition(",p=")
        message = f"{bare},{challenge},{without_proof}".encode()
        salted = pbkdf2_hmac("sha256", self._double.password.encode(), _SALT, _ROUNDS)
        key = digest(salted, b"Client Key", "sha256")
        signature = digest(sha256(key).digest(), message, "sha256")
        if bytes(a ^ b for a, b in zip(key, signature, strict=True)) != b64decode(proof):
            self._say({"error": "Wrong password", "error_code": _WRONG_PASSWORD}, success=False)
            return False
        verified = digest(digest(salted, b"Server Key", "sha256"), message, "sha256")
        self._say({"authentication": f"v={b64encode(verified).decode()}"})
        return True

    def _say(self, message: dict[str, Any], *, success: bool = True) -> None:
        self._socket.sendall(json.dumps({"success": success, **message}).encode() + b"\0")

    def _heard(self) -> Any:
        content = b""
        while not content.endswith(b"\0"):
            content += self._received(1)
        return json.loads(content[:-1])

    # -- queries ------------------------------------------------------------------------------------

    def _answer(self, token: int, query: list[Any]) -> dict[str, Any] | None:
        kind = query[0]
        if kind == _START:
            return self._started(token, query)
        if kind == _CONTINUE:
            return self._portion(token)
        if kind == _STOP:
            self._rest.pop(token, None)
            return {"t": _SEQUENCE, "r": []}
        if kind == _NOREPLY_WAIT:
            return {"t": _WAIT_COMPLETE, "r": []}
        assert kind == _SERVER_INFO, query
        return {"t": _INFO, "r": [{"id": "0", "name": "double", "proxy": False}]}

    def _started(self, token: int, query: list[Any]) -> dict[str, Any] | None:
        options = query[2] if len(query) > 2 else {}
        try:
            is_stream, found = self._double.run(query[1], options.get("db", _DEFAULT_DATABASE))
        except ReqlError as exc:
            return {"t": exc.kind, "e": exc.code, "r": [str(exc)], "b": []}
        if options.get("noreply"):
            return None
        if not is_stream:
            return {"t": _ATOM, "r": [found]}
        self._rest[token] = found
        return self._portion(token)

    def _portion(self, token: int) -> dict[str, Any]:
        found = self._rest.pop(token, None)
        if (
            found is None
        ):  # the driver asks on before it has looked at the answer, and takes no note of this one
            return {"t": _CLIENT_ERROR, "r": [f"Token {token} not in stream cache."], "b": []}
        now, later = found[: self._double.batch], found[self._double.batch :]
        if later:
            self._rest[token] = later
        return {"t": _PARTIAL if later else _SEQUENCE, "r": now, "n": []}
