"""Our own pool of worker processes, as the scheduler's process sees it.

``pool.py`` takes claims. ``manager.py`` is the one thread that has calls given to workers and takes their answers. Its
parts: ``giving.py`` chooses who gets which calls, ``crew.py`` keeps the workers and takes away those that have ended,
``starts.py`` starts them, and waits after a failed start (a worker that ended before it was ready), ``deaths.py`` settles
what a dead one had, ``clocks.py`` handles those that take too long, ``durations.py`` remembers which functions
are very short. ``worker.py`` is what is known of one worker and its calls, ``needs.py`` says what the parts need of the
pool. What runs inside a worker is in ``_child``, what crosses the pipe in ``_wire``; ``_attempt/answers.py`` turns an
answer into a result.

States of a claim: queued → sent → begun → settled. One that was sent and has not begun may be queued again.

Easy to get wrong: a worker can die, hang or be killed between any two steps, and its calls must still be settled once.
"""
