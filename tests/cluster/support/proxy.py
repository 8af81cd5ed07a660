"""A TCP proxy that can be told to be a bad network while connections go through it.

It runs in a thread of its own. Each switch takes effect before its call returns, on all bytes that have not left the
proxy yet. What was read from one side goes to the other in order and whole, or the connection is closed: a stream with
a hole in it is no fault that a network has.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from cluster.support.commits import NO_ENCRYPTION, Answer, Watch, asks_for_encryption
from cluster.support.ports import HOST, reserve

log = logging.getLogger(__name__)

CHUNK = 65_536
READ_AHEAD = 16 * 1024 * 1024
"""About so many bytes of a connection are read while they may not go on."""
PATIENCE = 30.0
"""Seconds within which the loop thread must do what it is told."""


class Network:
    """The state of the network between clients and server. Loop thread only."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.hangs = False
        self.drops_to_client = False
        self.drops_to_server = False
        self.replies_to_drop = 0
        self._changed = asyncio.Event()

    def change(self, **values: float) -> None:
        """Set fields, and let those who wait look again."""
        for name, value in values.items():
            setattr(self, name, value)
        self._changed.set()
        self._changed = asyncio.Event()

    async def permission(self) -> None:
        """Wait until bytes that have just come may go on."""
        clock = asyncio.get_running_loop().time
        came = clock()
        while self.hangs or clock() < came + self.delay:
            left = None if self.hangs else came + self.delay - clock()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    def takes_commit(self) -> bool:
        """Take one of the replies to drop; ``False`` if there are none."""
        if not self.replies_to_drop:
            return False
        self.replies_to_drop -= 1
        return True


class Way:
    """One direction of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def end(self) -> None:
        """Tell the far side that no more bytes come."""
        if not self.writer.transport.is_closing():
            self.writer.write_eof()


class Connection:
    """One client's connection and its continuation to the server. Loop thread only."""

    def __init__(
        self, network: Network, to_server: Way, to_client: Way, on_drop: Callable[[], None]
    ) -> None:
        self.has_hole = False
        self.is_silent = False
        self._network = network
        self._to_server = to_server
        self._to_client = to_client
        self._on_drop = on_drop
        self._watch = Watch()
        self._answer: bytes | None = (
            None  # the server's bytes since a COMMIT, None if not waited for
        )

    async def run(self) -> None:
        """Carry bytes both ways until both sides have ended, or one breaks."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(self._to_server, self._from_client))
                group.create_task(self._carry(self._to_client, self._from_server))
        except* OSError as broken:
            log.debug("a connection broke: %s", broken.exceptions)

    def close(self) -> None:
        """Close both sides at once, whatever is still to be written."""
        for way in (self._to_server, self._to_client):
            way.writer.transport.abort()

    def _is_dropping(self, way: Way) -> bool:
        if way is self._to_server:
            return self._network.drops_to_server
        return self._network.drops_to_client

    async def _carry(self, way: Way, take: Callable[[bytes], None]) -> None:
        """Carry one direction's bytes, and then its end, which are no bytes."""
        while True:
            data = await way.reader.read(CHUNK)
            if self.is_silent:
                await asyncio.Event().wait()  # until this connection is ended
            await self._network.permission()
            if self._is_dropping(way):
                self.has_hole = True
            else:
                take(data)
                await way.writer.drain()
            if not data:
                return

    def _from_client(self, data: bytes) -> None:
        if not data:
            self._to_server.end()
        elif not self._watch.has_begun and asks_for_encryption(data):
            self._to_client.writer.write(NO_ENCRYPTION)
        else:
            if self._watch.client_says(data) and self._network.takes_commit():
                self._answer = b""
            self._to_server.writer.write(data)

    def _from_server(self, data: bytes) -> None:
        self._watch.server_says(data)
        if self._answer is not None:
            self._consider(data)
        elif data:
            self._to_client.writer.write(data)
        if not data:
            self._to_client.end()

    def _consider(self, data: bytes) -> None:
        """Take bytes of the answer to COMMIT: a success is dropped, anything else is passed on."""
        self._answer = (self._answer or b"") + data
        answer = self._watch.answer(self._answer)
        if answer is Answer.COMMITTED:
            self._answer = None
            self.close()
            self._on_drop()
        elif answer is Answer.OTHER or not data:
            self._to_client.writer.write(self._answer)
            self._answer = None
            self._network.replies_to_drop += 1


