"""Writes outcomes into the ledger in groups: those that arrive while one group is written form the next.

A claim's transaction also writes the outcomes that wait here, so a busy scheduler pays one commit for both. Outcomes
that cannot be written now (no store, a lock) wait, in order, until they can. Writing an outcome twice changes nothing
(rule 15).
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from threading import Event, Lock, RLock, Thread, current_thread

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from apscheduler import clocks
from apscheduler.cluster.points import reached
from apscheduler.forks import look
from apscheduler.history.outcomes import Outcome
from apscheduler.history.states import LOST, RUNNING, STATES
from apscheduler.jobstores._sql.claiming.catching_up import CatchUps, Portion, Rest
from apscheduler.jobstores._sql.claiming.claims import Settled, StoreClaim
from apscheduler.jobstores._sql.connection.database import is_retryable
from apscheduler.jobstores._sql.connection.remedies import cause_of
from apscheduler.runs.failures import TEXT_LIMIT, capped, story_of
from apscheduler.runs.ledger import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.claiming.catching_up import CatchUp
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.runs.claims import Result

_GROUP = 2000
"""At most this many outcomes are written in one transaction."""
_RETRY_SECONDS = 0.5
_END_SECONDS = 5.0


class Outbox:
    """Any thread adds outcomes; the outbox's own thread, or a claim, writes them.

    :param on_trouble: told what cannot be written, and what came too late
    :param patience: seconds for which a closed outbox tries to write
    :ivar is_drained: returns whether, after :meth:`close`, another thread calls :meth:`is_done` until nothing is held
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        on_trouble: Callable[[str, BaseException | None], object],
        *,
        keep_results: bool,
        patience: float = 15.0,
    ) -> None:
        self._database = database
        self._statements = statements
        self._on_trouble = on_trouble
        self._keep_results = keep_results
        self._patience = patience
        self.is_drained: Callable[[], bool] = lambda: False
        self._failing_since: float | None = None
        self._waiting: deque[Settled] = deque()
        self._in_hand = 0  # taken from the queue, and not written yet
        self._taking = RLock()
        self._starting = Lock()
        self._news = Event()
        self._closed = False
        self._thread: Thread | None = None
        self.catch_ups = CatchUps(statements)

    def __len__(self) -> int:
        return len(self._waiting) + self._in_hand

    def is_empty(self) -> bool:
        """Return whether everything is written. After :meth:`close`, first try to write what waits."""
        return not len(self) or (self._closed and self._flush_reported() and not len(self))

    def settle(self, claim: StoreClaim, result: Result) -> None:
        """Queue an outcome, to be written soon."""
        self._add(Settled(claim, result.fire, result, self._texts(result)))

    def give_back(self, claim: StoreClaim, fire: int) -> None:
        """Queue that a run was not started, so that any node can claim it."""
        self._add(Settled(claim, fire, None, None))

    def give_back_all(self, claim: StoreClaim, fires: Iterable[int]) -> None:
        """Queue that these runs of a claim were not started, nor what follows them in its catch-up."""
        for fire in fires:
            if claim.take(fire):
                self.give_back(claim, fire)
        rest = None if claim.catch_up is None else claim.catch_up.end()
        self.give_back_rests([] if rest is None else [rest])

    def give_back_rests(self, rests: Iterable[Settled]) -> None:
        """Queue that these rests of catch-ups were not started, so that any node can claim them."""
        for rest in rests:
            self._add(rest)

    def _add(self, item: Settled) -> None:
        self._waiting.append(item)
        if not self._closed:
            self._tell_thread()
        elif not self.is_drained():
            self._flush_reported()

    def _tell_thread(self) -> None:
        """Wake the outbox's thread; start it if there is none."""
        if self._news.is_set():
            return
        try:
            if self._thread is None:
                self._start()
        except RuntimeError:  # the interpreter ends, or the process is at its limit of threads
            self._flush_reported()
            return
        self._news.set()

    def _start(self) -> None:
        with self._starting:  # not ``_taking``, which is held during I/O: an event loop may settle
            if self._thread is None:
                thread = Thread(target=self._run, name="APScheduler ledger", daemon=True)
                thread.start()
                self._thread = thread  # only now: if the start fails, the next outcome tries again

    def _run(self) -> None:
        while not self._closed:
            self._news.wait()
            self._news.clear()
            if not self._flush_reported() and not self._closed:
                self._pause.wait(_RETRY_SECONDS)
                self._news.set()

    _pause = Event()
    """An Event nobody sets: waiting on it is a sleep that tests can replace."""

    def close(self) -> None:
        """Write what waits, and end the outbox's thread. From then on the thread that adds an outcome writes it.

        Where another thread drains the store (``is_drained``), that one writes it: an event loop may be adding it.
        """
        self._closed = True
        self._news.set()
        if self._waiting:
            self._flush_reported()
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join(_END_SECONDS)

    def is_done(self) -> bool:
        """Try to write what a closed outbox holds; return whether it holds nothing any more.

        Gives up what is not written within ``patience`` seconds of the first failure.
        """
        if not len(self) or self._flush_reported():
            return True
        now = clocks.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since < self._patience:
            return False
        self._on_trouble(
            f"Outcomes of {len(self._waiting)} runs could not be written within {self._patience:.0f} s after the "
            "shutdown and are given up: other processes record these runs as lost, or run them again",
            None,
        )
        self._waiting.clear()
        return True

    def forked(self) -> None:
        """Called in a forked child: the outcomes and the thread are the parent's."""
        self._waiting.clear()
        self._in_hand = 0
        self._taking = RLock()
        self._thread = None

    def _flush_reported(self) -> bool:
        try:
            self.flush()
        except Exception as exc:  # noqa: BLE001 - tried again; whatever a driver raises
            self._on_trouble("Outcomes of runs could not be written yet; they are kept", exc)
            return False
        return True

    def flush(self) -> None:
        """Write everything that waits.

        :raises sqlalchemy.exc.DBAPIError: if something cannot be written; it still waits
        """
        look()
        while self._waiting:
            self._database.retried(self._flush_group)
        with self._taking:  # wait for a group that another thread is writing
            return

    def _flush_group(self) -> None:
        with self._taken() as items:
            if not items:
                return
            try:
                self._write_alone(items)
            except (DBAPIError, UnicodeError) as exc:
                # If the text is not the cause (but a full disk, for example), everything waits until it can be written.
                if cause_of(exc) is not None or is_retryable(exc) or not _drop_texts(items):
                    raise
                self._on_trouble("The database refused an outcome's text; it goes without", exc)
                self._write_alone(items)

    def _write_alone(self, items: list[Settled]) -> None:
        named = self._database.watch.named("outcomes of runs")
        with named, self._database.transaction() as connection:
            reached("settle.begun")
            self.write(connection, items)
            reached("settle.written")
        reached("settle.committed")

    @contextmanager
    def _taken(self) -> Iterator[list[Settled]]:
        """Take a group to write. If the caller's block raises, the group waits again, for a claim or our thread."""
        with self._taking:
            items: list[Settled] = []
            while self._waiting and len(items) < _GROUP:
                self._in_hand += 1
                items.append(self._waiting.popleft())
            try:
                yield items
            except BaseException:
                self._waiting.extendleft(reversed(items))
                self._in_hand = 0
                self.catch_ups.forget_extended()
                if items and not self._closed:
                    self._tell_thread()  # it found nothing meanwhile, and no other claim may ever come
                raise
            self._in_hand = 0
            extended = self.catch_ups.extended()
        for catch_up, permitted in extended:
            self._go_on(catch_up, permitted)

    def _go_on(self, catch_up: CatchUp, permitted: int) -> None:
        """Hand over fire times that were permitted. What an executor raises is reported, not raised to the caller."""
        try:
            catch_up.permit(permitted)
        except Exception as exc:  # noqa: BLE001 - an executor that takes nothing more, whatever it raises
            self._on_trouble("What follows of a catch-up could not be handed over", exc)
            rest = catch_up.end()
            self.give_back_rests([] if rest is None else [rest])

    taken = _taken

    # -- writing ----------------------------------------------------------------------------------------

    def write(self, connection: Connection, items: list[Settled]) -> None:
        """Write these in the caller's transaction."""
        if self.catch_ups.alive:
            self.catch_ups.extend(connection, items)
        plain = [item for item in items if item.result is not None and item.texts is None]
        if plain:
            rows = [_row(item) for item in plain]
            if self._statements.settle(connection, rows) != len(rows):
                for item in plain:
                    self._resolve(connection, item)
        for item in items:
            if item.result is None:
                self._give_back_in(connection, item)
            elif item.texts is not None and not self._write_one(connection, item):
                self._resolve(connection, item)

    def _give_back_in(self, connection: Connection, item: Settled) -> None:
        statements, claim = self._statements, item.claim
        if not isinstance(claim, Portion):
            connection.execute(statements.give_back, _key(item))
        elif isinstance(item, Rest):
            values = {**_key(item), "lead": claim.catch_up.lead}
            connection.execute(statements.give_back_rest, values)
        else:
            connection.execute(statements.give_back_portion, _key(item))

    def _write_one(self, connection: Connection, item: Settled) -> bool:
        values = {**_key(item), **_outcome(item)}
        return connection.execute(self._statements.settle_one, values).rowcount == 1

    def _resolve(self, connection: Connection, item: Settled) -> None:
        """Look at a run that did not take its outcome: it has it already, was closed as lost, or was taken over."""
        runs = self._statements.tables.runs
        key = _key(item)
        this = [runs.c[name] == key[name] for name in ("job_id", "generation", "kind", "fire_us")]
        row = connection.execute(
            select(runs.c.state, runs.c.token, runs.c.node).where(*this)
        ).first()
        mine = row is not None and row.token == item.claim.token
        wanted = STATES[item.outcome] if item.outcome is not None else RUNNING
        if mine and row is not None and row.state == wanted:
            return
        if mine and row is not None and row.state == LOST:
            connection.execute(
                runs.update()
                .where(*this, runs.c.token == item.claim.token, runs.c.state == LOST)
                .values(late_word=1, **_outcome(item))
            )
            return
        self._on_trouble(
            f"A late word about job {item.claim.job.id!r} ({item.outcome}) changes nothing: its run was "
            "taken over when this scheduler's lease ended",
            None,
        )

    def _texts(self, result: Result) -> tuple[str | None, ...] | None:
        """Return reason, error, traceback and result as texts; ``None`` where there are none."""
        value = None
        if self._keep_results and result.outcome is Outcome.EXECUTED and result.retval is not None:
            value = _shown(result.retval)
        if (
            result.exception is None
            and result.traceback is None
            and result.reason is None
            and value is None
        ):
            return None
        error = None if result.exception is None else one_line(result.exception)
        story = story_of(result)
        trace = None if story is None else capped(story)
        return tuple(_storable(each) for each in (result.reason, error, trace, value))


