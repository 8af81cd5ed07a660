"""What pyproject.toml promises to those who install the distribution."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from textwrap import dedent

import pytest

from tests.test_public_api import require_client
from tools import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# The plug-ins that 3.11.3's metadata names, by group: alias and target below the group's package.
PLUGINS = {
    "triggers": {
        "and": "combining:AndTrigger",
        "calendarinterval": "calendarinterval:CalendarIntervalTrigger",
        "cron": "cron:CronTrigger",
        "date": "date:DateTrigger",
        "interval": "interval:IntervalTrigger",
        "or": "combining:OrTrigger",
    },
    "executors": {
        "asyncio": "asyncio:AsyncIOExecutor",
        "debug": "debug:DebugExecutor",
        "gevent": "gevent:GeventExecutor",
        "processpool": "pool:ProcessPoolExecutor",
        "threadpool": "pool:ThreadPoolExecutor",
        "tornado": "tornado:TornadoExecutor",
        "twisted": "twisted:TwistedExecutor",
    },
    "jobstores": {
        "etcd": "etcd:EtcdJobStore",
        "memory": "memory:MemoryJobStore",
        "mongodb": "mongodb:MongoDBJobStore",
        "redis": "redis:RedisJobStore",
        "rethinkdb": "rethinkdb:RethinkDBJobStore",
        "sqlalchemy": "sqlalchemy:SQLAlchemyJobStore",
        "zookeeper": "zookeeper:ZooKeeperJobStore",
    },
}
OURS = [
    pytest.param(target, id=f"{group} {alias}")
    for group, aliases in PROJECT["entry-points"].items()
    for alias, target in aliases.items()
]


@pytest.mark.parametrize("group", PLUGINS)
def test_the_plugins_of_3_11_are_there_under_their_aliases(group) -> None:
    package = f"apscheduler.{group}"
    expected = {alias: f"{package}.{target}" for alias, target in PLUGINS[group].items()}
    assert expected.items() <= PROJECT["entry-points"][package].items()


@pytest.mark.parametrize("target", OURS)
def test_every_entry_point_can_be_loaded(target) -> None:
    module, _, name = target.partition(":")
    require_client(module)
    assert isinstance(getattr(import_module(module), name), type)


def test_the_core_depends_on_three_distributions_only() -> None:
    names = {text.partition(">")[0] for text in PROJECT["dependencies"]}
    assert names == {"click", "tzdata", "tzlocal"}


def test_the_extras_of_3_11_are_there_under_their_names() -> None:
    of_3_11 = {
        "etcd",
        "gevent",
        "mongodb",
        "redis",
        "rethinkdb",
        "sqlalchemy",
        "tornado",
        "twisted",
        "zookeeper",
    }
    assert of_3_11 <= PROJECT["optional-dependencies"].keys()
    shim = tomllib.loads((ROOT / "shim/pyproject.toml").read_text("utf-8"))["project"]
    assert shim["optional-dependencies"].keys() == of_3_11


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_an_extra_brings_what_the_package_uses(extra) -> None:
    """An extra that does nothing is not offered: each library of one is named by the code, as a module or a driver."""
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    wanted = PROJECT["optional-dependencies"][extra]
    assert wanted
    for text in wanted:
        library = re.match(r"[\w-]+", text)[0].replace("-", "_")
        assert re.search(rf"(?:import|from) {library}\b|[\"+]{library}[\".]", code), library


def test_the_trigger_rrule_needs_no_dateutil() -> None:
    script = """
        import sys
        sys.modules["dateutil"] = None
        from apscheduler.triggers.rrule import RRuleTrigger
        print(RRuleTrigger("DTSTART:20300101T090000Z\\nRRULE:FREQ=DAILY").preview(1)[0].utc.hour)
    """
    made = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (made.stdout, made.stderr) == ("9\n", "")


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/apscheduler/py.typed").is_file()
