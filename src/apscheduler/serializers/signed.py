"""Signed pickles: whoever can write to the store, but has no key, can neither change, move nor add a job.

Nothing is unpickled before its signature was found right. What a signature does not prevent: an older state of the
same job in the same store still verifies, and a row can be deleted.
"""

from __future__ import annotations

from apscheduler.serializers._envelope import seal, unseal
from apscheduler.serializers.base import SIGNED_MAGIC, Serializer
from apscheduler.serializers.keys import Keyring, keys_from_environment, keys_from_file
from apscheduler.serializers.pickle import checked_protocol, pickled, unpickled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ("SignedPickleSerializer", "keys_from_environment", "keys_from_file")

_KIND = b"P"


class SignedPickleSerializer(Serializer):
    """Writes pickles with an HMAC-SHA256 over store, job id, key id and bytes; verifies before it unpickles.

    DANGER: with ``accept_unsigned=True`` bytes without a signature are unpickled too, so whoever can write to the
    store can run code here, as with 3.x. It is for one step: adopting a store of plain pickles. Have each job saved
    once (it is then signed), and take the argument away again.

    :param keys: key id -> secret of at least 16 bytes; the first one signs, all verify
    :param protocol: the pickle protocol
    :param accept_unsigned: whether to read plain pickles as well: see above
    :raises TypeError, ValueError: for keys that are none
    """

    def __init__(
        self, keys: Mapping[str, bytes | str], *, protocol: int = 5, accept_unsigned: bool = False
    ) -> None:
        self._keys = Keyring(keys)
        self.protocol = checked_protocol(protocol)
        self.accept_unsigned = accept_unsigned

    def dumps(self, state: dict[str, Any], *, store: str, job_id: str) -> bytes:
        return seal(pickled(state, self.protocol, job_id), _KIND, self._keys, store, job_id)

    def loads(self, data: bytes, *, store: str, job_id: str) -> dict[str, Any]:
        if self.accept_unsigned and not data.startswith(SIGNED_MAGIC):
            return unpickled(data, store, job_id)
        return unpickled(unseal(data, _KIND, self._keys, store, job_id), store, job_id)

    def __repr__(self) -> str:
        unsigned = " accept_unsigned=True" if self.accept_unsigned else ""
        return f"<{type(self).__name__} (keys={', '.join(self._keys)}{unsigned})>"
