"""Reads addresses of databases, and masks their secret parts wherever they could be shown.

A driver's error may name the user, or quote a part of the address; whoever cannot read a bad address quotes it. So the
user, the password, and the values of the query and of ``connect_args`` are masked: in every error of a connection that
is made here, before anybody else sees the error, and in what is logged about an engine that the user made.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from apscheduler.jobstores._sql.connection import stray
from apscheduler.jobstores._sql.connection.callwatch import dial
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Final

    from sqlalchemy.engine import URL, Engine

MASK: Final = "***"
_HARMLESS: Final = frozenset(
    (
        *(
            "application_name",
            "autocommit",
            "cache",
            "charset",
            "check_same_thread",
            "client_encoding",
        ),
        *(
            "collation",
            "connect_timeout",
            "gssencmode",
            "host",
            "hostaddr",
            "immutable",
            "isolation_level",
        ),
        *(
            "keepalives",
            "keepalives_count",
            "keepalives_idle",
            "keepalives_interval",
            "local_infile",
        ),
        *(
            "mode",
            "nolock",
            "port",
            "prepare_threshold",
            "read_timeout",
            "ssl_check_hostname",
            "sslmode",
        ),
        *(
            "target_session_attrs",
            "tcp_user_timeout",
            "timeout",
            "uri",
            "use_unicode",
            "write_timeout",
        ),
    )
)
"""Names in the query and in ``connect_args`` whose values are no secrets, and so are shown."""


_CANNOT_OPEN: Final = 14  # of SQLite: SQLITE_CANTOPEN
_FILE_ENDS: Final = (".db", ".db3", ".sqlite", ".sqlite3", ".s3db", ".sqlite-db")
_SQLITE_PATH: Final = re.compile(r"sqlite:(?://(?!/))?(?=[^/:]|/[^/])", re.IGNORECASE)
_SQLITE: Final = ("sqlite", "sqlite+pysqlite")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_USER: Final = re.compile(r"^([\w+.-]+://)[^/]*@")


def address_text(url: URL) -> str:
    """Return an address as a text, with user, password, secrets of the query and possible pieces of them masked."""
    if stray.is_doubtful(url):
        return line(f"{url.drivername}://{MASK}{stray.end_of(url)}")
    text = _USER.sub(rf"\1{MASK}@", url.set(query={}).render_as_string(hide_password=True))
    names = "&".join(
        f"{name}={url.query[name] if name in _HARMLESS else MASK}" for name in sorted(url.query)
    )
    return line(f"{text}?{names}" if names else text)


class Secrets:
    """What must not be shown of one address.

    :ivar hint: what to add to an error if the address may have been read in another way than it was meant, else
        ``None``
    """

    def __init__(self, url: URL, options: Mapping[str, Any] = {}) -> None:
        given = {str(each) for each in _given(url, options.get("connect_args") or {}) if each}
        self.hint = stray.HINT if stray.is_doubtful(url) else None
        if self.hint:
            given |= {each for each in stray.pieces(url) if each}
        variants = {
            form for each in given for form in (each, quote(each, safe=""), quote_plus(each))
        }
        words = sorted(variants, key=len, reverse=True)
        pattern = "|".join(map(re.escape, words))
        self._pattern = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)") if words else None

    def mask(self, text: str) -> str:
        """Return a text with each secret replaced."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def mask_in(self, exc: BaseException | None) -> None:
        """Replace the secrets in the texts of an exception and of its causes."""
        seen: set[int] = set()
        while exc is not None and id(exc) not in seen:
            seen.add(id(exc))
            exc.args = tuple(
                self.mask(each) if isinstance(each, str) else each for each in exc.args
            )
            if isinstance(exc, OSError) and isinstance(exc.strerror, str):
                exc.strerror = self.mask(exc.strerror)  # str() of it shows this
            exc = exc.__cause__ or exc.__context__


