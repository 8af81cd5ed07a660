"""Names and references of callables."""

from __future__ import annotations

import functools
import os.path
import sys
import types
from datetime import datetime
from unittest.mock import Mock

import pytest

from apscheduler.references import (
    get_callable_name,
    maybe_ref,
    obj_to_ref,
    receiver,
    ref_to_obj,
)

MODULE = """
import functools
class Base:
    def method(self): return "method"
    @classmethod
    def made(cls): return cls.__name__
    @staticmethod
    def plain(): return "plain"
    def __call__(self): return "called"
    class Inner:
        def method(self): return "inner"
class Child(Base): pass
def function(): return "function"
def outer():
    def nested(): pass
    return nested
@functools.lru_cache
def cached(): return "cached"
nameless = lambda: None
"""


@pytest.fixture(scope="module", autouse=True)
def m():
    module = types.ModuleType("module_of_references")
    sys.modules[module.__name__] = module
    exec(MODULE, module.__dict__)
    yield module
    del sys.modules[module.__name__]


@pytest.mark.trap(103)
@pytest.mark.parametrize(
    ("expression", "name", "result"),
    [
        ("m.function", "function", "function"),
        ("m.Base", "Base", None),
        ("m.Base.plain", "Base.plain", "plain"),
        ("m.Child.plain", "Base.plain", "plain"),
        ("m.Base.made", "Base.made", "Base"),
        ("m.Child.made", "Child.made", "Child"),
        ("m.Child().made", "Child.made", "Child"),
        ("m.Base().method", "Base.method", "method"),
        ("m.Child().method", "Child.method", "method"),
        ("m.Base.Inner().method", "Base.Inner.method", "inner"),
        ("m.Child()", "Child.__call__", "called"),
        ("m.cached", "cached", "cached"),
    ],
)
def test_a_callable_is_found_again_by_its_reference(m, expression, name, result):
    func = eval(expression, {"m": m})
    assert obj_to_ref(func) == f"module_of_references:{name}"
    found = ref_to_obj(obj_to_ref(func))
    first = receiver(func)
    assert result is None or found(*([] if first is None else [first])) == result


@pytest.mark.parametrize(
    ("func", "ref"),
    [
        (len, "builtins:len"),
        (os.path.join, "posixpath:join"),
        (datetime.now, "datetime:datetime.now"),
        (dict.fromkeys, "builtins:dict.fromkeys"),
        (str.upper, "builtins:str.upper"),
    ],
)
def test_builtins_are_found_again_too(func, ref):
    assert obj_to_ref(func) == ref
    assert ref_to_obj(ref) == func
    assert receiver(func) is None


@pytest.mark.trap(102)
@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("m.nameless", "is a lambda"),
        ("m.outer()", "is a nested function"),
        ("functools.partial(m.function)", "pass the function itself"),
        ("[].append", "belongs to no module"),
    ],
)
def test_what_nobody_could_find_again_has_no_reference(m, expression, words):
    with pytest.raises(ValueError, match=words):
        obj_to_ref(eval(expression, {"m": m, "functools": functools}))


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("m.function", "function"),
        ("m.Child().method", "Child.method"),
        ("m.Child.made", "Child.made"),
        ("m.Child()", "Child"),
        ("m.outer()", "outer.<locals>.nested"),
        ("functools.partial(m.function)", "partial"),
        ("Mock()", "Mock"),
        ("print", "print"),
    ],
)
def test_callables_are_shown_by_the_names_of_3x(m, expression, name):
    assert (
        get_callable_name(eval(expression, {"m": m, "functools": functools, "Mock": Mock})) == name
    )


@pytest.mark.parametrize("thing", [5, None, sys])
def test_what_cannot_be_called_has_no_name(thing):
    with pytest.raises(TypeError, match="cannot be called"):
        get_callable_name(thing)


@pytest.mark.parametrize(
    ("ref", "error", "words"),
    [
        (5, TypeError, "is a text like"),
        ("os.path.join", ValueError, "is not a reference"),
        (":join", ValueError, "is not a reference"),
        ("no_such_module:x", LookupError, "importing no_such_module failed"),
        ("os.path:jion", LookupError, "has no 'jion'; did you mean join"),
        ("os:", LookupError, "has no ''"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(ref, error, words):
    with pytest.raises(error, match=words):
        ref_to_obj(ref)


def test_only_texts_are_taken_for_references():
    assert maybe_ref("os.path:join") is os.path.join
    assert maybe_ref(print) is print
