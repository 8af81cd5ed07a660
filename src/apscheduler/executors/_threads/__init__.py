"""Our own pool of threads.

``pool.py`` has the one queue that all workers share, and starts workers on demand. ``worker.py`` is the loop of one
thread. ``runner.py`` runs a claim or a plain job in the calling thread: all executors that use threads call it.

Flow: the scheduler's loop submits items; a sleeping worker is woken; it runs the item, and tells the sink the outcome.

Easy to get wrong: an item of the lane is the job itself (docs/decisions/0002), so nothing about a run may be kept on it
that the next run of the same job would find.
"""
