"""Addresses with an ``@`` behind what is read as their host: a piece of a password may be read as host, database or query.

Of ``postgresql://user:pass@word/x@host/db`` the reading is the host ``word`` and the database ``x@host/db``. What no database
is called is refused. What may be meant (a database ``x@y``) is tried, but none of it is shown, and an error says so.
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
"""Databases of which it is known that they are no files: without a host, what is behind the slashes is no path."""


def refuse(text: str, url: URL) -> None:
    """Refuse an address that is not read as it was meant.

    :param url: what it is read as
    :raises ArgumentError: if a password has characters that end it
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
    """Return what of a doubtful address is behind each password that it may have."""
    return "" if _is_in_query(url) else "@" + (url.database or "").rpartition("@")[2]


def pieces(url: URL) -> Iterator[str]:
    """Yield what of a doubtful address may be a piece of a password, as an error may say it."""
    for text in (url.host or "", url.database or "", *_settings(url)):
        yield text
        yield from re.split("[@:/]", text)
    yield str(url.port or "")
    yield str(url)
    yield url.render_as_string(hide_password=True)
