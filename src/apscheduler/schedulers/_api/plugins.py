"""Finds triggers, executors and job stores by name: ours by a table, those of others by entry point.

With the table, built-in names work where there is no metadata (zip files, PyInstaller), and importlib.metadata is
imported only if another name is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module

from apscheduler.names import hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


BUILT_IN: Final[dict[str, dict[str, str]]] = {
    "triggers": {
        "and": "apscheduler.triggers.combining:AndTrigger",
        "calendarinterval": "apscheduler.triggers.calendarinterval:CalendarIntervalTrigger",
        "cron": "apscheduler.triggers.cron:CronTrigger",
        "crontab": "apscheduler.triggers.crontab:CrontabTrigger",
        "date": "apscheduler.triggers.date:DateTrigger",
        "interval": "apscheduler.triggers.interval:IntervalTrigger",
        "or": "apscheduler.triggers.combining:OrTrigger",
        "rrule": "apscheduler.triggers.rrule:RRuleTrigger",
    },
    "executors": {
        "asyncio": "apscheduler.executors.asyncio:AsyncIOExecutor",
        "debug": "apscheduler.executors.debug:DebugExecutor",
        "gevent": "apscheduler.executors.gevent:GeventExecutor",
        "processpool": "apscheduler.executors.pool:ProcessPoolExecutor",
        "threadpool": "apscheduler.executors.pool:ThreadPoolExecutor",
        "tornado": "apscheduler.executors.tornado:TornadoExecutor",
        "twisted": "apscheduler.executors.twisted:TwistedExecutor",
    },
    "jobstores": {
        "etcd": "apscheduler.jobstores.etcd:EtcdJobStore",
        "memory": "apscheduler.jobstores.memory:MemoryJobStore",
        "mongodb": "apscheduler.jobstores.mongodb:MongoDBJobStore",
        "redis": "apscheduler.jobstores.redis:RedisJobStore",
        "rethinkdb": "apscheduler.jobstores.rethinkdb:RethinkDBJobStore",
        "sqlalchemy": "apscheduler.jobstores.sqlalchemy:SQLAlchemyJobStore",
        "zookeeper": "apscheduler.jobstores.zookeeper:ZooKeeperJobStore",
    },
}


class BuiltIn:
    """A built-in plug-in; loads like an entry point."""

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value

    def load(self) -> Any:
        """Import the class and return it.

        :raises ImportError: if a library it needs is missing
        """
        module_name, _, attribute = self.value.partition(":")
        return getattr(import_module(module_name), attribute)

    def __repr__(self) -> str:
        return f"BuiltIn({self.name!r}, {self.value!r})"


class Plugins(MutableMapping):  # type: ignore[type-arg] # names to BuiltIns and entry points
    """The plug-ins of one kind by name; entry points of others are looked for at the first unknown name."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._known: dict[str, Any] = {
            name: BuiltIn(name, value) for name, value in BUILT_IN[kind].items()
        }
        self._complete = False

    def _complete_from_metadata(self) -> None:
        from importlib.metadata import entry_points

        self._complete = True
        for entry_point in entry_points(group=f"apscheduler.{self._kind}"):
            self._known.setdefault(entry_point.name, entry_point)

    def __getitem__(self, name: str) -> Any:
        if name not in self._known and not self._complete:
            self._complete_from_metadata()
        return self._known[name]

    def __setitem__(self, name: str, plugin: Any) -> None:
        self._known[name] = plugin

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        if not self._complete:
            self._complete_from_metadata()
        return iter(self._known)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def load_plugin(
    kind: str, name: str, plugins: MutableMapping[str, Any], is_right: Callable[[Any], bool]
) -> Any:
    """Return the class that a plug-in's name stands for.

    :param kind: "trigger", "executor" or "job store", for messages
    :raises LookupError: if there is no plug-in of this name
    :raises TypeError: if it is not a class of the right kind
    """
    try:
        plugin = plugins[name]
    except KeyError:
        raise LookupError(
            f"there is no {kind} by the name {name!r}; {hint(name, plugins)}"
        ) from None
    loaded = plugin.load()
    if not is_right(loaded):
        raise TypeError(f"the {kind} plug-in {name!r} gave {loaded!r}, which is not a {kind} class")
    return loaded
