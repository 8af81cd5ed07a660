"""What runs inside a worker process: it reads calls from the pipe, runs them, and writes the answers.

``worker.py`` is the main function of our own workers, ``alarm.py`` ends a function at its timeout.

The process is started by ``_processes/starts.py``. Processes of other pools use the same code through ``_foreign/away.py``.

Easy to get wrong: a worker imports this before the user's code, so each import here delays every start of a worker.
"""
