"""Keys: where they come from, which are refused, and that no secret is ever shown."""

from __future__ import annotations

import io
import os
import pickle
import traceback

import pytest
from serializers.states import NEW, OLD, state_of

from apscheduler.serializers import (
    SignedJSONSerializer,
    SignedPickleSerializer,
    keys_from_environment,
    keys_from_file,
)
from apscheduler.serializers.keys import Keyring

SERIALIZERS = pytest.mark.parametrize("cls", [SignedPickleSerializer, SignedJSONSerializer])


@pytest.fixture
def write(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "keys"
        path.write_text(text, "utf-8")
        path.chmod(mode)
        return path

    return write


@SERIALIZERS
@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({}, ValueError, "at least one key"),
        ({"a": b"x" * 15}, ValueError, "'a' has 15 bytes: at least 16"),
        ({"a": "x" * 15}, ValueError, "'a' has 15 bytes: at least 16"),
        ({"a": 5}, TypeError, "must be bytes or str, not int"),
        ({"a": None}, TypeError, "must be bytes or str, not NoneType"),
        ({"": NEW}, ValueError, "cannot be the id of a key"),
        ({"a:b": NEW}, ValueError, "cannot be the id of a key"),
        ({"a\n": NEW}, ValueError, "cannot be the id of a key"),
        ({"a" * 65: NEW}, ValueError, "cannot be the id of a key"),
        ({5: NEW}, ValueError, "cannot be the id of a key"),
        ([("a", NEW)], TypeError, "must map key ids to secrets"),
        (NEW, TypeError, "must map key ids to secrets"),
    ],
)
def test_keys_that_are_none_are_refused_at_once(cls, keys, error, message):
    with pytest.raises(error, match=message):
        cls(keys)


def test_a_secret_of_sixteen_bytes_will_do_as_bytes_and_as_text():
    place = {"store": "jobs", "job_id": "job"}
    data = SignedPickleSerializer({"a": "ä" * 8}).dumps(state_of(), **place)
    assert SignedPickleSerializer({"a": "ä".encode() * 8}).loads(data, **place)["id"] == "job"


def test_a_file_gives_its_keys_in_order(write):
    path = write(f"# since May\nnew:{NEW.hex()}\n\n old : {OLD.hex().upper()} \n")
    assert list(keys_from_file(path).items()) == [("new", NEW), ("old", OLD)]
    assert list(keys_from_file(str(path))) == ["new", "old"]


@pytest.mark.skipif(os.name == "nt", reason="no such rights there")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o777])
def test_a_file_that_others_have_rights_to_is_refused(write, mode):
    path = write(f"a:{NEW.hex()}", mode)
    with pytest.raises(PermissionError, match=f"mode {mode:o}.*chmod 600 {path}"):
        keys_from_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_alone_is_read(write, mode):
    assert keys_from_file(write(f"a:{NEW.hex()}", mode)) == {"a": NEW}


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        keys_from_file(tmp_path / "keys")


@pytest.mark.parametrize("separator", [",", "\n", " ,\n", ",,"])
def test_an_environment_variable_gives_its_keys_in_order(monkeypatch, separator):
    monkeypatch.setenv("JOB_KEYS", f"new:{NEW.hex()}{separator}old:{OLD.hex()}")
    assert list(keys_from_environment("JOB_KEYS").items()) == [("new", NEW), ("old", OLD)]


def test_a_variable_that_is_not_set_is_told(monkeypatch):
    monkeypatch.delenv("JOB_KEYS", raising=False)
    with pytest.raises(LookupError, match="variable JOB_KEYS is not set"):
        keys_from_environment("JOB_KEYS")


MALFORMED = [
    ("", "holds no keys"),
    ("# nothing", "holds no keys"),
    (f"a:{NEW.hex()}\n{OLD.hex()}", "line 2 of .* is not 'id:secret"),
    (f"a b:{OLD.hex()}", "line 1 of .* is not 'id:secret"),
    (f"a:{OLD.hex()}z", "line 1 of .* 'a' is not hexadecimal"),
    (f"a:{OLD.hex()}\na:{OLD.hex()}", "line 2 of .* gives the key 'a' a second time"),
    (f"a:{OLD.hex()[:30]}", "line 1 of .* 'a' has 15 bytes, and at least 16"),
]


@pytest.mark.parametrize(("text", "message"), MALFORMED)
def test_a_malformed_file_is_told_by_place_without_its_secrets(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        keys_from_file(write(text))
    assert OLD.hex()[:12] not in "".join(traceback.format_exception(caught.value))


def test_a_malformed_variable_is_told_by_place_without_its_secrets(monkeypatch):
    monkeypatch.setenv("JOB_KEYS", f"a:{NEW.hex()},{OLD.hex()}")
    with pytest.raises(ValueError, match=r"entry 2 of \$JOB_KEYS is not") as caught:
        keys_from_environment("JOB_KEYS")
    assert OLD.hex()[:12] not in str(caught.value)


@SERIALIZERS
def test_no_secret_is_shown_in_reprs_and_errors(cls):
    secret = "canary-secret-of-24-byte"
    serializer = cls({"may": secret})
    shown = repr(serializer) + repr(vars(serializer)) + str(serializer)
    place = {"store": "jobs", "job_id": "job"}
    other = cls(
        {"may": NEW}, **({"callables": ["builtins:print"]} if "JSON" in cls.__name__ else {})
    )
    for data in (b"", other.dumps(state_of(), **place)):
        with pytest.raises(ValueError) as caught:
            serializer.loads(data, **place)
        shown += "".join(traceback.format_exception(caught.value))
    with pytest.raises(ValueError) as caught:
        cls({"may": secret, "june": "canary-secret"})
    shown += str(caught.value)
    assert "may" in shown
    assert "canary" not in shown
    assert b"canary".hex() not in shown


@SERIALIZERS
def test_a_serializer_with_keys_is_not_pickled(cls):
    with pytest.raises(TypeError, match="keys are not pickled"):
        pickle.Pickler(io.BytesIO()).dump(cls({"a": NEW}))


def test_a_keyring_shows_its_ids():
    assert repr(Keyring({"new": NEW, "old": OLD})) == "<Keyring (new, old)>"
    assert list(Keyring({"new": NEW, "old": OLD})) == ["new", "old"]
