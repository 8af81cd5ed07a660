"""Our own pool of worker processes, as the scheduler's process sees it.

``pool.py`` takes claims; ``manager.py`` is the one thread that gives calls to workers and takes their answers;
``worker.py`` is what it knows of each worker. ``starts.py`` starts workers, ``deaths.py`` settles what a dead one had,
``clocks.py`` handles those that take too long, ``durations.py`` remembers which functions are very short, ``answers.py``
turns an answer into a result. What runs inside a worker is in ``_child``, what crosses the pipe in ``_wire``.

Easy to get wrong: a worker can die, hang or be killed between any two steps, and its calls must still be settled once.
"""