def _given(url: URL, arguments: Mapping[str, Any]) -> Iterator[Any]:
    yield url.username
    yield url.password
    for values in (url.query, arguments):
        for name, value in values.items():
            if name not in _HARMLESS:
                yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value, and the words of each, as a text may hold several settings."""
    if isinstance(value, str):
        yield value
        # The text may hold settings or a statement, and an error may quote its words one by one.
        yield from (word for word in re.findall(r"[^\s=,;'\"]{6,}", value) if not word.isupper())
    elif isinstance(value, bytes | bytearray):
        yield bytes(value).decode("utf-8", "replace")
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _texts(each)


def file_address(given: Any) -> str | None:
    """Return the address of a SQLite file that was given by its path, ``None`` for everything else."""
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if not isinstance(given, str) or not given.strip() or "@" in given or "?" in given:
        return None
    short = _SQLITE_PATH.match(given)
    if short is not None:
        path = given[short.end() :]
        return None if path == "" else f"sqlite:///{path}"
    if "://" in given or (":" in given and not _DRIVE.match(given)):
        return None
    is_path = given.startswith(("/", "./", "../", "~", ".\\")) or bool(_DRIVE.match(given))
    if not (is_path or given.lower().endswith(_FILE_ENDS) or re.fullmatch(r"[\w.-]+", given)):
        return None
    return f"sqlite:///{Path(given).expanduser() if given.startswith('~') else given}"


def read(url: Any) -> URL:
    """Return an address as SQLAlchemy reads it.

    :raises ArgumentError: if it cannot be read; the error quotes the address only if it is a file's path
    """
    meant = file_address(url)
    if meant is not None:
        raise ArgumentError(
            f"{str(url)!r} is a file and no address: write {meant!r} (three slashes before a path from the current folder, "
            "a fourth begins one from the root)"
        )
    if isinstance(url, str) and url != url.strip():
        raise ArgumentError(
            "the address of the job store has blanks or line ends around it: take them away"
        )
    try:
        parsed = make_url(url)
    except Exception as exc:  # noqa: BLE001 - its text quotes the address
        raise ArgumentError(
            f"the address of the job store cannot be read ({type(exc).__name__}); expected "
            "'dialect://user:password@host:port/database', user and password percent-encoded"
        ) from None
    if isinstance(url, str):
        stray.refuse(url, parsed)
    if parsed.drivername in _SQLITE and (parsed.host or parsed.username or parsed.password):
        raise ArgumentError(  # else SQLAlchemy refuses it, and quotes it
            "an address of SQLite has neither user nor host: write sqlite:///path/from/here.db or "
            "sqlite:////path/from/the/root.db"
        )
    return parsed


def guard(engine: Engine, secrets: Secrets) -> None:
    """Make an engine of ours mask secrets in its errors, and create a new SQLite file for this user alone."""

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        try:
            if dialect.name == "sqlite" and arguments and not options.get("uri"):
                _make_private(arguments[0])
            return dial(dialect, arguments, options)
        except BaseException as exc:
            secrets.mask_in(exc)
            if secrets.hint:
                exc.args = (f"{exc}; {secrets.hint}",)
            if dialect.name == "sqlite" and arguments and not options.get("uri"):
                _say_why(exc, arguments[0])
            raise

    @event.listens_for(engine, "handle_error")
    def _masked(context: Any) -> None:
        secrets.mask_in(context.original_exception)
        secrets.mask_in(context.sqlalchemy_exception)


def _make_private(path: Any) -> None:
    """Create a file that is not there yet, for this user alone; SQLite gives its journals the same mode."""
    if not isinstance(path, str) or path in ("", ":memory:"):
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError:
        return  # it is there, or cannot be made: SQLite's own error says more


def _say_why(exc: BaseException, path: Any) -> None:
    """Add the reason to SQLite's error for a file that cannot be opened (a folder is missing, say)."""
    if getattr(exc, "sqlite_errorcode", None) == _CANNOT_OPEN and isinstance(path, str):
        exc.args = (f"{exc}: {_why_not(Path(path))}",)


def _why_not(path: Path) -> str:
    if path.is_dir():
        return f"{str(path)!r} is a folder: give a file in it"
    folder = path.absolute().parent
    if "~" in path.parts:
        meant = Path(*path.parts[path.parts.index("~") :]).expanduser()
        return f"{str(path)!r}: ~ stands for no folder here; write {str(meant)!r}"
    if folder.is_dir():
        return f"{str(path)!r}: this process may not write in {str(folder)!r}, or not the file"
    return f"{str(path)!r}: there is no folder {str(folder)!r}; make it, or give another path"
