"""Plain pickles: 3.x's bytes, no more and no less."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from serializers.states import NEW, TRIGGERS, fires, state_of

from apscheduler import serializers
from apscheduler.job import Job
from apscheduler.serializers import (
    DeserializationError,
    PickleSerializer,
    SerializationError,
    Serializer,
    SignedPickleSerializer,
)

HERE = {"store": "jobs", "job_id": "job"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_bytes_are_those_of_3_x(protocol):
    state = state_of()
    assert PickleSerializer(protocol).dumps(state, **HERE) == pickle.dumps(state, protocol)


def test_every_job_that_3_11_3_stored_is_read(data_folder):
    expected = json.loads((data_folder / "jobs-3.11.3.expected.json").read_text("utf-8"))
    source = f"file:{data_folder / 'jobs-3.11.3.sqlite'}?mode=ro"
    with closing(sqlite3.connect(source, uri=True)) as base:
        rows = base.execute("SELECT id, job_state FROM apscheduler_jobs").fetchall()
    assert {name for name, _ in rows} == set(expected)
    for name, data in rows:
        job = Job.__new__(Job)
        job.__setstate__(PickleSerializer().loads(data, store="apscheduler_jobs", job_id=name))
        assert (job.id, repr(job.trigger)) == (name, expected[name]["trigger_repr"])


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_comes_back_with_its_fire_times(name):
    serializer = PickleSerializer()
    data = serializer.dumps(state_of(trigger=TRIGGERS[name]), **HERE)
    assert fires(serializer.loads(data, **HERE)["trigger"]) == fires(TRIGGERS[name]) != []


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"args": (1, threading.Lock())}, r"args\[1\] \(a lock\)"),
        ({"kwargs": {"x": threading.Lock()}}, r"kwargs\['x'\] \(a lock\)"),
        ({"trigger": lambda: None}, r"trigger \(a function\)"),
    ],
)
def test_an_error_says_which_part_cannot_be_pickled(changes, part):
    with pytest.raises(
        SerializationError, match=f"job 'job' cannot be pickled because of its {part}"
    ):
        PickleSerializer().dumps(state_of(**changes), **HERE)


@pytest.mark.parametrize("data", [b"", b"junk", pickle.dumps(state_of())[:-5], pickle.dumps([1])])
def test_bytes_that_are_no_job_are_refused(data):
    with pytest.raises(DeserializationError, match="job 'job' in 'jobs'"):
        PickleSerializer().loads(data, **HERE)


def test_signed_bytes_are_told_from_damaged_ones():
    data = SignedPickleSerializer({"a": NEW}).dumps(state_of(), **HERE)
    with pytest.raises(DeserializationError, match="is signed: read it with"):
        PickleSerializer().loads(data, **HERE)


@pytest.mark.parametrize("protocol", [-1, 6, "5", None])
def test_a_protocol_that_does_not_exist_is_refused_at_once(protocol):
    with pytest.raises(ValueError, match="protocol must be a pickle protocol from 0 to 5"):
        PickleSerializer(protocol)


def test_every_public_name_is_there_and_others_are_not():
    assert all(getattr(serializers, name).__name__ == name for name in serializers.__all__)
    with pytest.raises(AttributeError, match="no attribute 'YAMLSerializer'"):
        serializers.YAMLSerializer  # noqa: B018 - the look-up is what is tested


def test_a_store_of_plain_pickles_loads_no_cryptography():
    code = (
        "import sys; from apscheduler.serializers import PickleSerializer; "
        "assert not {'hmac', 'hashlib', 'json', 'zoneinfo'} & set(sys.modules), sorted(sys.modules)"
    )
    path = f"import sys; sys.path[:] = {sys.path!r}; "
    done = subprocess.run([sys.executable, "-S", "-c", path + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_serializer_must_write_and_read():
    with pytest.raises(TypeError, match="abstract"):
        Serializer()
