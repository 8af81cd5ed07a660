"""Signed pickles: nothing is unpickled unless its signature is right for this very store and job."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
import pickletools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serializers.states import NEW, OLD, TRIGGERS, Canary, fires, state_of, touched

from apscheduler.serializers import (
    BadSignatureError,
    DeserializationError,
    NewerVersionError,
    PickleSerializer,
    SerializationError,
    SignedJSONSerializer,
    SignedPickleSerializer,
    UnknownKeyError,
    UnsignedError,
)
from apscheduler.serializers.base import SIGNED_MAGIC

HERE = {"store": "jobs", "job_id": "job"}


@pytest.fixture(autouse=True)
def untouched():
    touched.clear()


@pytest.fixture
def serializer():
    return SignedPickleSerializer({"new": NEW, "old": OLD})


@pytest.fixture
def data(serializer):
    """A signed job that leaves a trace when it is unpickled."""
    return serializer.dumps(state_of(args=(Canary(),)), **HERE)


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_comes_back_with_its_fire_times(serializer, name):
    data = serializer.dumps(state_of(trigger=TRIGGERS[name]), **HERE)
    assert fires(serializer.loads(data, **HERE)["trigger"]) == fires(TRIGGERS[name]) != []


def test_a_job_is_unpickled_when_its_signature_is_right(serializer, data):
    assert serializer.loads(data, **HERE)["args"] == (None,)
    assert touched == ["unpickled"]


def test_a_flipped_bit_anywhere_is_noticed_before_anything_is_unpickled(serializer, data):
    for at in range(len(data)):
        for bit in (0x01, 0x80):
            changed = bytearray(data)
            changed[at] ^= bit
            with pytest.raises(
                (BadSignatureError, UnsignedError, UnknownKeyError, NewerVersionError)
            ):
                serializer.loads(bytes(changed), **HERE)
    assert touched == []


def test_bytes_cut_short_anywhere_or_made_longer_are_refused(serializer, data):
    for changed in (*(data[:end] for end in range(len(data))), data + b"\0"):
        with pytest.raises((BadSignatureError, UnsignedError)):
            serializer.loads(changed, **HERE)
    assert touched == []


@pytest.mark.parametrize(
    "place",
    [
        {"store": "jobs", "job_id": "other"},
        {"store": "other", "job_id": "job"},
        {"store": "job", "job_id": "jobs"},
        {"store": "jobsj", "job_id": "ob"},
        {"store": "", "job_id": "jobsjob"},
    ],
)
def test_bytes_of_one_place_are_refused_at_another(serializer, data, place):
    with pytest.raises(BadSignatureError, match="belong to another job or store"):
        serializer.loads(data, **place)
    assert touched == []


def test_two_jobs_cannot_be_swapped(serializer):
    blobs = {
        name: serializer.dumps(state_of(id=name, args=(Canary(),)), store="jobs", job_id=name)
        for name in ("a", "b")
    }
    for name, other in (("a", "b"), ("b", "a")):
        with pytest.raises(BadSignatureError):
            serializer.loads(blobs[other], store="jobs", job_id=name)
    assert touched == []


def test_an_unsigned_pickle_never_runs(serializer):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(UnsignedError, match="accept_unsigned=True"):
            serializer.loads(pickle.dumps(Canary(), protocol), **HERE)
    assert touched == []


def test_no_pickle_and_no_utf_8_begins_as_signed_bytes_do():
    assert SIGNED_MAGIC[:1].decode("latin-1") not in {op.code for op in pickletools.opcodes}
    with pytest.raises(UnicodeDecodeError):
        SIGNED_MAGIC[:1].decode("utf-8")


def test_unsigned_pickles_are_read_only_where_that_was_asked_for_and_become_signed():
    plain = PickleSerializer().dumps(state_of(), **HERE)
    adopting = SignedPickleSerializer({"new": NEW}, accept_unsigned=True)
    state = adopting.loads(plain, **HERE)
    assert state["args"] == state_of()["args"]
    signed = adopting.dumps(state, **HERE)
    assert SignedPickleSerializer({"new": NEW}).loads(signed, **HERE)["id"] == "job"
    assert "accept_unsigned" in repr(adopting)


def test_signed_bytes_are_verified_while_unsigned_ones_are_accepted(data):
    adopting = SignedPickleSerializer({"new": OLD}, accept_unsigned=True)
    with pytest.raises(BadSignatureError):
        adopting.loads(data, **HERE)
    assert touched == []


def test_the_first_key_signs_and_every_key_verifies():
    written = SignedPickleSerializer({"old": OLD}).dumps(state_of(), **HERE)
    rotating = SignedPickleSerializer({"new": NEW, "old": OLD})
    assert rotating.loads(written, **HERE)["id"] == "job"
    rewritten = rotating.dumps(state_of(), **HERE)
    assert SignedPickleSerializer({"new": NEW}).loads(rewritten, **HERE)["id"] == "job"


def test_a_key_that_was_taken_away_is_named():
    written = SignedPickleSerializer({"old": OLD}).dumps(state_of(), **HERE)
    with pytest.raises(UnknownKeyError, match=r"by the key 'old', .* \('new'\)"):
        SignedPickleSerializer({"new": NEW}).loads(written, **HERE)


def test_another_secret_under_the_same_id_is_a_bad_signature(data):
    with pytest.raises(BadSignatureError, match="key 'new'"):
        SignedPickleSerializer({"new": OLD}).loads(data, **HERE)
    assert touched == []


def test_a_later_version_asks_for_an_upgrade(serializer, data):
    later = data.replace(SIGNED_MAGIC + b"\x01", SIGNED_MAGIC + b"\x02")
    with pytest.raises(NewerVersionError, match=r"in version 2 .* up to 1: upgrade"):
        serializer.loads(later, **HERE)


def test_what_another_signing_serializer_wrote_is_said(serializer):
    data = SignedJSONSerializer({"new": NEW}, callables=["builtins:print"]).dumps(
        state_of(), **HERE
    )
    with pytest.raises(DeserializationError, match="written by SignedJSONSerializer"):
        serializer.loads(data, **HERE)


def test_a_signature_is_the_hmac_that_the_format_describes(serializer, data):
    # Written anew from the description, so that a change of the format cannot go unnoticed.
    payload = pickle.dumps(state_of(args=(Canary(),)), 5)
    parts = (b"tickwright job", b"\x01", b"P", b"jobs", b"job", b"new", payload)
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    digest = hmac.new(NEW, message, hashlib.sha256).digest()
    assert data == b"\xffTickwright-signed\x01P\x03new" + digest + payload


@given(
    st.lists(
        st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=2, max_size=2, unique=True
    )
)
def test_no_two_places_share_a_signature(places):
    serializer = SignedPickleSerializer({"new": NEW})
    (store, job_id), (other, other_id) = places
    data = serializer.dumps(state_of(), store=store, job_id=job_id)
    assert serializer.loads(data, store=store, job_id=job_id)["id"] == "job"
    with pytest.raises(BadSignatureError):
        serializer.loads(data, store=other, job_id=other_id)


@given(st.binary(max_size=100))
def test_bytes_of_anyone_are_an_error_of_ours(junk):
    serializer = SignedPickleSerializer({"new": NEW})
    for data in (junk, SIGNED_MAGIC + junk, SIGNED_MAGIC + b"\x01P\x03new" + junk):
        with pytest.raises(DeserializationError):
            serializer.loads(data, **HERE)


def test_an_id_with_a_lone_surrogate_can_be_signed_for(serializer):
    place = {"store": "jobs", "job_id": "\ud800"}
    assert serializer.loads(serializer.dumps(state_of(), **place), **place)["id"] == "job"


def test_a_verified_pickle_that_cannot_be_read_is_an_error_of_ours(serializer):
    class Broken:
        def __reduce__(self):
            return os.fspath, (1,)

    data = serializer.dumps(state_of(args=(Broken(),)), **HERE)
    with pytest.raises(DeserializationError, match="cannot be unpickled"):
        serializer.loads(data, **HERE)


def test_what_cannot_be_pickled_is_not_signed(serializer):
    with pytest.raises(SerializationError, match=r"args\[0\]"):
        serializer.dumps(state_of(args=(lambda: None,)), **HERE)
