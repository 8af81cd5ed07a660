"""Handles addresses with an ``@`` after the host: a piece of a password may be read as host, database or query.

``postgresql://user:pass@word/x@host/db`` is read as the host ``word`` and the database ``x@host/db``. A database name
that cannot be meant is refused. One that may be meant (``x@y``) is tried, but at most what follows its last ``@`` is
shown, and errors have a hint.
"""

from __future__ import annotations

import re

from sqlalchemy.exc import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from sqlalchemy.engine import URL

_ENCODE: Final = "percent-encode user and password (urllib.parse.quote_plus does), so that an @ in them is %40, and a / is %2F"
HINT: Final = (
    f"the address of the job store has an @ behind its host: if the password has it, {_ENCODE}"
)
_BEFORE_HOST: Final = re.compile(r"[\w+]+://(?:[^:/]*(?::[^@]*)?@)?")
"""What SQLAlchemy reads as scheme, user and password."""
_FILES: Final = frozenset(("duckdb", "sqlite"))
_SERVERS: Final = frozenset(
    ("cockroachdb", "mariadb", "mssql", "mysql", "oracle", "postgres", "postgresql", "redshift")
)
"""Databases that are known to be servers: even without a host, what follows the slashes is not a path."""


def refuse(text: str, url: URL) -> None:
    """Refuse an address that is not read as it was meant.

    :param url: what it is read as
    :raises ArgumentError: if a password seems to have characters that end it
    """
    if url.host and "@" in url.host:  # the end of a password: not to be shown
        raise ArgumentError(
            f"the address of the job store has more than one @ before its host: {_ENCODE}"
        )
    start = _BEFORE_HOST.match(text)
    if start is None or _is_file(url):
        return
    path, _, query = text[start.end() :].partition("?")
    is_path = (
        not url.host and url.get_backend_name() not in _SERVERS
    )  # of a file, as far as is known
    behind = path.rpartition("@")[2] if "@" in path and not is_path else ""
    if re.search("[:/]", behind) or any(map(_is_no_setting, query.split("&"))):
        raise ArgumentError(
            f"the address of the job store has an @ behind its host: {_ENCODE}; a database of such a name is given by "
            "sqlalchemy.URL.create()"
        )


def _is_no_setting(item: str) -> bool:
    return "@" in item.partition("=")[0]


def _is_file(url: URL) -> bool:
    return not url.host and url.get_backend_name() in _FILES


def is_doubtful(url: URL) -> bool:
    """Return whether what is read as host, database or query may be a piece of a password."""
    return not _is_file(url) and ("@" in (url.database or "") or _is_in_query(url))


def _is_in_query(url: URL) -> bool:
    return any("@" in text for text in _settings(url))


def _settings(url: URL) -> Iterator[str]:
    for name, values in url.query.items():
        yield name
        yield from [values] if isinstance(values, str) else values


def end_of(url: URL) -> str:
    """Return the end of a doubtful address, after any password that it may have."""
    return "" if _is_in_query(url) else "@" + (url.database or "").rpartition("@")[2]


def pieces(url: URL) -> Iterator[str]:
    """Yield the parts of a doubtful address that may be pieces of a password, as errors may show them."""
    for text in (url.host or "", url.database or "", *_settings(url)):
        yield text
        yield from re.split("[@:/]", text)
    yield str(url.port or "")
    yield str(url)
    yield url.render_as_string(hide_password=True)
