"""A module whose library is not installed says so when it is imported, and what to install."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tools import TESTED

MISSING = {
    "apscheduler.jobstores.sqlalchemy": ("sqlalchemy", "'tickwright[sqlalchemy]'"),
    "apscheduler.jobstores.redis": ("redis", "'tickwright[redis]'"),
    "apscheduler.jobstores.mongodb": ("pymongo", "'tickwright[mongodb]'"),
    "apscheduler.jobstores.rethinkdb": ("rethinkdb", "'tickwright[rethinkdb]'"),
    "apscheduler.jobstores.zookeeper": ("kazoo", "'tickwright[zookeeper]'"),
    "apscheduler.jobstores.etcd": ("etcd3gw", "'tickwright[etcd]'"),
    "apscheduler.executors.gevent": ("gevent", "'tickwright[gevent]'"),
    "apscheduler.schedulers.gevent": ("gevent", "'tickwright[gevent]'"),
    "apscheduler.schedulers.tornado": ("tornado", "'tickwright[tornado]'"),
    "apscheduler.schedulers.twisted": ("twisted", "'tickwright[twisted]'"),
    "apscheduler.schedulers.qt": ("PySide6 PyQt6 PySide2 PyQt5", "PySide6"),
}
"""By module: the libraries it needs one of, and what pip is to be told."""

PROGRAM = """
import importlib, importlib.abc, json, sys
modules = json.loads(sys.argv[1])
class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in BLOCKED:
            found = (each.find_spec(name, path, target) for each in FINDERS)
            return next(filter(None, found), None)
BLOCKED = {each for needed, _ in modules.values() for each in needed.split()}
FINDERS = list(sys.meta_path)
sys.meta_path[:] = [Without()]
said = {}
for module in modules:
    try:
        importlib.import_module(module)
        said[module] = None
    except BaseException as exc:
        said[module] = [type(exc).__name__, str(exc)]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(project_root):
    command = [sys.executable, "-c", PROGRAM, json.dumps(MISSING)]
    ran = subprocess.run(command, cwd=TESTED, capture_output=True, check=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("module", MISSING)
def test_what_is_missing_is_named_with_the_way_to_install_it(said, module):
    kind, text = said[module]
    assert kind == "ImportError"
    assert text.endswith(f"pip install {MISSING[module][1]}")


def test_no_module_with_such_words_is_left_out(project_root):
    package = project_root / "src" / "apscheduler"
    saying = {
        ".".join(("apscheduler", *each.relative_to(package).with_suffix("").parts))
        for each in package.rglob("*.py")
        if "pip install" in (text := each.read_text("utf-8")) and "\n    raise ImportError(" in text
    }
    assert saying - {"apscheduler.jobstores._sql.connection.database"} == set(MISSING)
