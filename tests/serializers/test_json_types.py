"""The closed table of types: no more can be made of JSON, and nothing is imported by a name from it."""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime, tzinfo
from fractions import Fraction
from uuid import UUID
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from serializers.documents import (
    HERE,
    SERIALIZER,
    forged_job,
    there_and_back,
)
from serializers.states import (
    BERLIN,
    CALLABLES,
    NEW,
    START,
    imports_watched,
    state_of,
)

from apscheduler.job import Job
from apscheduler.serializers import (
    DeserializationError,
    NotAllowedError,
    SerializationError,
    SignedJSONSerializer,
)
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger

# -- types of the application -----------------------------------------------------------------------------------

FRACTION = ("fraction", Fraction, lambda f: (f.numerator, f.denominator), lambda p: Fraction(*p))


def test_a_registered_type_comes_back_as_its_function_makes_it():
    serializer = SignedJSONSerializer({"new": NEW}, callables=CALLABLES, types=[FRACTION])
    value = {Fraction(1, 3): [Fraction(2, 7)]}
    assert there_and_back(value, serializer) == value


def test_a_type_that_is_not_registered_here_is_named():
    serializer = SignedJSONSerializer({"new": NEW}, callables=CALLABLES, types=[FRACTION])
    data = serializer.dumps(state_of(args=(Fraction(1, 2),)), **HERE)
    with pytest.raises(DeserializationError, match="type 'app:fraction', which is not registered"):
        SERIALIZER.loads(data, **HERE)


def failing(value):
    raise RuntimeError("no way")


def test_functions_of_a_registered_type_that_raise_are_errors_of_ours():
    row = ("fraction", Fraction, failing, failing)
    serializer = SignedJSONSerializer({"new": NEW}, callables=CALLABLES, types=[row])
    with pytest.raises(
        SerializationError, match=r"args\[0\] cannot be written \(RuntimeError: no way"
    ):
        there_and_back(Fraction(1, 2), serializer)
    with pytest.raises(
        DeserializationError, match=r"'app:fraction' is wrong \(RuntimeError: no way"
    ):
        serializer.loads(forged_job(args={"$app:fraction": 1}), **HERE)


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        (("Fraction", *FRACTION[1:]), ValueError, "cannot be a tag"),
        (("app:x", *FRACTION[1:]), ValueError, "cannot be a tag"),
        (("x" * 65, *FRACTION[1:]), ValueError, "cannot be a tag"),
        (("x", datetime, str, str), ValueError, "datetime has its form already"),
        (("x", dict, list, dict), ValueError, "dict has its form already"),
        (("x", DateTrigger, str, str), ValueError, "DateTrigger has its form already"),
        (("x", Fraction, str), TypeError, "expected .tag, class, to_plain, from_plain"),
        (("x", "Fraction", str, str), TypeError, "needs a class and two functions"),
        (("x", Fraction, str, None), TypeError, "needs a class and two functions"),
    ],
)
def test_a_row_that_is_no_type_is_refused_at_once(row, error, message):
    with pytest.raises(error, match=message):
        SignedJSONSerializer({"new": NEW}, types=[row])


def test_a_tag_is_given_once():
    row = ("fraction", complex, str, complex)
    with pytest.raises(ValueError, match="'app:fraction' is given a second time"):
        SignedJSONSerializer({"new": NEW}, types=[FRACTION, row])


# -- nothing of the data is imported ----------------------------------------------------------------------------

