"""What the tests of signed JSON write, read and forge."""

from __future__ import annotations

import json

from serializers.states import CALLABLES, NEW, state_of

from apscheduler.serializers import SignedJSONSerializer
from apscheduler.serializers._envelope import seal, unseal
from apscheduler.serializers.keys import Keyring

HERE = {"store": "jobs", "job_id": "job"}
KEYS = Keyring({"new": NEW})
SERIALIZER = SignedJSONSerializer({"new": NEW}, callables=CALLABLES)


def there_and_back(value, serializer=SERIALIZER):
    data = serializer.dumps(state_of(args=(value,)), **HERE)
    return serializer.loads(data, **HERE)["args"][0]


def document(data):
    """Return what was signed, as JSON."""
    return json.loads(unseal(data, b"J", KEYS, **HERE))


def forged(tree):
    """Return bytes that someone with the key could write."""
    payload = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return seal(payload, b"J", KEYS, **HERE)


def forged_job(**changes):
    """Return the bytes of a job some of whose parts are written as they are given."""
    tree = document(SERIALIZER.dumps(state_of(), **HERE))
    tree["job"].update(changes)
    return forged(tree)
