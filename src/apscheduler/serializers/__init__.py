"""How stores write jobs down: as plain pickles (3.x's bytes), as signed pickles, or as signed JSON.

``base.py`` has the contract: a serializer is bound to one store and one job, so that bytes cannot be moved to another.
``pickle.py``, ``signed.py`` and ``json.py`` are the three, ``keys.py`` has the secrets. ``_envelope.py`` says what a
signature covers; the other files say what JSON may hold, by closed tables.

Each name is loaded when it is first asked for: a store of plain pickles pays for no cryptography.

Easy to get wrong: stored bytes name paths of classes, so a class that is stored keeps its module for ever.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.serializers.base import (
        BadSignatureError,
        DeserializationError,
        NewerVersionError,
        NotAllowedError,
        SerializationError,
        Serializer,
        UnknownKeyError,
        UnsignedError,
    )
    from apscheduler.serializers.json import SignedJSONSerializer
    from apscheduler.serializers.pickle import PickleSerializer
    from apscheduler.serializers.signed import (
        SignedPickleSerializer,
        keys_from_environment,
        keys_from_file,
    )

__all__ = [
    "BadSignatureError",
    "DeserializationError",
    "NewerVersionError",
    "NotAllowedError",
    "PickleSerializer",
    "SerializationError",
    "Serializer",
    "SignedJSONSerializer",
    "SignedPickleSerializer",
    "UnknownKeyError",
    "UnsignedError",
    "keys_from_environment",
    "keys_from_file",
]

_ELSEWHERE = {
    "PickleSerializer": "pickle",
    "SignedJSONSerializer": "json",
    "SignedPickleSerializer": "signed",
    "keys_from_environment": "signed",
    "keys_from_file": "signed",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that has it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'base')}")
    globals()[name] = value = getattr(module, name)
    return value
