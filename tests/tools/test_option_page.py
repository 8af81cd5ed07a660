"""docs/reference/options.md says what the source says, and the source says something about every option there is."""

from __future__ import annotations

import inspect
import json
import re
from datetime import UTC
from importlib import import_module

import pytest

from apscheduler.job_options import CHECKS
from apscheduler.schedulers._api.options import JOB_DEFAULTS, SCHEDULER_OPTIONS
from apscheduler.schedulers.background import BackgroundScheduler
from tools import ROOT, commands, option_page
from tools.docstrings import as_markdown, described, documented

PLUGINS = {
    alias: where
    for group in ("triggers", "jobstores", "executors")
    for alias, where in option_page.plugins(group).items()
}
REFERENCE = json.loads((ROOT / "tests/data/api-3.11.3.json").read_text("utf-8"))
CLASSES = [*PLUGINS.values(), option_page.FUTURES]


def loaded(where: str):
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def taken(function) -> dict[str, inspect.Parameter]:
    """What a callable takes, but for ``self``."""
    return {n: p for n, p in inspect.signature(function).parameters.items() if n != "self"}


def is_new(text: str) -> bool:
    return text.endswith("**Added in 1.0.**")


def known_by_reference(where: str, method: str = "__init__") -> set[str] | None:
    """What a class or method of 3.11.3 takes, ``None`` where it has none of that name."""
    module, _, name = where.partition(":")
    found = REFERENCE.get(module, {}).get(name)
    if found is None:
        return None
    while method not in found["methods"] and found["bases"][0] in REFERENCE[module]:
        found = REFERENCE[module][found["bases"][0]]
    return set(re.findall(r"(\w+)(?=[,)=:])", found["methods"].get(method, "()")))


def documented_of(scheduler: type) -> set[str]:
    """The options that a scheduler's docstring and those of its bases tell of."""
    return {
        name
        for cls in scheduler.__mro__
        if cls.__module__.startswith("apscheduler.") and cls.__doc__
        for name in documented(inspect.cleandoc(cls.__doc__))
    }


class Asked(dict):
    """A configuration that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(timezone=UTC)
        self.names: set[str] = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


def test_the_page_is_what_the_source_says() -> None:
    written = option_page.PAGE.read_text("utf-8")
    assert written == option_page.page(), "run `python3 dev.py pages` to renew the page"


@pytest.mark.parametrize("where", CLASSES, ids=lambda where: where.partition(":")[2])
def test_each_argument_of_a_class_is_on_the_page_and_means_something(where) -> None:
    options = {option.name: option for option in described(where).options}
    assert list(options) == list(taken(loaded(where)))
    assert [name for name, option in options.items() if not option.meaning] == []


@pytest.mark.parametrize("where", CLASSES, ids=lambda where: where.partition(":")[2])
def test_the_defaults_on_the_page_are_those_of_the_class(where) -> None:
    cls = loaded(where)
    names = vars(import_module(cls.__module__)) | {"timedelta": import_module("datetime").timedelta}
    for option in described(where).options:
        default = taken(cls)[option.name].default
        if option.default is None:
            assert default is inspect.Parameter.empty
        else:
            assert eval(option.default, names) == default


@pytest.mark.parametrize("where", option_page.SCHEDULERS, ids=lambda where: where.partition(":")[2])
def test_a_scheduler_reads_the_options_that_its_documentation_tells_of(where) -> None:
    cls = loaded(where)
    asked = Asked()
    cls(timezone=UTC)._configure(asked)
    assert asked.names == documented_of(cls)


def test_every_option_that_a_scheduler_knows_is_on_the_page() -> None:
    pages = (option_page.EVERY_SCHEDULER, *option_page.SCHEDULERS)
    shown = {
        option.name for where in pages for option in described(where).options if option.meaning
    }
    assert shown | {"standalone"} == SCHEDULER_OPTIONS


def test_the_defaults_of_a_scheduler_are_those_in_its_documentation() -> None:
    scheduler = BackgroundScheduler(timezone=UTC)
    meanings = {o.name: o.meaning for o in described(option_page.EVERY_SCHEDULER).options}
    assert f"default: {scheduler.jobstore_retry_interval:g})" in meanings["jobstore_retry_interval"]
    assert f"default: `{scheduler._logger.name}`)" in meanings["logger"]
    assert (
        f"with {scheduler._create_default_executor()._max_workers} threads" in meanings["executors"]
    )
    assert set(re.findall(r"`(\w+)`", meanings["job_defaults"])) == JOB_DEFAULTS


def test_each_option_of_a_job_is_on_the_page_and_means_something() -> None:
    options = described(option_page.ADD_JOB, method="add_job").options
    assert [option.name for option in options] == list(taken(BackgroundScheduler.add_job))
    assert [option.name for option in options if not option.meaning] == []
    decorator = set(taken(BackgroundScheduler.scheduled_job))
    assert set(taken(BackgroundScheduler.add_job)) - decorator == {"func", "replace_existing"}


def test_what_the_page_calls_new_is_what_the_reference_has_not() -> None:
    described_ones = [(each, described(each), known_by_reference(each)) for each in CLASSES]
    whole = {where for where, _, known in described_ones if known is None}
    assert {where for where, found, _ in described_ones if is_new(found.summary)} == whole
    known_ones = [(found, known) for _, found, known in described_ones if known is not None]
    add_job = described(option_page.ADD_JOB, method="add_job")
    known_ones.append(
        (add_job, known_by_reference(option_page.EVERY_SCHEDULER, "add_job") or set())
    )
    for found, known in known_ones:
        new = {option.name for option in found.options if is_new(option.meaning)}
        assert new == {option.name for option in found.options} - known, found.summary


def test_the_options_of_a_scheduler_that_are_new_are_called_so() -> None:
    pages = (option_page.EVERY_SCHEDULER, *option_page.SCHEDULERS)
    options = [option for where in pages for option in described(where).options]
    new = {option.name for option in options if is_new(option.meaning)}
    assert new == {"executor", "leader_lock", "clock", "handle_signals"}


def test_a_job_that_is_given_nothing_has_the_defaults_on_the_page() -> None:
    assert set(option_page.JOB_DEFAULTS) == JOB_DEFAULTS
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.start(paused=True)
    try:
        job = scheduler.add_job(print, "interval", hours=1)
        assert {n: repr(getattr(job, n)) for n in JOB_DEFAULTS} == option_page.JOB_DEFAULTS
    finally:
        scheduler.shutdown()


def test_what_the_page_calls_changeable_is_what_a_job_can_change() -> None:
    assert {*CHECKS, "func", "args", "kwargs"} == option_page.CHANGEABLE
    written = option_page.page().partition("## A job")[2]
    for name in option_page.CHANGEABLE:
        row = next(line for line in written.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.split(" | ")[3] == "yes"


def test_the_tests_of_the_pages_are_there() -> None:
    assert [each for each in commands.DOCUMENTATION if not (ROOT / each).is_file()] == []


def test_a_docstring_becomes_markdown() -> None:
    text = "a :class:`~x.y.Z` or ``None``,\n    see :meth:`go` | :mod:`a.b`. Added in 1.0."
    assert as_markdown(text) == "a `Z` or `None`, see `go()` \\| `a.b`. **Added in 1.0.**"
    fields = documented("One.\n\n:param a, b: first\n    and more\n:param c: third\n:raises E: no")
    assert fields == {"a": "first and more", "b": "first and more", "c": "third"}