class Proxy:
    """A TCP proxy on a port of its own; a context manager. Its methods may be called from any thread.

    :ivar port: where it listens, on 127.0.0.1
    :ivar dropped_replies: how many successful answers to COMMIT were kept from their clients
    :ivar reply_dropped: set each time that happens
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.dropped_replies = 0
        self.reply_dropped = threading.Event()
        self._target = (target_host, target_port)
        self._holder = reserve()
        self.port: int = self._holder.getsockname()[1]
        self._network = Network()
        self._running: dict[asyncio.Task[None], Connection | None] = {}
        self._server: asyncio.Server | None = None
        self._ended = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._thread.start()
        self._tell(self._listen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end the thread. Later calls do nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(PATIENCE)
        self._holder.close()

    def heal(self) -> None:
        """Be a good network again, and drop no reply. Connections that lost bytes are closed."""
        self._tell(self._heal)

    def delay(self, seconds: float) -> None:
        """Carry bytes so much later, each way; bytes that queue behind others up to twice as much."""
        self._tell(self._change, delay=seconds)

    def hang(self) -> None:
        """Accept and read, but forward nothing. After ``heal`` all of it arrives, late."""
        self._tell(self._change, hangs=True)

    def cut(self) -> None:
        """Close all connections and refuse new ones, until ``heal``."""
        self._tell(self._cut)

    def silence(self) -> None:
        """Let the connections that are there say nothing any more, for ever; new ones work (a failover)."""
        self._tell(self._silence)

    def drop_to_client(self) -> None:
        """Lose what the server says; what clients say still arrives."""
        self._tell(self._change, drops_to_client=True)

    def drop_to_server(self) -> None:
        """Lose what clients say; what the server says still arrives."""
        self._tell(self._change, drops_to_server=True)

    def drop_commit_reply(self, times: int = 1) -> None:
        """Let the next COMMITs happen, and close the client's connection instead of saying so.

        An answer that is no success is passed on and does not count. The connection must not be encrypted:
        PostgreSQL's clients are told that the server cannot, those of MariaDB must not ask for it.
        """
        self.reply_dropped.clear()
        self._tell(self._change, replies_to_drop=times)

    def _tell(self, what: Callable[..., Coroutine[Any, Any, None]], **how: float) -> None:
        """Have something done in the loop thread, and wait for it.

        :raises RuntimeError: if the proxy is closed
        """
        if not self._thread.is_alive():
            raise RuntimeError("the proxy is closed")
        asyncio.run_coroutine_threadsafe(what(**how), self._loop).result(PATIENCE)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._until_ended())
        self._loop.close()

    async def _until_ended(self) -> None:
        await self._ended.wait()
        await self._cut()

    async def _change(self, **values: float) -> None:
        self._network.change(**values)

    async def _listen(self) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self.port))
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=READ_AHEAD)

    async def _heal(self) -> None:
        holed = [task for task, each in self._running.items() if each and each.has_hole]
        await self._end(holed)
        self._network.change(
            delay=0.0, hangs=False, drops_to_client=False, drops_to_server=False, replies_to_drop=0
        )
        if self._server is None:
            await self._listen()

    async def _silence(self) -> None:
        for connection in self._running.values():
            if connection is not None:
                connection.is_silent = True

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end(list(self._running))

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """End connections; their sockets are closed when this returns."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._connect(reader, writer))
        self._running[task] = None
        task.add_done_callback(self._running.pop)
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be one connection, from its acceptance to its end."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target, limit=READ_AHEAD)
        except OSError as refused:
            log.debug("the target does not answer: %s", refused)
            return
        connection = Connection(
            self._network, Way(reader, far_writer), Way(far_reader, writer), self._note_drop
        )
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = connection
        try:
            await connection.run()
        finally:
            connection.close()

    def _note_drop(self) -> None:
        self.dropped_replies += 1
        self.reply_dropped.set()