def _drop_texts(items: list[Settled]) -> bool:
    """Remove the texts, which the database may have refused; return whether there were any."""
    found = [item for item in items if item.texts is not None]
    for item in found:
        item.texts = None
    return bool(found)


def _key(item: Settled) -> dict[str, Any]:
    claim = item.claim
    return {
        "job_id": claim.job.id,
        "generation": claim.generation,
        "kind": claim.kind,
        "fire_us": item.fire,
        "token": claim.token,
        "node": claim.epoch,
    }


def _outcome(item: Settled) -> dict[str, Any]:
    result = item.result
    if result is None:
        raise TypeError("a run that is given back has no outcome")
    reason, error, trace, value = item.texts or (None, None, None, None)
    offset = item.claim.offset
    return {
        "state": STATES[result.outcome],
        "started_us": result.started + offset if result.started else None,
        "finished_us": result.finished + item.offset,
        "reason": reason,
        "error": error,
        "traceback": trace,
        "result": value,
    }


def _row(item: Settled) -> tuple[Any, ...]:
    claim, result = item.claim, item.result
    if result is None:
        raise TypeError("a run that is given back has no outcome")
    offset = claim.offset
    return (
        claim.job.id,
        claim.generation,
        claim.kind,
        item.fire,
        claim.token,
        claim.epoch,
        STATES[result.outcome],
        result.started + offset if result.started else None,
        result.finished + item.offset,
    )


def _storable(text: str | None) -> str | None:
    """Return the text with NUL and lone surrogates escaped, because not every database takes them."""
    if text is None:
        return None
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def _shown(value: object) -> str:
    try:
        return repr(value)[:TEXT_LIMIT]
    except Exception as exc:  # noqa: BLE001 - a user's __repr__
        return f"<{type(value).__name__} whose repr raised {type(exc).__name__}>"
