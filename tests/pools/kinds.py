"""How each pool is made, with two workers, and what is so about it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from concurrent import futures


@contextlib.contextmanager
def threads():
    yield futures.ThreadPoolExecutor(2)


@contextlib.contextmanager
def processes():
    import multiprocessing

    yield futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def interpreters():
    yield futures.InterpreterPoolExecutor(2)


@contextlib.contextmanager
def dask_processes(*, processes=True):
    import dask
    from distributed import Client, LocalCluster

    # On a busy machine a worker needs longer than 15 s to be there again.
    dask.config.set({"distributed.deploy.lost-worker-timeout": "300s"})
    cluster = LocalCluster(
        processes=processes, n_workers=1, threads_per_worker=2, dashboard_address=None
    )
    yield Client(cluster).get_executor()


def dask_threads():
    return dask_processes(processes=False)


@contextlib.contextmanager
def dask_elsewhere():
    """A cluster that outlives this process, whose worker is taken for one of another host."""
    from distributed import Client

    # Elsewhere nobody but Dask can keep a call from being started again.
    environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    scheduler = [
        "dask",
        "scheduler",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        "dask.json",
    ]
    worker = [
        "dask",
        "worker",
        "--scheduler-file",
        "dask.json",
        "--nthreads",
        "2",
        "--no-dashboard",
    ]
    subprocess.Popen(scheduler, env=environment)
    subprocess.Popen([*worker, "--preload", "pools.elsewhere"], env=environment)
    yield Client(scheduler_file="dask.json", timeout=120).get_executor()


@contextlib.contextmanager
def deadpool():
    from deadpool import Deadpool

    yield Deadpool(max_workers=2)


@contextlib.contextmanager
def parsl_threads():
    from parsl.concurrent import ParslPoolExecutor
    from parsl.config import Config
    from parsl.executors import ThreadPoolExecutor

    yield ParslPoolExecutor(Config(executors=[ThreadPoolExecutor(max_threads=2)]))


@contextlib.contextmanager
def parsl_processes():
    from parsl.concurrent import ParslPoolExecutor
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    provider = LocalProvider(init_blocks=1, max_blocks=1)
    executor = HighThroughputExecutor(
        max_workers_per_node=2,
        cores_per_worker=0.1,
        address="127.0.0.1",
        encrypted=False,
        provider=provider,
    )
    yield ParslPoolExecutor(Config(executors=[executor]))


@contextlib.contextmanager
def loky():
    from loky import get_reusable_executor

    yield get_reusable_executor(max_workers=2)


@contextlib.contextmanager
def loky_factory():
    from loky import get_reusable_executor

    yield lambda: get_reusable_executor(max_workers=2)


def _cluster_of_ipyparallel():
    """Start engines; now and then none of them finds its controller, so once more where that takes long."""
    import ipyparallel

    for tries in (1, 0):
        # Two of them are killed, and it starts no others.
        cluster = ipyparallel.Cluster(n=3, engine_timeout=30)
        try:
            return cluster, cluster.start_and_connect_sync()
        except TimeoutError:
            cluster.stop_cluster_sync()
            if not tries:
                raise
    raise AssertionError


@contextlib.contextmanager
def ipyparallel(*, view=False):
    cluster, client = _cluster_of_ipyparallel()
    try:
        yield client.load_balanced_view().executor if view else client.executor()
    finally:
        cluster.stop_cluster_sync()


def ipyparallel_view():
    return ipyparallel(view=True)


@contextlib.contextmanager
def gevent():
    from gevent.threadpool import ThreadPoolExecutor

    yield ThreadPoolExecutor(2)


@contextlib.contextmanager
def pebble_processes():
    import pebble

    yield lambda: pebble.ProcessPool(
        max_workers=2
    )  # one whose idle worker was killed takes nothing more


@contextlib.contextmanager
def pebble_threads():
    import pebble

    yield pebble.ThreadPool(max_workers=2)


MAKERS = {
    each.__name__: each
    for each in (
        threads,
        processes,
        interpreters,
        dask_processes,
        dask_threads,
        dask_elsewhere,
        deadpool,
        parsl_threads,
        parsl_processes,
        loky,
        loky_factory,
        ipyparallel,
        ipyparallel_view,
        gevent,
        pebble_processes,
        pebble_threads,
    )
}
THREADS = {"threads", "interpreters", "dask_threads", "parsl_threads", "gevent", "pebble_threads"}
"""Those whose jobs run in this process."""
LONGEST_SHUTDOWN = {"gevent": 3.5}
"""Seconds of a shutdown that does not wait; gevent's ``submit`` waits for a thread, and those who called it do."""
