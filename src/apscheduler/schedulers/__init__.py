"""The schedulers: they keep jobs, wait until one is due, and have executors run it.

Users make one of ``blocking.py``, ``background.py``, ``asyncio.py``, ``gevent.py``, ``tornado.py``, ``twisted.py`` or
``qt.py``. Each says how to wait, and all else is in ``base.py``, their base class. These are faces at 3.x's paths.

Behind them, from the bottom up: ``_states.py``; ``_overridden.py``, which tells what a program has put in the place of our
methods; ``_store_calls.py``, which calls job stores and deals with what they raise; ``_dispatch/``, the loop;
``previews.py``; ``_api/``, what users call; ``_start/`` and ``_end/``; ``base.py``; ``_hosts/``. ``_contract.py`` has types
only: what the parts need of a scheduler.

Flow: ``start()`` starts executors and stores and puts the pending jobs into these → the host calls ``_process_jobs()``, a
pass of the loop → it returns the seconds to wait → ``wakeup()``, from any thread, ends that wait early → ``shutdown()``.

Easy to get wrong: what a subclass overrides is called, in 3.x's order (``tests/overrides``). A scheduler can be started
again after a shutdown, and in a child process after a fork.
"""

from __future__ import annotations


class SchedulerAlreadyRunningError(Exception):
    """The scheduler is running, or is being shut down, and this can only be done while it is not."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "the scheduler is already running"


class SchedulerNotRunningError(Exception):
    """The scheduler is not running, and this can only be done while it is."""

    def __str__(self) -> str:
        return "the scheduler is not running"
