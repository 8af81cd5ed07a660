"""Tells, when a job is added, if its callable takes its arguments, and if it is a coroutine function.

Plain functions and methods are judged by their code objects, in a fraction of a microsecond (a million jobs go
through here); ``inspect`` is imported only for other callables and for the words of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import BuiltinFunctionType, FunctionType, MethodType

from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inspect import Parameter, Signature
    from typing import Any

_VARARGS = 0x04  # inspect.CO_VARARGS, CO_COROUTINE without its import time
_COROUTINE = 0x80


def check_callable_args(func: Any, args: Iterable[Any], kwargs: Mapping[str, Any]) -> None:
    """Make sure that ``func`` can be called with these arguments.

    Callables whose signature nobody can know (some builtins) pass.

    :raises ValueError: if arguments are missing, unexpected or given twice
    :raises TypeError: if ``func`` is not callable
    """
    given = len(args) if isinstance(args, tuple | list) else len(tuple(args))
    if func.__class__ is FunctionType:
        if _fits(func, given, kwargs):
            return
    elif func.__class__ is MethodType and func.__func__.__class__ is FunctionType:
        if _fits(func.__func__, given + 1, kwargs):
            return
    elif not callable(func):
        raise TypeError(f"a job needs something that can be called, not {func!r}")
    signature = _signature(func)
    if signature is not None:
        _compare(func, signature, given, list(kwargs))


def _fits(func: FunctionType, given: int, kwargs: Mapping[str, Any]) -> bool:
    """Tell whether the code object surely takes the arguments; if unsure, ``inspect`` decides."""
    code = func.__code__
    most = code.co_argcount
    if given > most and not code.co_flags & _VARARGS:
        return False
    if code.co_kwonlyargcount or "__signature__" in func.__dict__:
        return False
    needed = most - len(func.__defaults__ or ())
    if not kwargs:
        return given >= needed
    by_name = code.co_varnames[max(given, code.co_posonlyargcount) : most]
    if given < code.co_posonlyargcount or any(name not in by_name for name in kwargs):
        return False
    return all(name in kwargs for name in code.co_varnames[given:needed])


def _signature(func: Any) -> Signature | None:
    if isinstance(func, FunctionType | BuiltinFunctionType | type):
        return _kept_signature(func)
    return _read_signature(func)


def _read_signature(func: Any) -> Signature | None:
    import inspect

    try:
        # The wrapper is called, not what it wraps, and it may take or pass on other arguments.
        return inspect.signature(func, follow_wrapped=False)
    except ValueError:
        return None


_kept_signature = lru_cache(maxsize=256)(_read_signature)


def _compare(func: Any, signature: Signature, given: int, names: list[str]) -> None:
    parameters = list(signature.parameters.values())
    complaints = list(_complaints(parameters, given, names))
    if complaints:
        from apscheduler.references import get_callable_name

        called = f"{get_callable_name(func)}{signature}"
        raise ValueError(
            line(f"{called} cannot be called with these args and kwargs: {'; '.join(complaints)}")
        )


def _complaints(parameters: list[Parameter], given: int, names: list[str]) -> Iterator[str]:
    """Yield what is wrong, in words."""
    by_kind: dict[int, list[Parameter]] = {}
    for parameter in parameters:
        by_kind.setdefault(int(parameter.kind), []).append(parameter)
    only, both, var, keyword, var_keyword = (by_kind.get(kind, []) for kind in range(5))
    positional = only + both
    filled = {parameter.name for parameter in positional[:given]}
    by_name = {parameter.name for parameter in both + keyword}
    twice = [name for name in names if name in filled and name in by_name]
    unknown = [name for name in names if name not in by_name]
    needed = [p for p in positional[given:] + keyword if p.default is p.empty]
    missing = [p.name for p in needed if p in only or p.name not in names]
    if given > len(positional) and not var:
        yield f"{given} positional arguments are given, at most {len(positional)} are taken"
    if missing:
        yield f"not given: {', '.join(missing)}"
    if unknown and not var_keyword:
        yield f"not taken by name: {', '.join(unknown)}"
    if twice:
        yield f"given both by position and by name: {', '.join(twice)}"


def iscoroutinefunction_partial(f: Any) -> bool:
    """Tell whether calling ``f`` gives a coroutine; looks through partials and at ``__call__``.

    3.x does not look at ``__call__``, so such jobs "ran" there without ever being awaited.
    """
    while isinstance(f, partial):
        f = f.func
    if f.__class__ is FunctionType and not f.__dict__:
        return bool(f.__code__.co_flags & _COROUTINE)
    return _is_async(f) or (
        callable(f)
        and not isinstance(f, type | FunctionType | MethodType)
        and _is_async(f.__call__)
    )


def _is_async(f: Callable[..., Any]) -> bool:
    import inspect

    return inspect.iscoroutinefunction(f)
