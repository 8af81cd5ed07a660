"""What runs inside a worker process: it reads calls from the pipe, runs them, and writes the answers.

``worker.py`` is the main function of our own workers. ``calls.py`` runs one call and makes its answers, with
``coroutines.py`` for what is awaited and ``alarm.py`` for what has a timeout. ``ctrl_c.py`` is for pools of others.

The process is started by ``_processes/starts.py``. Processes of other pools run a call through ``_foreign/away.py``,
which uses the same ``calls.py``.

Easy to get wrong: a worker imports this before the user's code, so each import here delays every start of a worker.
"""
