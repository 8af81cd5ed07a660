"""Which callables the jobs of a store may name.

A whole text (``package.module:function``) names one callable, and allows it whatever it is. A prefix allows what the
modules under it define themselves, not what they import: ``myapp.tasks:*`` does not allow ``myapp.tasks:os.system``.
A module is imported to look whether it defines something only after a prefix has matched, so no other module is
imported.
"""

from __future__ import annotations

from difflib import get_close_matches

from apscheduler.references import obj_to_ref, ref_to_obj
from apscheduler.serializers.base import DeserializationError, NotAllowedError
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_FORMS = "'package.module:function', 'package.module:*' or 'package.*'"


class Allowed:
    """The callables that a serializer lets through.

    :param callables: texts of the forms ``package.module:function``, ``package.module:*`` and ``package.*`` (the
        package and all below it), or callables
    :raises ValueError: for a text of another form, or a callable without a text
    :raises TypeError: for what is neither, or a text in place of the list
    """

    __slots__ = ("_exact", "_modules", "_packages")

    def __init__(self, callables: Iterable[str | Callable[..., Any]]) -> None:
        if isinstance(callables, str):
            raise TypeError(f"callables must be a list of texts, not a text: [{callables!r}]")
        self._exact: set[str] = set()
        self._modules: set[str] = set()
        self._packages: set[str] = set()
        for each in callables:
            self._add(each if isinstance(each, str) else obj_to_ref(each))

    def _add(self, text: str) -> None:
        module, colon, name = text.partition(":")
        package = module.removesuffix(".*")
        if not colon and package != module and _is_dotted(package):
            self._packages.add(package)
        elif name == "*" and _is_dotted(module):
            self._modules.add(module)
        elif _is_dotted(module) and _is_dotted(name):
            self._exact.add(text)
        else:
            raise ValueError(f"{text!r} says no callable: write {_FORMS}")

    def check(self, func: object, job_id: str) -> None:
        """Make sure that a job may have this function.

        :param func: the text from the job's state
        :raises NotAllowedError: if it may not; nothing was imported then, unless a prefix matched
        :raises DeserializationError: if a prefix matched, and there is no such function
        """
        if not isinstance(func, str):
            raise NotAllowedError(
                f"the function of job {job_id!r} must be a text like 'package.module:function', "
                f"not a {type(func).__name__}"
            )
        if func in self._exact:
            return
        if not self._has_prefix(func):
            raise NotAllowedError(
                f"job {job_id!r} names {func!r}, which is not among the callables allowed{self._hint(func)}"
            )
        if not _is_defined_there(func):
            raise NotAllowedError(
                f"job {job_id!r} names {func!r}, which its module does not define: a prefix allows only "
                "what does; if it is wanted, allow it by its whole text"
            )

    def _has_prefix(self, func: str) -> bool:
        module, _, name = func.partition(":")
        if not _is_dotted(module) or not _is_dotted(name) or _has_dunder(name):
            return False
        parts = module.split(".")
        above = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        return module in self._modules or not self._packages.isdisjoint(above)

    def _hint(self, func: str) -> str:
        known = sorted(
            (
                *self._exact,
                *(f"{module}:*" for module in self._modules),
                *(f"{package}.*" for package in self._packages),
            )
        )
        if not known:
            return " (none are: give callables=['package.module:function'] to the serializer)"
        close = get_close_matches(func, known, n=1, cutoff=0.0)
        return f"; the closest one is {close[0]!r}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ({len(self._exact)} texts, {len(self._modules) + len(self._packages)} prefixes)>"


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _has_dunder(name: str) -> bool:
    return any(part.startswith("__") for part in name.split("."))


def _is_defined_there(func: str) -> bool:
    """Tell whether the module, or a class of it, defines what the text leads to; classes may inherit it.

    It follows the text step by step, and never goes on from anything but a class of the module.

    :raises DeserializationError: if there is no such module or thing in it
    """
    module, _, name = func.partition(":")
    first, *steps = name.split(".")
    try:
        found = ref_to_obj(f"{module}:{first}")
    except LookupError as exc:
        raise DeserializationError(
            f"{func!r} is allowed but not there: {line(str(exc.args[0]))}"
        ) from exc
    defined = _is_named(found, module, first)
    for step in steps:
        if not defined or not isinstance(found, type):
            return False
        definer = next((cls for cls in found.__mro__ if step in vars(cls)), None)
        if definer is None:
            raise DeserializationError(
                f"{func!r} is allowed but not there: no {step!r} in {found!r}"
            )
        found = getattr(found, step)
        defined = _is_named(found, definer.__module__, f"{definer.__qualname__}.{step}")
    return defined


def _is_named(found: object, module: str, name: str) -> bool:
    own = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    return own == (module, name)