IMPORTABLE = sorted(
    {*sys.stdlib_module_names, *sys.builtin_module_names, "apscheduler.job", "os.path", "this"}
)
NAMES = st.one_of(
    st.sampled_from(IMPORTABLE),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(IMPORTABLE),
        st.sampled_from([":", ".", "/"]),
        st.sampled_from(["system", "eval", "Popen", "__class__", "x.y"]),
    ),
)
TAGS = st.one_of(
    NAMES,
    NAMES.map("app:{}".format),
    NAMES.map("trigger:{}".format),
    st.sampled_from(
        ["tuple", "zone", "offset", "datetime", "dict", "set", "uuid", "decimal", "float", "bytes"]
    ),
    st.sampled_from(
        ["trigger:cron", "trigger:or", "trigger:and", "trigger:date", "trigger:interval"]
    ),
)
TREES = st.recursive(
    st.one_of(NAMES, st.none(), st.integers(0, 9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(TAGS, inner).map(lambda pair: {f"${pair[0]}": pair[1]}),
        st.dictionaries(
            st.one_of(NAMES, st.sampled_from(["timezone", "triggers", "fields", "version"])),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(TREES)
@example({"$zone": "os/path"})
@example({"$zone": "antigravity"})
@example({"$trigger:or": {"version": 1, "jitter": None, "triggers": [["antigravity:x", {}]]}})
def test_no_tag_and_no_text_in_the_data_is_imported(tree):
    available_timezones()  # reads the database once
    there_and_back(BERLIN)
    data = forged_job(args=tree)
    with pytest.MonkeyPatch.context() as patch, imports_watched(patch) as seen:
        try:
            SERIALIZER.loads(data, **HERE)
        except DeserializationError:
            refused = True
        else:
            refused = False
    assert seen == []
    assert refused or "$" not in json.dumps(tree) or known_tags(tree)


def known_tags(tree):
    if isinstance(tree, list):
        return all(map(known_tags, tree))
    if not isinstance(tree, dict):
        return True
    tags = {"$tuple", "$set", "$dict", "$float", "$bytes", "$decimal", "$zone"}
    keys = {key for key in tree if key.startswith("$")}
    return keys <= tags and all(map(known_tags, tree.values()))


def test_the_watch_itself_sees_imports(monkeypatch):
    from importlib import import_module

    with imports_watched(monkeypatch) as seen:
        import string  # noqa: F401 - what is watched

        import_module("textwrap")
        with pytest.raises(ModuleNotFoundError):
            import_module("no_such_module_at_all")
    assert [name for name in seen if name in {"string", "textwrap"}] == ["string", "textwrap"]
    assert seen.count("no_such_module_at_all") == 2  # asked for, and looked for


@pytest.mark.parametrize("tag", ["nonsense", "", "dict ", "Tuple", "app:", "x" * 5000])
def test_an_unknown_tag_is_refused(tag):
    with pytest.raises(DeserializationError, match="not registered") as caught:
        SERIALIZER.loads(forged_job(args={f"${tag}": []}), **HERE)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "tree",
    [
        {"$tuple": [], "x": 1},
        {"x": 1, "$tuple": []},
        {"$tuple": "abc"},
        {"$set": [[]]},
        {"$set": {"a": 1}},
        {"$frozenset": [{"$set": []}]},
        {"$dict": {"a": 1}},
        {"$dict": [["a"]]},
        {"$dict": [[[], 1]]},
        {"$datetime": ["2030-01-01T00:00:00", "UTC", 0]},
        {"$datetime": ["2030-01-01T00:00:00", None, 2]},
        {"$datetime": ["2030-01-01T00:00:00", None, True]},
        {"$datetime": ["then", None, 0]},
        {"$datetime": None},
        {"$time": ["1"]},
        {"$date": 5},
        {"$timedelta": [1, 2]},
        {"$timedelta": [10**12, 0, 0]},
        {"$timedelta": [0.5, 0, 0]},
        {"$offset": [[2, 0, 0], None]},
        {"$offset": [[0, 0, 0], 5]},
        {"$zone": 5},
        {"$zone": "Europe/Atlantis"},
        {"$zone": "../../etc/passwd"},
        {"$bytes": "%%"},
        {"$bytes": 5},
        {"$decimal": "x"},
        {"$decimal": 5},
        {"$float": "x"},
        {"$float": 1},
        {"$uuid": "x"},
    ],
    ids=str,
)
def test_a_tag_with_a_wrong_value_is_refused(tree):
    with pytest.raises(DeserializationError, match="job 'job' in 'jobs' cannot be read"):
        SERIALIZER.loads(forged_job(args=tree), **HERE)


@pytest.mark.parametrize("func", ["os:system", "antigravity:x", None, 5, {"$tuple": []}])
def test_a_function_that_is_not_allowed_is_refused_before_anything_is_made(func, monkeypatch):
    made = []
    row = ("fraction", Fraction, str, made.append)
    serializer = SignedJSONSerializer({"new": NEW}, callables=CALLABLES, types=[row])
    data = forged_job(func=func, args={"$app:fraction": 1})
    with pytest.raises(NotAllowedError), imports_watched(monkeypatch) as seen:
        serializer.loads(data, **HERE)
    assert (seen, made) == ([], [])


def test_a_function_that_is_not_allowed_is_not_written(monkeypatch):
    with (
        pytest.raises(NotAllowedError, match=r"'builtins:printf'.*closest one is 'builtins:print'"),
        imports_watched(monkeypatch) as seen,
    ):
        SERIALIZER.dumps(state_of(func="builtins:printf"), **HERE)
    assert seen == []


def test_a_job_made_of_json_runs_its_function(capsys):
    state = state_of(args=("hello",))
    job = Job.__new__(Job)
    job.__setstate__(SERIALIZER.loads(SERIALIZER.dumps(state, **HERE), **HERE))
    job.func(*job.args, **job.kwargs)
    assert capsys.readouterr().out == "hello"
    assert isinstance(job.trigger, BaseTrigger)
    assert isinstance(job.next_run_time.tzinfo, tzinfo)
    assert math.isclose(job.next_run_time.timestamp(), START.timestamp())
    assert there_and_back(UUID(int=5)) == UUID(int=5)
