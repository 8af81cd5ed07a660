"""Names that tutorials on other releases import, and short ways that this package does not have."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

import apscheduler
from apscheduler import other_releases
from tests.test_public_api import require_client

OF_4 = sorted(other_releases._OF_4)
PLACED = sorted(other_releases._PLACE_OF)


@pytest.mark.parametrize("name", OF_4)
def test_importing_a_name_of_release_4_says_what_it_is_here(name) -> None:
    with pytest.raises(ImportError, match="belongs to APScheduler 4, and this") as raised:
        exec(f"from apscheduler import {name}", {})
    assert str(raised.value).endswith(other_releases._OF_4[name])


def test_async_scheduler_is_answered_with_the_line_to_write() -> None:
    with pytest.raises(ImportError) as raised:
        exec("from apscheduler import AsyncScheduler", {})
    (line,) = re.findall(r"Here it is: (from \S+ import \w+);", str(raised.value))
    exec(line, {})


@pytest.mark.parametrize("name", PLACED)
def test_a_class_asked_of_the_package_is_answered_with_the_line_that_imports_it(name) -> None:
    with pytest.raises(ImportError) as raised:
        exec(f"from apscheduler import {name}", {})
    said = str(raised.value)
    module = f"apscheduler.{other_releases._PLACE_OF[name]}"
    assert said.endswith(f"write: from {module} import {name}")
    require_client(module)
    if not module.endswith(("qt", "gevent", "twisted", "tornado")):
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize("name", [*OF_4, *PLACED, "nonsense", "__wrapped__"])
def test_asking_whether_a_name_is_there_is_no_error(name) -> None:
    assert not hasattr(apscheduler, name)
    assert getattr(apscheduler, name, None) is None


@pytest.mark.parametrize("name", ["nonsense", "Schedulr", "__wrapped__"])
def test_other_names_get_the_words_of_python(name) -> None:
    with pytest.raises(ImportError, match=rf"cannot import name '{name}' from 'apscheduler' \("):
        exec(f"from apscheduler import {name}", {})


def test_modules_of_the_package_are_imported_as_ever() -> None:
    exec("from apscheduler import events, job, schedulers, triggers", {})
