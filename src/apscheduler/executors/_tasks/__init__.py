"""Jobs in the scheduler's event loop: coroutine jobs as tasks of the loop, functions in a pool of threads.

``runs.py`` starts claims and ends with the executor. ``flights.py`` knows what is in flight, ``coroutines.py`` runs a claim
in a task, ``threads.py`` in a thread. ``deaths.py`` settles the claims of a loop that has ended before they did.
``executor.py`` and ``asyncio.py`` have what the executors in a loop share.

Claims are submitted by any thread, and start in the loop's thread, through its port (``apscheduler/loops``).

Easy to get wrong: a loop can end at any moment, with tasks begun and calls accepted. Each claim still gets one outcome.
"""
