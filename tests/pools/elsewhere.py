"""Makes the worker that loads this (``dask worker --preload pools.elsewhere``) one of another host, as far as we can tell."""

from apscheduler.executors._foreign import away

away.host_key = lambda: "another host"
