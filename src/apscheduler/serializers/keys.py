"""The secrets that sign, by their identifiers: one signs, all verify, so that keys can be rotated.

No text that this module makes holds a secret or a part of one: no repr, no error.
"""

from __future__ import annotations

import hmac
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

SHORTEST = 16
"""The fewest bytes that a secret may have."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ID_WORDS = "1 to 64 letters, digits, '_', '.' or '-'"


class Keyring:
    """The keys of one serializer. Keeps HMAC states, not the secrets they were made of.

    :param keys: identifier -> secret (bytes, or text as UTF-8), the one that signs first
    :raises TypeError: if it is no mapping, or a secret neither bytes nor text
    :raises ValueError: without keys, for a secret that is too short, or an identifier of other characters
    """

    __slots__ = ("_states", "signing")

    def __init__(self, keys: Mapping[str, bytes | str]) -> None:
        if not isinstance(keys, Mapping):
            raise TypeError(f"keys must map key ids to secrets, not be a {type(keys).__name__}")
        if not keys:
            raise ValueError("keys must hold at least one key: {'2030-01': secret}")
        self._states = {_checked_id(key): _started(key, secret) for key, secret in keys.items()}
        self.signing = next(iter(self._states))

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def digest(self, key: str, message: bytes) -> bytes:
        """Return the HMAC-SHA256 (32 bytes) of a message by the key of that identifier."""
        state = self._states[key].copy()
        state.update(message)
        return state.digest()

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not pickled: make the serializer where it is used")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ({', '.join(self._states)})>"


def _started(key: str, secret: bytes | str) -> hmac.HMAC:
    if isinstance(secret, str):
        secret = secret.encode()
    if not isinstance(secret, bytes):
        raise TypeError(
            f"the secret of key {key!r} must be bytes or str, not {type(secret).__name__}"
        )
    if len(secret) < SHORTEST:
        raise ValueError(
            f"the secret of key {key!r} has {len(secret)} bytes: at least {SHORTEST} random ones are needed, "
            "for example secrets.token_bytes(32)"
        )
    return hmac.new(secret, digestmod="sha256")


def _checked_id(key: object) -> str:
    if not isinstance(key, str) or _ID.fullmatch(key) is None:
        raise ValueError(f"{key!r} cannot be the id of a key: write {_ID_WORDS}")
    return key


def keys_from_file(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return the keys in a file: one ``id:secret in hexadecimal`` per line, the one that signs first.

    Empty lines and lines that begin with ``#`` are passed over.

    :raises OSError: if the file cannot be read
    :raises PermissionError: if others than its owner may read or write it (not asked on Windows)
    :raises ValueError: if a line is not of this form (told by its number), or there are no keys
    """
    shown = line(str(path))
    with Path(path).open(encoding="utf-8") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name != "nt" and mode & 0o077:
            raise PermissionError(
                f"{shown} holds keys, and others than its owner have rights to it (mode {mode:o}): "
                f"chmod 600 {shown}"
            )
        return _keys(file.read().splitlines(), "line", shown)


def keys_from_environment(name: str) -> dict[str, bytes]:
    """Return the keys in an environment variable: as in a file, or separated by commas.

    :raises LookupError: if the variable is not set
    :raises ValueError: as for :func:`keys_from_file`
    """
    try:
        text = os.environ[name]
    except KeyError:
        raise LookupError(
            f"the environment variable {line(name)} is not set: it should hold keys as 'id:secret in hexadecimal'"
        ) from None
    return _keys(re.split(r"[,\n]", text), "entry", f"${line(name)}")


def _keys(entries: list[str], what: str, source: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, entry in enumerate(entries, 1):
        text, place = entry.strip(), f"{what} {number} of {source}"
        if not text or text.startswith("#"):
            continue
        key, secret = _key(text, place)
        if key in found:
            raise ValueError(f"{place} gives the key {key!r} a second time")
        found[key] = secret
    if not found:
        raise ValueError(f"{source} holds no keys: write one 'id:secret in hexadecimal' per line")
    return found


def _key(text: str, place: str) -> tuple[str, bytes]:
    key, colon, digits = text.partition(":")
    key = key.strip()
    # Malformed text may itself be a secret, so the error names only its place.
    if not colon or _ID.fullmatch(key) is None:
        raise ValueError(f"{place} is not 'id:secret in hexadecimal' (an id has {_ID_WORDS})")
    try:
        secret = bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"{place}: the secret of key {key!r} is not hexadecimal") from None
    if len(secret) < SHORTEST:
        raise ValueError(
            f"{place}: the secret of key {key!r} has {len(secret)} bytes, and at least {SHORTEST} are "
            f"needed ({2 * SHORTEST} hexadecimal digits)"
        )
    return key, secret
