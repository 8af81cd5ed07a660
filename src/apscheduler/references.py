"""Names callables: for people, and as texts like ``"package.module:Class.method"`` that stores keep."""

from __future__ import annotations

import sys
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType

from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_EXAMPLE = "'package.module:function'"


def get_callable_name(func: Any) -> str:
    """Return the name by which a callable is shown, for example ``"Class.method"``.

    :raises TypeError: if ``func`` is not callable
    """
    if func.__class__ is FunctionType:
        name: str = func.__qualname__
        return name
    if isinstance(func, MethodType):
        owner = func.__self__ if isinstance(func.__self__, type) else type(func.__self__)
        return f"{owner.__qualname__}.{func.__name__}"
    if not callable(func):
        raise TypeError(f"{func!r} has no name as a callable: it cannot be called")
    own = _own_name(func)
    return own or type(func).__name__


def _own_name(func: Any) -> str | None:
    name = getattr(func, "__qualname__", None)
    return name if isinstance(name, str) else None


def obj_to_ref(obj: Any) -> str:
    """Return the text under which :func:`ref_to_obj` finds a callable again.

    :raises ValueError: if nobody else could find it: partials, lambdas, nested functions, builtin
        methods of an instance
    :raises TypeError: if it is not callable
    """
    if obj.__class__ is FunctionType:
        return _reference(obj, obj.__module__, obj.__qualname__)
    if isinstance(obj, partial):
        raise ValueError(  # noqa: TRY004 - 3.x's type: it has no name, yet it is a callable
            f"{obj!r} has no name to store: pass the function itself, and its arguments as args and kwargs"
        )
    name = get_callable_name(obj)
    if isinstance(obj, MethodType):
        return _method_reference(obj, name)
    if isinstance(obj, BuiltinFunctionType) or hasattr(obj, "__objclass__"):
        return _builtin_reference(obj, name)
    if isinstance(obj, type) or _finds_itself(obj, name):
        return _reference(obj, obj.__module__, name)
    return _reference(obj, type(obj).__module__, f"{type(obj).__qualname__}.__call__")


def receiver(func: Any) -> Any:
    """Return the object that must come first in the arguments when ``func`` is called by its reference.

    That is the ``self`` of a bound method and a callable instance itself; ``None`` for all else.
    """
    if isinstance(func, FunctionType | BuiltinFunctionType | type | partial):
        return None
    if isinstance(func, MethodType):
        return None if isinstance(func.__self__, type) else func.__self__
    name = _own_name(func)
    if hasattr(func, "__objclass__") or (name and _finds_itself(func, name)):
        return None
    return func


def _reference(obj: Any, module: Any, name: str) -> str:
    if "<" in name:
        kind = "a lambda" if name.endswith("<lambda>") else "a nested function"
        raise ValueError(
            f"{line(f'{name} of {module}')} is {kind}, which nobody can find by its name later: "
            "use a function at module level"
        )
    if not isinstance(module, str):
        raise ValueError(  # noqa: TRY004 - as above
            f"{obj!r} belongs to no module by whose name it could be found again"
        )
    return f"{module}:{name}"


def _method_reference(method: MethodType, name: str) -> str:
    owner = method.__self__
    cls = owner if isinstance(owner, type) else type(owner)
    return _reference(method, cls.__module__, name)


def _builtin_reference(obj: Any, name: str) -> str:
    module = getattr(obj, "__module__", None)
    owner = getattr(obj, "__objclass__", None) or getattr(obj, "__self__", None)
    if module is None and isinstance(owner, type):
        module, name = owner.__module__, f"{owner.__qualname__}.{obj.__name__}"
    return _reference(obj, module, name)


def _finds_itself(obj: Any, name: str) -> bool:
    """Tell whether a wrapper object (a cached or compiled function) is what its module has under its name."""
    found: Any = sys.modules.get(getattr(obj, "__module__", None) or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is obj


def ref_to_obj(ref: Any) -> Any:
    """Return the object that a reference names; its module is imported if necessary.

    :raises TypeError: if ``ref`` is not a text
    :raises ValueError: if it does not look like ``"package.module:name"``
    :raises LookupError: if the module cannot be imported or has no such object
    """
    if not isinstance(ref, str):
        raise TypeError(
            f"a reference is a text like {_EXAMPLE}, not {type(ref).__name__} ({ref!r})"
        )
    module, colon, path = ref.partition(":")
    if not colon or not module:
        raise ValueError(f"{ref!r} is not a reference: write it like {_EXAMPLE}")
    found = _imported(module, ref)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise LookupError(_not_there(ref, found, name)) from None
    return found


def _imported(module: str, ref: str) -> Any:
    loaded = sys.modules.get(module)
    # While a module is being imported its names may not be there yet; importing waits for them.
    if loaded is not None and not getattr(
        getattr(loaded, "__spec__", None), "_initializing", False
    ):
        return loaded
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        said = line(f"cannot find {ref!r}: importing {module} failed ({error})")
        raise LookupError(said) from error


def _not_there(ref: str, owner: Any, name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(
        name, [known for known in dir(owner) if not known.startswith("__")], n=1
    )
    hint = f"; did you mean {close[0]}?" if close else ""
    return line(f"cannot find {ref!r}: {owner!r} has no {name!r}{hint}")


def maybe_ref(ref: Any) -> Any:
    """Return the object that a text refers to; anything else is returned as it is."""
    return ref_to_obj(ref) if isinstance(ref, str) else ref
