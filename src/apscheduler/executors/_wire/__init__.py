"""What crosses the pipe between the scheduler's process and a process that runs jobs.

``calls.py`` has the form of a call on its way there and of its answers on the way back, ``errors.py`` an exception in a
form that always travels, ``board.py`` the small file in which a worker says which call it runs and since when.
``cells.py`` makes and deletes such files.

Both sides import this package, so it imports little. It knows neither pools nor workers: ``_child`` runs the calls.

Easy to get wrong: the user's objects travel as bytes inside our own plain tuples. An object that cannot be pickled then
fails its own run, and the channel stays usable.
"""
