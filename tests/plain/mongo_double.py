"""A server that answers PyMongo as MongoDB does, as far as the job store asks: NOT MongoDB.

No server package of MongoDB installs on Debian 12, so what the store's tests show is that it and the real driver agree on
the wire protocol's messages, and that 3.11.3 and ours ask the same of it. Whether MongoDB itself does what this file
takes it to do was not tried. A command, filter or option that is not known here is an error, never a guess.
"""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any, Self

import bson

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_IGNORED = {"$db", "lsid", "$readPreference", "$clusterTime", "txnNumber", "writeConcern"}
_DUPLICATE_KEY, _NO_SUCH_COMMAND = 11000, 59


class MongoDouble:
    """The server; a context manager.

    :ivar collections: by database and name, the documents by their id
    :ivar asked: the commands, without those that keep connections
    """

    def __init__(self) -> None:
        self.collections: dict[tuple[str, str], dict[Any, dict[str, Any]]] = {}
        self.indexes: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.asked: list[dict[str, Any]] = []
        self._lock = Lock()
        double = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                while True:
                    header = _received(self.request, _HEADER.size)
                    if header is None:
                        return
                    length, number, _, code = _HEADER.unpack(header)
                    body = _received(self.request, length - _HEADER.size)
                    if body is None:
                        return
                    self.request.sendall(double._answer(number, code, body))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # -- messages -----------------------------------------------------------------------------------

    def _answer(self, number: int, code: int, body: bytes) -> bytes:
        if code == _OP_QUERY:
            start = body.index(b"\0", 4) + 1 + 8
            reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(
                self._do(bson.decode(body[start:]))
            )
            code = _OP_REPLY
        else:
            assert code == _OP_MSG, code
            reply = struct.pack("<I", 0) + b"\0" + bson.encode(self._do(_command(body)))
        return _HEADER.pack(_HEADER.size + len(reply), 0, number, code) + reply

    def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        method = getattr(self, f"_do_{name.lower()}", None)
        if method is None:
            return {"ok": 0.0, "errmsg": f"no such command: {name}", "code": _NO_SUCH_COMMAND}
        options = {key: value for key, value in command.items() if key not in _IGNORED}
        place = (str(command.get("$db")), str(options.pop(name)))
        with self._lock:
            if name.lower() not in {"hello", "ismaster", "endsessions", "ping"}:
                self.asked.append(command)
            return {"ok": 1.0, **method(place, options)}

    def _do_hello(self, place: Any, options: Any) -> dict[str, Any]:
        return {
            "helloOk": True,
            "ismaster": True,
            "isWritablePrimary": True,
            "maxBsonObjectSize": 16 * 1024**2,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
        }

    _do_ismaster = _do_hello

    def _do_ping(self, place: Any, options: Any) -> dict[str, Any]:
        return {}

    _do_endsessions = _do_ping

    def _do_createindexes(self, place: Any, options: Any) -> dict[str, Any]:
        kept = self.indexes.setdefault(place, [])
        kept += [each for each in options["indexes"] if each not in kept]
        return {}

    def _do_insert(self, place: Any, options: Any) -> dict[str, Any]:
        kept = self.collections.setdefault(place, {})
        errors = []
        for position, document in enumerate(options["documents"]):
            if document["_id"] in kept:
                text = f"E11000 duplicate key error: {document['_id']!r}"
                errors.append({"index": position, "code": _DUPLICATE_KEY, "errmsg": text})
            else:
                kept[document["_id"]] = document
        done = {"n": len(options["documents"]) - len(errors)}
        return done | ({"writeErrors": errors} if errors else {})

    def _do_find(self, place: Any, options: Any) -> dict[str, Any]:
        known = {"filter", "projection", "sort", "limit", "singleBatch", "batchSize"}
        assert options.keys() <= known, options
        kept = self.collections.get(place, {})
        found = [each for each in kept.values() if _matches(each, options.get("filter", {}))]
        for key, direction in reversed(list(options.get("sort", {}).items())):
            # Null comes before all numbers.
            found.sort(
                key=lambda each: (each[key] is not None, each[key] or 0), reverse=direction < 0
            )
        found = found[: options["limit"]] if options.get("limit") else found
        wanted = options.get("projection")
        if wanted:
            names = {"_id", *wanted} - {key for key, value in wanted.items() if not value}
            found = [{key: each[key] for key in each if key in names} for each in found]
        return {"cursor": {"id": bson.Int64(0), "ns": ".".join(place), "firstBatch": found}}

    def _do_update(self, place: Any, options: Any) -> dict[str, Any]:
        (update,) = options["updates"]
        assert update.keys() <= {"q", "u", "multi", "upsert"}, update
        assert update["u"].keys() == {"$set"}, update
        assert not update.get("upsert"), update
        assert not update.get("multi"), update
        found = self._found(place, update["q"])[:1]
        for document in found:
            document.update(update["u"]["$set"])
        return {"n": len(found), "nModified": len(found)}

    def _do_delete(self, place: Any, options: Any) -> dict[str, Any]:
        (delete,) = options["deletes"]
        assert delete.keys() <= {"q", "limit"}, delete
        found = self._found(place, delete["q"])
        found = found[:1] if delete["limit"] else found
        for document in found:
            del self.collections[place][document["_id"]]
        return {"n": len(found)}

    def _found(self, place: Any, condition: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            each for each in self.collections.get(place, {}).values() if _matches(each, condition)
        ]


def _matches(document: dict[str, Any], condition: dict[str, Any]) -> bool:
    return all(_meets(document.get(key), wanted) for key, wanted in condition.items())


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    # Only values of the same kind are compared: null is not less than a number.
    "$lte": lambda value, operand: value is not None and value <= operand,
    "$ne": lambda value, operand: value != operand,
    "$in": lambda value, operand: value in operand,
    "$nin": lambda value, operand: value not in operand,
}


def _meets(value: Any, wanted: Any) -> bool:
    """Return whether a value is the one wanted, or meets all operators; one that is not known is a KeyError."""
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    return all(_OPERATORS[operator](value, operand) for operator, operand in wanted.items())


def _command(body: bytes) -> dict[str, Any]:
    """Return the document of an OP_MSG, with its sequences in place."""
    position, found, sequences = 4, {}, {}
    while position < len(body):
        kind = body[position]
        size = struct.unpack_from("<i", body, position + 1)[0]
        section = body[position + 1 : position + 1 + size]
        if kind == 0:
            found = bson.decode(section)
        else:
            end = section.index(b"\0", 4)
            sequences[section[4:end].decode()] = bson.decode_all(section[end + 1 :])
        position += 1 + size
    return {**found, **sequences}


def _received(connection: Any, count: int) -> bytes | None:
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            return None
        content += part
    return content
