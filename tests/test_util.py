"""``apscheduler.util``: 3.x's names at 3.x's place, on the modules behind them."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import pytest

from apscheduler import util
from apscheduler.util import undefined

NAMES_OF_3X = {
    "asbool",
    "asint",
    "astimezone",
    "check_callable_args",
    "convert_to_datetime",
    "datetime_ceil",
    "datetime_to_utc_timestamp",
    "get_callable_name",
    "localize",
    "maybe_ref",
    "normalize",
    "obj_to_ref",
    "ref_to_obj",
    "undefined",
    "utc_timestamp_to_datetime",
}


def test_every_name_that_3x_exports_is_exported():
    assert set(util.__all__) >= NAMES_OF_3X


def test_undefined_is_false_and_says_what_it_is():
    assert not undefined
    assert repr(undefined) == "<undefined>"


@pytest.mark.parametrize(
    "copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy, copy.deepcopy]
)
def test_undefined_stays_itself_when_copied(copied):
    assert copied(undefined) is undefined


@pytest.mark.parametrize(
    "slow",
    ["inspect", "asyncio", "tzlocal", "importlib.metadata", "logging", "uuid", "pytz", "difflib"],
)
def test_importing_util_does_not_import(slow):
    code = f"import sys, apscheduler.util; sys.exit({slow!r} in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
