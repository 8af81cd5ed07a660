"""Jobs as signed JSON: readable by other programs, and nothing in it is a program.

Even with a key one can only make values of a closed table of types and name callables of an allow-list. The payload
in the envelope is ``{"format": 1, "job": {the state, see _plain}}``.
"""

from __future__ import annotations

import json

from apscheduler.serializers._allowed import Allowed
from apscheduler.serializers._envelope import seal, unseal
from apscheduler.serializers._plain import SIZE_LIMIT, Reader, Types, Writer, text_of
from apscheduler.serializers.base import (
    DeserializationError,
    NewerVersionError,
    SerializationError,
    Serializer,
)
from apscheduler.serializers.keys import Keyring
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Final, NoReturn

FORMAT: Final = 1

_KIND: Final = b"J"
_ENVELOPE: Final = 1000  # more than magic, key id and digest take


class SignedJSONSerializer(Serializer):
    """Writes JSON under an HMAC-SHA256, of values and callables that the application listed.

    Known are None, bool, int, float, str, list, dict (any keys), tuple, set, frozenset, bytes, datetime, date, time,
    timedelta, zones of zoneinfo and fixed offsets (those of pytz become these), Decimal, UUID, and the built-in
    triggers; of each the class itself, no subclass.

    :param keys: key id -> secret of at least 16 bytes; the first one signs, all verify
    :param callables: what jobs may run: ``"package.module:function"``, ``"package.module:*"`` for what a module
        defines, ``"package.*"`` for what the modules of a package define; or the callables themselves
    :param types: further classes, each ``(tag, class, to_plain, from_plain)``: ``to_plain`` makes of an instance
        values that are known, ``from_plain`` makes an instance of them
    :raises TypeError, ValueError: for keys, callables or types that are none
    """

    def __init__(
        self,
        keys: Mapping[str, bytes | str],
        *,
        callables: Iterable[str | Callable[..., Any]] = (),
        types: Iterable[tuple[str, type, Callable[[Any], Any], Callable[[Any], Any]]] = (),
    ) -> None:
        self._keys = Keyring(keys)
        self._allowed = Allowed(callables)
        self._types = Types(types)

    def dumps(self, state: dict[str, Any], *, store: str, job_id: str) -> bytes:
        """Return the bytes of a job.

        :raises SerializationError: if a part of it has no form in JSON, or all of it has more than 1 MB
        :raises NotAllowedError: if its function is not allowed
        """
        self._allowed.check(state.get("func"), job_id)
        tree = {"format": FORMAT, "job": Writer(self._types, job_id).state(state)}
        payload = text_of(tree).encode("ascii")
        if len(payload) > SIZE_LIMIT:
            raise SerializationError(
                f"job {job_id!r} has {len(payload)} bytes as JSON, and at most {SIZE_LIMIT} are possible: "
                "store large arguments elsewhere and give their place"
            )
        return seal(payload, _KIND, self._keys, store, job_id)

    def loads(self, data: bytes, *, store: str, job_id: str) -> dict[str, Any]:
        place = f"job {job_id!r} in {store!r}"
        if len(data) > SIZE_LIMIT + _ENVELOPE:
            raise DeserializationError(
                f"{place} has {len(data)} bytes, and jobs as JSON have at most {SIZE_LIMIT}"
            )
        payload = unseal(data, _KIND, self._keys, store, job_id)
        tree = _job(_parsed(payload, place), place)
        self._allowed.check(tree.get("func"), job_id)
        return Reader(self._types, place).state(tree)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (keys={', '.join(self._keys)} callables={self._allowed})>"


def _parsed(payload: bytes, place: str) -> Any:
    try:
        return json.loads(payload.decode("ascii"), parse_constant=_refused)
    except RecursionError:
        raise DeserializationError(f"{place} cannot be read: it is nested too deeply") from None
    except ValueError as exc:
        said = line(f"{place} cannot be read: it is not JSON ({exc})")
        raise DeserializationError(said) from exc


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _job(tree: Any, place: str) -> dict[str, Any]:
    """Return the job's tree in the document, if this release knows its format."""
    version = tree.get("format") if isinstance(tree, dict) else None
    if type(version) is int and version > FORMAT:
        raise NewerVersionError(
            f"{place} is written in version {version} of the JSON format, and this release knows versions "
            f"up to {FORMAT}: upgrade it"
        )
    job = tree.get("job") if version == FORMAT else None
    if not isinstance(job, dict):
        raise DeserializationError(f"{place} cannot be read: it is JSON, but not of a job")
    return job


def __getattr__(name: str) -> object:
    from apscheduler import _missing

    raise _missing(__name__, name)
