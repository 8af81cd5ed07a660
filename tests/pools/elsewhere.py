"""Makes the worker that loads this (``dask worker --preload pools.elsewhere``) one of another host, as far as we can tell."""

from apscheduler.executors import _away

_away.host_key = lambda: "another host"
