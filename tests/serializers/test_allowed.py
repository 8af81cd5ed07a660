"""The allow-list of callables: texts, prefixes, and what a prefix does not let through."""

from __future__ import annotations

import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serializers.states import imports_watched

from apscheduler.serializers import DeserializationError, NotAllowedError
from apscheduler.serializers._allowed import Allowed

TASKS = """
    import os
    import subprocess
    from functools import partial, wraps
    from os import system
    from subprocess import Popen

    from allowed_app.base import Base


    def work(): ...


    def decorated():
        @wraps(work)
        def inner(): ...
        return inner


    alias = work
    other = system
    bound = partial(work)
    text = "x"
    nested = decorated()


    class Report(Base):
        runner = system
        shell = subprocess

        def send(self): ...

        @classmethod
        def make(cls): ...

        @staticmethod
        def plain(): ...

        class Inner:
            def deep(self): ...
"""
BASE = """
    class Base:
        def inherited(self): ...
"""


@pytest.fixture
def app(tmp_path, monkeypatch):
    """An application's package on the path, not imported yet."""
    package = tmp_path / "allowed_app"
    package.mkdir()
    (package / "__init__.py").write_text("def top(): ...\n")
    (package / "tasks.py").write_text(textwrap.dedent(TASKS))
    (package / "base.py").write_text(textwrap.dedent(BASE))
    (package / "broken.py").write_text("import no_such_module_at_all\n")
    (tmp_path / "allowed_apps.py").write_text("def work(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("allowed_app")]:
        del sys.modules[name]


def is_allowed(func, *callables):
    try:
        Allowed(callables).check(func, "job")
    except NotAllowedError:
        return False
    return True


@pytest.mark.parametrize(
    "name",
    [
        *("work", "Report", "Report.send", "Report.make", "Report.plain", "Report.inherited"),
        *("Report.Inner", "Report.Inner.deep"),
    ],
)
@pytest.mark.parametrize("pattern", ["allowed_app.tasks:*", "allowed_app.*", "allowed_app.tasks.*"])
def test_a_prefix_allows_what_the_module_defines(app, name, pattern):
    assert is_allowed(f"allowed_app.tasks:{name}", pattern)


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "subprocess.Popen", "system", "Popen", "wraps", "os", "alias", "other"),
        *("bound", "bound.func", "text", "text.join", "nested", "Base", "Base.inherited"),
        *("Report.runner", "Report.shell.Popen", "Report.__init__", "Report.__class__"),
        *("work.__globals__", "work.__call__", "__builtins__.eval", "__loader__.load_module"),
        *("", "*", "work.", ".work", "wo rk", "work\n"),
    ],
)
@pytest.mark.parametrize("pattern", ["allowed_app.tasks:*", "allowed_app.*"])
def test_a_prefix_does_not_allow_what_the_module_only_holds(app, name, pattern):
    assert not is_allowed(f"allowed_app.tasks:{name}", pattern)


@pytest.mark.parametrize(
    ("func", "pattern"),
    [
        ("allowed_app:top", "allowed_app.*"),
        ("allowed_app:top", "allowed_app:*"),
        ("os:system", "os:system"),
        ("allowed_app.tasks:os.system", "allowed_app.tasks:os.system"),
    ],
)
def test_a_package_is_under_its_prefix_and_a_whole_text_is_the_applications_word(
    app, func, pattern
):
    assert is_allowed(func, pattern)


@pytest.mark.parametrize(
    ("func", "pattern"),
    [
        ("allowed_apps:work", "allowed_app.*"),
        ("allowed_apps:work", "allowed_app:*"),
        ("allowed_app.tasks:work", "allowed_app:*"),
        ("allowed_app.tasks:work", "tasks:*"),
        ("allowed_app.tasks:work", "allowed_app.tasks:wor"),
        ("allowed_app.tasks.x:work", "allowed_app.tasks:*"),
        ("..allowed_app:top", "allowed_app.*"),
        ("allowed_app..tasks:work", "allowed_app.*"),
        ("allowed_app.*:work", "allowed_app.*"),
        ("allowed_app.tasks:work.__globals__", "allowed_app.*"),
        ("allowed_app.tasks:Report.__call__", "allowed_app.tasks:*"),
        ("allowed_app.*", "allowed_app.*"),
        ("allowed_app.tasks", "allowed_app.*"),
        ("os:system", "allowed_app.*"),
        ("", "allowed_app.*"),
        ("antigravity:x", "this:*"),
    ],
)
def test_what_no_text_and_no_prefix_covers_is_refused_without_an_import(
    app, monkeypatch, func, pattern
):
    with pytest.raises(NotAllowedError), imports_watched(monkeypatch) as seen:
        Allowed([pattern]).check(func, "job")
    assert seen == []
    assert "allowed_app" not in sys.modules


@given(st.text(), st.sampled_from(["json:*", "json.*", "json:dumps"]))
def test_any_text_is_allowed_or_refused(func, pattern):
    assert not is_allowed(func, pattern) or func.startswith("json")


@pytest.mark.parametrize("func", [None, 5, b"os:system", ["os:system"], print])
def test_what_is_no_text_is_refused(func):
    with pytest.raises(NotAllowedError, match="must be a text like"):
        Allowed(["os:system"]).check(func, "job")


def test_a_callable_stands_for_its_text():
    assert is_allowed("builtins:print", print)
    assert is_allowed("textwrap:dedent", textwrap.dedent)
    with pytest.raises(ValueError, match="lambda"):
        Allowed([lambda: None])


@pytest.mark.parametrize(
    ("func", "message"),
    [
        ("myapp.tasks:sent", r"'myapp.tasks:sent'.*the closest one is 'myapp.tasks:send'"),
        ("myapp.report:x", r"the closest one is 'myapp.reports.\*'"),
        ("others.mail:x", r"the closest one is 'other.mail:\*'"),
    ],
)
def test_a_refusal_names_the_closest_that_is_allowed(func, message):
    with pytest.raises(NotAllowedError, match=message):
        Allowed(["myapp.tasks:send", "myapp.reports.*", "other.mail:*"]).check(func, "job")


def test_where_nothing_is_allowed_the_refusal_says_how_to_allow_it():
    with pytest.raises(NotAllowedError, match=r"none are: give callables="):
        Allowed([]).check("os:system", "job")


@pytest.mark.parametrize(
    ("func", "message"),
    [
        ("allowed_app.tasks:gone", "allowed but not there.*'gone'"),
        ("allowed_app.tasks:Report.gone", "allowed but not there: no 'gone'"),
        ("allowed_app.tasks:Report.mro", "allowed but not there: no 'mro'"),
        ("allowed_app.broken:x", "allowed but not there.*no_such_module_at_all"),
        ("allowed_app.nothing:x", "allowed but not there.*allowed_app.nothing"),
    ],
)
def test_what_is_allowed_but_not_there_is_told_as_such(app, func, message):
    with pytest.raises(DeserializationError, match=message) as caught:
        Allowed(["allowed_app.*"]).check(func, "job")
    assert not isinstance(caught.value, NotAllowedError)


@pytest.mark.parametrize(
    "text",
    ["", "*", ":*", ".*", "a", "a:", ":b", "a:b.*", "a.*:b", "a:b:c", "a b:c", "a*:b", "a.b*"],
)
def test_a_text_that_says_no_callable_is_refused_at_once(text):
    with pytest.raises(ValueError, match=r"says no callable: write 'package.module:function'"):
        Allowed([text])


def test_a_text_in_place_of_the_list_is_refused():
    with pytest.raises(TypeError, match=r"not a text: \['os:system'\]"):
        Allowed("os:system")
