"""Event loops as ports: what schedulers and executors need of asyncio, Tornado, Twisted or Qt, and nothing else.

``port.py`` says what a port is, and has asyncio's. ``twisted.py`` and ``qt.py`` have the others; Tornado runs on asyncio.
``coroutines.py`` awaits what a job returned, in a loop that belongs to the calling thread;
``answers.py`` runs what async listeners returned.

Schedulers in an event loop call a port for their timer, executors for their tasks. Both are above this package.

Easy to get wrong: any thread may use a port's ``call``, but only the loop's thread ``later`` and ``start``. A loop can
end with calls that it accepted and never made.
"""
