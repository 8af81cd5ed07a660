r"""The signed envelope around a job's bytes: what it looks like, and what its signature covers.

    magic    b"\xffTickwright-signed"
    version  1 byte, 1
    kind     1 byte: what the payload is, "P" a pickle, "J" JSON
    key id   1 byte length, then ASCII
    digest   32 bytes, HMAC-SHA256
    payload  the rest

The digest is of version, kind, store, job id, key id and payload, each preceded by its length, so that no two
different lists of them give one message. Store and job id are not written: the reader knows where it found the bytes,
and bytes that were moved to another store or job do not verify.
"""

from __future__ import annotations

import hmac

from apscheduler.serializers.base import (
    SIGNED_MAGIC,
    BadSignatureError,
    DeserializationError,
    NewerVersionError,
    UnknownKeyError,
    UnsignedError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from apscheduler.serializers.keys import Keyring

VERSION: Final = 1
KINDS: Final = {b"P": "SignedPickleSerializer", b"J": "SignedJSONSerializer"}

_DOMAIN: Final = b"tickwright job"
_HEAD: Final = len(SIGNED_MAGIC) + 3
_DIGEST: Final = 32


def seal(payload: bytes, kind: bytes, keys: Keyring, store: str, job_id: str) -> bytes:
    """Return the payload in an envelope that the first key signs.

    :param kind: one of ``KINDS``
    """
    key = keys.signing
    name = key.encode("ascii")
    digest = keys.digest(key, _message(kind, store, job_id, name, payload))
    return b"".join(
        (SIGNED_MAGIC, bytes((VERSION,)), kind, bytes((len(name),)), name, digest, payload)
    )


def unseal(data: bytes, kind: bytes, keys: Keyring, store: str, job_id: str) -> bytes:
    """Return the payload; it is not looked at before the signature was found right.

    :param kind: what the caller reads
    :raises UnsignedError: if there is no envelope
    :raises NewerVersionError: if a later release made the envelope
    :raises UnknownKeyError: if none of the keys signed it
    :raises BadSignatureError: if it was changed, cut short, or signed for another store or job
    :raises DeserializationError: if it is of another kind
    """
    place = f"job {job_id!r} in {store!r}"
    if not data.startswith(SIGNED_MAGIC):
        raise UnsignedError(
            f"{place} is not signed, and this store takes signed jobs only: write it with a signing "
            "serializer, or adopt the store once with SignedPickleSerializer(keys, accept_unsigned=True)"
        )
    _check_version(data, place)
    name, digest, payload = _parts(data, place)
    key = _known_key(name, keys, place)
    written = data[_HEAD - 2 : _HEAD - 1]
    expected = keys.digest(key, _message(written, store, job_id, name, payload))
    if not hmac.compare_digest(expected, digest):
        raise BadSignatureError(
            f"{place} does not match its signature by key {key!r}: its bytes were changed, or belong to "
            "another job or store; write the job again from its source"
        )
    if written != kind:
        writer = KINDS.get(written, "another serializer")
        raise DeserializationError(
            f"{place} was written by {writer} and is read by {KINDS[kind]}: use the former"
        )
    return payload


def _check_version(data: bytes, place: str) -> None:
    version = data[_HEAD - 3] if len(data) >= _HEAD else 0
    if version > VERSION:
        raise NewerVersionError(
            f"{place} is signed in version {version} of the format, and this release knows versions up to "
            f"{VERSION}: upgrade it"
        )
    if version < VERSION:
        raise BadSignatureError(
            f"{place} is no complete signed job: its bytes were changed or cut short"
        )


def _parts(data: bytes, place: str) -> tuple[bytes, bytes, bytes]:
    """Return key id, digest and payload."""
    end = _HEAD + data[_HEAD - 1]
    if len(data) < end + _DIGEST:
        raise BadSignatureError(
            f"{place} is no complete signed job: its bytes were changed or cut short"
        )
    return data[_HEAD:end], data[end : end + _DIGEST], data[end + _DIGEST :]


def _known_key(name: bytes, keys: Keyring, place: str) -> str:
    key = name.decode("ascii", "backslashreplace")
    if key not in keys:
        raise UnknownKeyError(
            f"{place} is signed by the key {key!r}, which is not among those given "
            f"({', '.join(map(repr, keys))}): give it too, after the one that signs, until all jobs are "
            "signed anew"
        )
    return key


def _message(kind: bytes, store: str, job_id: str, key: bytes, payload: bytes) -> bytes:
    names = (_encoded(store), _encoded(job_id))
    parts = (_DOMAIN, bytes((VERSION,)), kind, *names, key, payload)
    return b"".join(each for part in parts for each in (len(part).to_bytes(8, "big"), part))


def _encoded(text: str) -> bytes:
    # An id may hold lone surrogates: these must give bytes too, and different ones different bytes.
    return text.encode("utf-8", "surrogatepass")
